"""Model files that mean harm: what is done to a good one, and how the reader refuses what comes of it.

``python tests/inference/attacks/make.py FOLDER`` writes them all, to be looked at. Nothing here is the library's: the
archives are made by ``zipfile``, by hand where it refuses to, and sealed as ``jaxdoodle/inference/README.md`` says.
"""

import hashlib
import io
import json
import os
import pickle
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

Attack = Callable[[bytes], bytes]

GOOD = Path(__file__).parent.parent / "model-v1.npz"
W, B = "layers/0/w.npy", "layers/0/b.npy"  # float32 (3, 3, 1, 2) and (2,)
INPUTS, LOGITS = "goldens/inputs.npy", "goldens/logits.npy"  # of 4 images of 6x5


def unpack(data):
    """The header and the other members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    return json.loads(members.pop("header.json")), members


def digest(header, members):
    text = json.dumps({k: v for k, v in header.items() if k != "sha256"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii") + b"".join(members[name] for name in sorted(members))).hexdigest()


def pack(header, members, compression=zipfile.ZIP_STORED, seal=True):
    """A file made by someone else: any content, with a digest that is right."""
    if isinstance(header, dict):
        header = json.dumps(header | {"sha256": digest(header, members)} if seal else header)
    return archive({"header.json": header, **members}, compression)


def archive(members, compression=zipfile.ZIP_STORED, comment=b"", names=()):
    """``names`` are members to add as they are, also where they come twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that comes twice
        for name, content in (*members.items(), *names):
            file.writestr(name, content)
        file.comment = comment
    return buffer.getvalue()


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


# What is done to a good file: each of these gives an attack.


def replaced(data: bytes) -> Attack:
    return lambda good: data


def head(**changes) -> Attack:
    """Other entries in the header."""

    def attack(good):
        header, members = unpack(good)
        return pack(header | changes, members)

    return attack


def inside(key, **changes) -> Attack:
    """Other entries in the header's spec or contract."""
    return lambda good: head(**{key: unpack(good)[0][key] | changes})(good)


def layer(index, **changes) -> Attack:
    def attack(good):
        layers = unpack(good)[0]["spec"]["layers"]
        return inside("spec", layers=[*layers[:index], layers[index] | changes, *layers[index + 1 :]])(good)

    return attack


def text(edit: Callable[[str], str]) -> Attack:
    """Another text for a header."""

    def attack(good):
        header, members = unpack(good)
        return pack(edit(json.dumps(header)).encode(), members)

    return attack


def named(changes) -> Attack:
    """Other members; one that is None is left out."""

    def attack(good):
        header, members = unpack(good)
        return pack(header, {k: v for k, v in (members | changes).items() if v is not None})

    return attack


def renamed(name) -> Attack:
    """The weights under another name."""
    return lambda good: named({W: None, name: unpack(good)[1][W]})(good)


def weights(change: Callable[[np.ndarray], np.ndarray], name=W) -> Attack:
    return lambda good: named({name: npy(change(np.load(io.BytesIO(unpack(good)[1][name]))))})(good)


def first(value) -> Callable[[np.ndarray], np.ndarray]:
    """Another first value."""

    def change(array):
        array.flat[0] = value
        return array

    return change


def entry(offset, form, value, header_offset=None) -> Attack:
    """Another number in the directory's entry of the weights and, if an offset is given, in their own header."""

    def attack(good):
        data = bytearray(good)
        name = W.encode()
        struct.pack_into(form, data, data.rindex(name) - 46 + offset, value)
        if header_offset is not None:
            struct.pack_into(form, data, data.index(name) - 30 + header_offset, value)
        return bytes(data)

    return attack


def end(offset, form, value) -> Attack:
    """Another number in the archive's end."""

    def attack(good):
        data = bytearray(good)
        struct.pack_into(form, data, len(data) - 22 + offset, value)
        return bytes(data)

    return attack


def overlapping(good: bytes) -> bytes:
    """The directory leads to the header's bytes once more, under another name and of the same length."""
    data, place = bytearray(good), good.rindex(B.encode()) - 46
    struct.pack_into("<I", data, place + 42, good.index(W.encode()) - 30)
    return bytes(data)


def streamed(good: bytes) -> bytes:
    """As ``zipfile`` writes to a pipe: sizes come after the members."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    header, members = unpack(good)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as file:
        for name, content in {"header.json": json.dumps(header), **members}.items():
            file.writestr(name, content)
    return pipe.data


def zip64(good: bytes) -> bytes:
    """With the records for archives of more than 4 GB, as ``numpy.savez`` writes them."""
    header, members = unpack(good)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in {"header.json": json.dumps(header).encode(), **members}.items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(content)
    return buffer.getvalue()


def zip64_end(good: bytes) -> bytes:
    """An end that points on to a record for larger archives, which says that there are 2**40 members."""
    _, _, _, _, count, size, place, _ = struct.unpack("<4s4H2IH", good[-22:])
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, size, place)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(good) - 22, 1)
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, size, 0xFFFFFFFF, 0)
    return good[:-22] + record + locator + last


def gap(good: bytes) -> bytes:
    """Bytes between the last member and the directory, which the end accounts for."""
    _, _, _, _, count, size, place, _ = struct.unpack("<4s4H2IH", good[-22:])
    return good[:place] + b"hidden" + good[place:-22] + struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, place + 6, 0
    )  # fmt: skip


def bomb(good: bytes) -> bytes:
    """64 MB of zeros in 64 KB."""
    header, members = unpack(good)
    return pack(header, {**members, W: bytes(1 << 26)}, zipfile.ZIP_DEFLATED, seal=False)


class Exploit:
    def __reduce__(self):
        return (os.mkdir, ("exploited",))


def pickled(good: bytes) -> bytes:
    content = npy(np.zeros(1)).replace(b"'<f8'", b"'|O' ")[:128] + pickle.dumps(Exploit())
    return named({W: content})(good)


def goldens(count: int) -> Attack:
    return lambda good: named({
        INPUTS: npy(np.zeros((count, 6, 5, 1), np.uint8)), LOGITS: npy(np.zeros((count, 3), np.float32)),
    })(good)  # fmt: skip


def wide(good: bytes) -> bytes:
    """A convolution of a few weights that takes four thousand million multiplications."""
    layers = [
        {"type": "Conv2D", "filters": 600, "kernel_size": [1, 1]}, {"type": "Conv2D", "filters": 600, "kernel_size": 9},
        {"type": "GlobalAvgPool2D"}, {"type": "Dense", "units": 3},
    ]  # fmt: skip
    return inside("spec", input_shape=[20, 20, 1], layers=layers)(good)


NO_ZIP, DISAGREE = "not a model file, or a damaged one: it does not end", "do not agree"
NAMES = [f"n{i}" for i in range(30_000)]

#: Name -> what is done to a good file, and what the refusal says.
ATTACKS: dict[str, tuple[Attack, str]] = {
    # no archive, or a piece of one
    "nothing": (replaced(b""), NO_ZIP),
    "a text": (replaced(b"hello\n" * 100), NO_ZIP),
    "a bare pickle": (replaced(pickle.dumps(Exploit())), NO_ZIP),
    "an empty archive": (lambda good: archive({}), "header.json is missing: not a jaxdoodle model file"),
    "first half": (lambda good: good[: len(good) // 2], NO_ZIP),
    "last half": (lambda good: good[len(good) // 2 :], "the end of the zip archive says what the archive is not"),
    "last byte missing": (lambda good: good[:-1], NO_ZIP),
    "first byte missing": (lambda good: good[1:], "the end of the zip archive says what the archive is not"),
    "more than 64 MB": (replaced(bytes((1 << 26) + 1)), "has more than 67,108,864 bytes"),
    # archives that are more than a row of stored members
    "compressed": (lambda good: pack(*unpack(good), zipfile.ZIP_DEFLATED), "header.json is compressed"),
    "zip bomb": (bomb, "header.json is compressed"),
    "called stored, with another size": (entry(24, "<I", 1 << 31), "is compressed"),
    "member of 2 GB in the directory": (entry(20, "<Q", 1 << 63 | 1 << 31), DISAGREE),
    "member of 2 GB everywhere": (entry(20, "<Q", 1 << 63 | 1 << 31, 18), "the CRC-32 of layers/0/w.npy is not that"),
    "overlapping members": (overlapping, DISAGREE),
    "member before the archive": (entry(42, "<I", 0), DISAGREE),
    "member far behind the archive": (entry(42, "<I", 0xFFFFFFF0), DISAGREE),
    "program before the archive": (lambda good: b"#!/bin/sh\nrm -rf /\n" + good, "says what the archive is not"),
    "bytes after the archive": (lambda good: good + b"\0", NO_ZIP),
    "archive after the archive": (lambda good: good + good, "says what the archive is not"),
    "comment": (lambda good: archive(_members(good), comment=b"PK"), NO_ZIP),
    "bytes between members": (gap, "bytes, that its directory does not have"),
    "several disks": (end(4, "<H", 1), "says what the archive is not"),
    "fewer members in the end": (end(8, "<I", 10 << 16 | 10), "that its directory does not have"),
    "directory of 4 GB": (end(12, "<I", 0xFFFFFFFF), "says what the archive is not"),
    "sizes after the members": (streamed, "is more than a stored file"),
    "records of large archives": (zip64, DISAGREE),
    "end of large archives": (zip64_end, "says what the archive is not"),
    "encrypted": (entry(8, "<H", 1, 6), "layers/0/w.npy is more than a stored file: encrypted, extended"),
    "symbolic link": (entry(38, "<I", 0o120777 << 16), "layers/0/w.npy is more than a stored file"),
    "device": (entry(38, "<I", 0o020666 << 16), "layers/0/w.npy is more than a stored file"),
    "unknown method": (entry(10, "<H", 99, 8), "layers/0/w.npy is compressed"),
    "another checksum": (entry(16, "<I", 7, 14), "the CRC-32 of layers/0/w.npy is not that of its content"),
    "another date in the directory": (entry(12, "<I", 7), DISAGREE),
    "a member twice": (
        lambda good: archive(_members(good), names=[(W, b"")]), "layers/0/w.npy comes twice in the archive"),
    "the header twice": (
        lambda good: archive(_members(good), names=[("header.json", "{}")]), "header.json comes twice in the archive"),
    "line breaks in a compressed name": (
        lambda good: archive({"\n\x1b[2Jh": b""}, zipfile.ZIP_DEFLATED), r"\n\x1b[2Jh is compressed"),
    # names that lead elsewhere
    "path out of the archive": (renamed("../../evil.npy"), "layers/0/w.npy is missing"),
    "another path out of the archive": (named({"../../evil.npy": b""}), "'../../evil.npy' is not in the spec"),
    "absolute path": (named({"/etc/cron.d/evil.npy": b""}), "'/etc/cron.d/evil.npy' is not in the spec"),
    "drive": (named({"C:/evil.npy": b""}), "'C:/evil.npy' is not in the spec"),
    "directory": (named({"layers/": b""}), "layers/ is more than a stored file"),
    "backslashes": (lambda good: renamed("layers/0/w.npX")(good).replace(b"layers/0/w.npX", rb"layers\0\w.npy"),
                    "layers/0/w.npy is missing"),
    "capitals": (renamed("LAYERS/0/W.NPY"), "layers/0/w.npy is missing"),
    "NUL in a name": (lambda good: renamed("layers/0/w.npyX")(good).replace(b"w.npyX", b"w.npy\0"),
                      "layers/0/w.npy is missing"),
    "letters that look alike": (renamed("l\N{CYRILLIC SMALL LETTER A}yers/0/w.npy"), "layers/0/w.npy is missing"),
    "escape sequence in a name": (named({"\x1b[2J": b""}), r"'\x1b[2J' is not in the spec"),
    "name of 60 KB": (named({"x" * 60_000: b""}), "is not in the spec"),
    "5,000 members": (named({f"{i}": b"" for i in range(5_000)}), "5011 members; at most 1000"),
    # headers
    "no header": (lambda good: archive(unpack(good)[1]), "header.json is missing: not a jaxdoodle model file"),
    "other format": (head(format="other"), 'does not say "format": "jaxdoodle model"'),
    "version 0": (head(version=0), "version 0 of the format; this program reads versions 1 and 2"),
    "later version": (head(version=3), "version 3 of the format; this program reads versions 1 and 2"),
    "version true": (head(version=True), "version True of the format; this program reads versions 1 and 2"),
    "version with a point": (head(version=1.0), "version 1.0 of the format; this program reads versions 1 and 2"),
    "version as text": (head(version="1"), "version '1' of the format; this program reads versions 1 and 2"),
    "header is a list": (text(lambda json: "[]"), 'does not say "format"'),
    "header is not JSON": (text(lambda json: "{"), "header.json is not JSON"),
    "header with more behind it": (text(lambda json: json + "{}"), "header.json is not JSON"),
    "header is not ASCII": (text(lambda json: '{"format": "é"}'), "header.json is not JSON"),
    "header with NaN": (text(lambda json: json.replace("1.25", "NaN")), "NaN is no number"),
    "key twice": (text(lambda json: '{"version": 1, ' + json[1:]), "a key comes twice"),
    "key twice in the spec": (text(lambda json: json.replace('"units"', '"units": 9, "units"')), "a key comes twice"),
    "nested deep": (text(lambda json: '{"format":' * 50_000), "header.json is not JSON"),
    "lists nested deep": (text(lambda json: "[" * 1_000_000), "header.json is not JSON"),
    "number of 5,000 digits": (text(lambda json: '{"version": ' + "9" * 5000 + "}"), "header.json is not JSON"),
    "header of 2 MB": (head(provenance={"log": "x" * (1 << 21)}), "header.json takes 2"),
    "another key": (head(command="rm"), "expected abstain_below, contract"),
    "provenance is a list": (head(provenance=[]), "provenance is a mapping"),
    "infinite temperature": (text(lambda json: json.replace("1.25", "1e999")), "one"),
    "no temperature": (head(temperature=None), "temperature is a positive number; got None"),
    "temperature true": (head(temperature=True), "temperature is a positive number; got True"),
    "temperature below zero": (head(temperature=-1), "temperature is a positive number; got -1"),
    "threshold true": (head(abstain_below=True), "abstain_below is a number or null; got True"),
    "threshold is a text": (head(abstain_below="0"), "abstain_below is a number or null"),
    "wrong digest": (lambda good: pack(unpack(good)[0] | {"sha256": "0" * 64}, unpack(good)[1], seal=False),
                     "the file is damaged"),
    "digest is a number": (lambda good: pack(unpack(good)[0] | {"sha256": 7}, unpack(good)[1], seal=False),
                           "the file is damaged"),
    "other weights under the old digest": (
        lambda good: pack(unpack(good)[0], unpack(good)[1] | {B: npy(np.ones(2, np.float32))}, seal=False),
        "the file is damaged"),
    # specs and contracts
    "classes too few": (inside("spec", classes=["cat", "clock"]), "of shape (3,), but there are 2 class names"),
    "classes too many": (inside("spec", classes=["a", "b", "c", "d"]), "but there are 4 class names"),
    "no classes": (inside("spec", classes=[]), "the spec names no classes"),
    "class twice": (inside("spec", classes=["a", "b", "a"]), "a came more than once"),
    "60,000 classes twice": (inside("spec", classes=NAMES + NAMES), "came more than once"),
    "classes not names": (inside("spec", classes=[1, 2, [3]]), "classes holds names"),
    "class that clears the screen": (inside("spec", classes=["a", "b", "\x1b[2J"]), "class names are printable"),
    "spec is a list": (head(spec=[1]), "a spec is"),
    "unknown layer": (layer(0, type="Exec"), "has type 'Exec'"),
    "unknown option": (layer(0, command="rm"), "layers[0] (Conv2D)"),
    "filters is a text": (layer(0, filters="2"), "layers[0] (Conv2D): filters of Conv2D is a positive integer"),
    "slope beyond floats": (layer(2, type="LeakyReLU", slope=10**400), "slope of LeakyReLU is a finite number"),
    "kernel larger than image": (layer(0, kernel_size=[9, 9]), "is larger than its 6x5 image"),
    "billion units": (layer(5, units=10**9), "but there are 3 class names"),
    "30,000 layers": (inside("spec", layers=[{"type": "Tanh"}] * 30_000 + [{"type": "Flatten"}]), "of shape (30,)"),
    "image of a billion values": (inside("spec", input_shape=[6, 5, 10**9]), "at most 4194304 are allowed"),
    "image of astronomical size": (inside("spec", input_shape=[10**3000] * 2 + [1]), "one"),
    "few weights, many multiplications": (wide, "multiplications here; at most"),
    "contract of another shape": (inside("contract", image_shape=[28, 28, 1]), "gives images of (28, 28, 1)"),
    "contract with another field": (inside("contract", ink=1), "preprocessing has"),
    "divisor of zero": (inside("contract", divisor=0), "divisor is a positive number"),
    # arrays
    "array missing": (named({W: None}), "layers/0/w.npy is missing; the spec has 10 arrays, 1 are missing"),
    "goldens missing": (named({INPUTS: None}), "goldens/inputs.npy is missing"),
    "array too many": (named({"layers/9/w.npy": b""}), "'layers/9/w.npy' is not in the spec"),
    "array of another shape": (weights(lambda w: w.reshape(3, 3, 2, 1)), "'shape': (3, 3, 2, 1), }\"; expected"),
    "array too large": (weights(lambda w: np.zeros((30, 30, 1, 2), "<f4")), "'shape': (30, 30, 1, 2), }\"; expected"),
    "header of a larger array": (lambda good: named({W: unpack(good)[1][W].replace(b"(3, 3, 1, 2)", b"(3, 3, 9, 2)")})(
        good), "'shape': (3, 3, 9, 2), }\"; expected"),
    "array too short": (lambda good: named({W: unpack(good)[1][W][:-4]})(good), "takes 196 bytes; expected 200"),
    "array too long": (lambda good: named({W: unpack(good)[1][W] + b"\0"})(good), "takes 201 bytes; expected 200"),
    "array without header": (named({W: b""}), "layers/0/w.npy begins with ''"),
    "float64": (weights(lambda w: w.astype("<f8")), "begins with \"{'descr': '<f8'"),
    "big endian": (weights(lambda w: w.astype(">f4")), "begins with \"{'descr': '>f4'"),
    "Fortran order": (weights(np.asfortranarray), "'fortran_order': True"),
    "structured array": (weights(lambda w: np.zeros(2, [("a", "<f4")])), "begins with \"{'descr': [('a', '<f4')]"),
    "object array": (lambda good: named({W: npy(np.array([Exploit()]), allow_pickle=True)})(good), "'descr': '|O'"),
    "pickled array": (pickled, "layers/0/w.npy begins with \"{'descr': '|O'"),
    "later npy": (lambda good: named({W: unpack(good)[1][W].replace(b"NUMPY\1", b"NUMPY\2")})(good), "begins with"),
    "NaN weight": (weights(first(np.nan)), "layers/0/w holds NaN or infinite values"),
    "infinite weight": (weights(first(np.inf)), "layers/0/w holds NaN or infinite values"),
    "NaN bias": (weights(first(np.nan), B), "layers/0/b holds NaN or infinite values"),
    "negative variance": (weights(first(-1), "layers/1/var.npy"), "layers/1/var holds a negative variance"),
    "huge weights": (weights(lambda w: w * np.float32(3e38)), "the golden logits do not come out"),
    "other weights": (weights(lambda w: w + 1), "the golden logits do not come out"),
    "other goldens": (weights(lambda x: x ^ 255, INPUTS), "the golden logits do not come out"),
    "NaN goldens": (weights(first(np.nan), LOGITS), "goldens/logits.npy holds NaN or infinite values"),
    "infinite goldens": (weights(first(np.inf), LOGITS), "goldens/logits.npy holds NaN or infinite values"),
    "goldens of other number": (weights(lambda y: y[:3], LOGITS), "goldens/logits.npy begins with"),
    "no goldens": (goldens(0), "holds 0 images; expected 1 to 64"),
    "65 goldens": (goldens(65), "(65, 6, 5, 1)"),
}  # fmt: skip


def _members(good: bytes) -> dict[str, bytes]:
    header, members = unpack(good)
    return {"header.json": json.dumps(header).encode(), **members}


def main(folder: str) -> None:
    good = GOOD.read_bytes()
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, (attack, message) in ATTACKS.items():
        path = Path(folder, f"{name}.npz")
        path.write_bytes(attack(good))
        print(f"{path}: {message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
