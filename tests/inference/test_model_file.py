import dataclasses
import hashlib
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxdoodle.inference import model_file
from jaxdoodle.inference.contract import InputContract
from jaxdoodle.inference.errors import InputError
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.inference.spec import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, ReLU

SPEC = ModelSpec(
    (6, 5, 1), [Conv2D(2, 3), BatchNorm(), ReLU(), MaxPool2D(), Flatten(), Dense(3)], ("cat", "clock", "é")
)
CONTRACT = InputContract((6, 5, 1), 4, "box", (2.5, 2.0))


def build(**changes):
    rng = np.random.default_rng(0)
    params = [
        {name: rng.random(shape).astype(np.float32) - np.float32(name == "w") / 2 for name, shape in shapes.items()}
        for shapes in SPEC.param_shapes
    ]
    inputs = rng.integers(0, 256, (4, 6, 5, 1), dtype=np.uint8)
    logits = Network(SPEC, params, CONTRACT.divisor).logits(inputs)
    return dataclasses.replace(ModelFile(SPEC, params, CONTRACT, inputs, logits), **changes)


def unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    return json.loads(members.pop("header.json")), members


def digest(header, members):
    """As the documentation of the format words it."""
    text = json.dumps({k: v for k, v in header.items() if k != "sha256"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii") + b"".join(members[name] for name in sorted(members))).hexdigest()


def pack(header, members, compression=zipfile.ZIP_STORED, seal=True):
    """A file made by someone else: any content, with a digest that is right."""
    if isinstance(header, dict):
        header = json.dumps(header | {"sha256": digest(header, members)} if seal else header)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in {"header.json": header, **members}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def same(a, b):
    for x, y in zip(a.params, b.params, strict=True):
        assert x.keys() == y.keys()
        for name in x:
            np.testing.assert_array_equal(x[name], y[name])
            assert x[name].dtype == y[name].dtype
    np.testing.assert_array_equal(a.golden_inputs, b.golden_inputs)
    np.testing.assert_array_equal(a.golden_logits, b.golden_logits)
    plain = ("spec", "contract", "temperature", "abstain_below", "provenance")
    return all(getattr(a, name) == getattr(b, name) for name in plain)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"temperature": 1.7, "abstain_below": -2.5, "provenance": {"dataset": "é", "correct": [991, 1000], "x": None}},
    ],
    ids=["bare", "full"],
)
def test_a_model_survives_the_file(tmp_path, changes):
    model = build(**changes)
    model_file.write(tmp_path / "model.npz", model)
    assert same(model_file.read(tmp_path / "model.npz"), model)
    assert os.listdir(tmp_path) == ["model.npz"]


def test_the_same_model_gives_the_same_bytes():
    data = model_file.encode(build())
    assert data == model_file.encode(build())
    assert data == model_file.encode(model_file.decode(data))


def test_version_1_stays_as_it_is_to_the_byte():
    pinned = (Path(__file__).parent / "model-v1.npz").read_bytes()
    assert model_file.encode(model_file.decode(pinned)) == pinned


def test_numpy_reads_the_arrays_too(tmp_path):
    model_file.write(tmp_path / "model.npz", build())
    with np.load(tmp_path / "model.npz") as arrays:
        np.testing.assert_array_equal(arrays["layers/0/w"], build().params[0]["w"])
        np.testing.assert_array_equal(arrays["goldens/inputs"], build().golden_inputs)


def test_a_file_packed_elsewhere_by_the_description_is_read():
    assert same(model_file.decode(pack(*unpack(model_file.encode(build())))), build())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    model_file.write(path, build())
    old = path.read_bytes()

    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(InputError, match=r"model\.npz: No space left on device\."):
        model_file.write(path, build(temperature=2.0))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]


def _nan(array):
    array = np.array(array)
    array.flat[0] = np.nan
    return array


def _params(layer, name, value):
    params = [dict(p) for p in build().params]
    params[layer][name] = value
    return params


W = build().params[0]["w"]
UNWRITABLE = [
    ({"params": _params(0, "w", _nan(W))}, "layers/0/w holds NaN or infinite values."),
    ({"params": _params(0, "w", W * np.float32(np.inf))}, "layers/0/w holds NaN or infinite values."),
    ({"params": _params(1, "var", -np.ones(2, np.float32))}, "layers/1/var holds a negative variance."),
    ({"params": _params(0, "w", W.astype(float))}, "layers/0/w.npy is float64 (3, 3, 1, 2); expected <f4"),
    ({"params": _params(0, "w", W[:2])}, "layers/0/w.npy is float32 (2, 3, 1, 2); expected <f4 (3, 3, 1, 2)."),
    ({"params": _params(0, "v", W)}, "'layers/0/v.npy' is not in the spec; expected its 10 arrays and no more."),
    ({"params": build().params[:-1]}, "layers/5/b.npy is missing; the spec has 10 arrays, 2 are missing."),
    ({"golden_logits": build().golden_logits + 1}, "the golden logits do not come out: off by 1, allowed is 0.00019."),
    ({"golden_logits": _nan(build().golden_logits)}, "the golden logits do not come out: off by nan, allowed is "),
    ({"golden_inputs": np.zeros((4, 6, 5, 1))}, "goldens/inputs.npy is float64 (4, 6, 5, 1); expected |u1"),
    ({"golden_inputs": build().golden_inputs[:0], "golden_logits": build().golden_logits[:0]},
     "goldens/inputs.npy holds 0 images; expected 1 to 64."),
    ({"contract": InputContract()}, "the contract gives images of (28, 28, 1); the spec takes (6, 5, 1)."),
    ({"spec": dataclasses.replace(SPEC, classes=())}, "the spec names no classes; a model file names each output."),
    ({"spec": dataclasses.replace(SPEC, classes=("a", "b", "\x1b[2J"))}, r"class names are printable; got '\x1b[2J'."),
    ({"temperature": 0}, "temperature is a positive number; got 0."),
    ({"temperature": True}, "temperature is a positive number; got True."),
    ({"abstain_below": float("nan")}, "abstain_below is a number or null; got nan."),
    ({"provenance": ["mnist"]}, "provenance is a mapping; got ['mnist']."),
    ({"provenance": {"loss": float("nan")}}, "provenance holds JSON values only; "),
    ({"provenance": {"when": object()}}, "provenance holds JSON values only; "),
    ({"provenance": {"log": "x" * (1 << 20)}}, "the header takes "),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNWRITABLE, ids=[message[:40] for _, message in UNWRITABLE])
def test_what_would_not_be_read_is_not_written(tmp_path, changes, message):
    with pytest.raises(InputError) as error:
        model_file.write(tmp_path / "model.npz", build(**changes))
    assert str(error.value).startswith(f"{tmp_path / 'model.npz'}: {message}")
    assert os.listdir(tmp_path) == []


class Exploit:
    def __reduce__(self):
        return (os.mkdir, ("exploited",))


def _attacks():
    data = model_file.encode(build())
    header, members = unpack(data)

    def head(**changes):
        return pack(header | changes, members)

    def body(name, content, **changes):
        return pack(header | changes, members | {name: content})

    def without(name):
        return pack(header, {k: v for k, v in members.items() if k != name})

    def spec(**changes):
        return head(spec=header["spec"] | changes)

    def contract(**changes):
        return head(contract=header["contract"] | changes)

    def layer(index, **changes):
        layers = [dict(entry) for entry in header["spec"]["layers"]]
        layers[index] |= changes
        return spec(layers=layers)

    def recount(text):
        return pack(text.encode(), members)

    text = json.dumps(header)
    pickled = npy(np.zeros(1)).replace(b"'<f8'", b"'|O' ")[:128] + pickle.dumps(Exploit())
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", text)
        archive.writestr("layers/0/w.npy", bytes(1 << 22))
    huge = (6, 5, 10**9)
    none = {
        f"goldens/{name}.npy": members[f"goldens/{name}.npy"][:128].replace(b"(4,", b"(0,")
        for name in ("inputs", "logits")
    }

    return {
        "nothing": (b"", "not a model file"),
        "a text": (b"hello\n" * 100, "not a model file"),
        "a bare pickle": (pickle.dumps(Exploit()), "not a model file"),
        "an npz without header": (pack("", members).replace(b"header.json", b"header.jsom"), "header.json is missing"),
        "first half": (data[: len(data) // 2], "not a model file"),
        "last half": (data[len(data) // 2 :], "not a model file"),
        "last byte missing": (data[:-1], "not a model file"),
        "too large": (bytes(model_file.MAX_FILE_BYTES + 1), "at most 67108864 bytes"),
        "other format": (head(format="other"), 'does not say "format": "jaxdoodle model"'),
        "later version": (head(version=2), "version 2 of the format; this program reads version 1"),
        "version as text": (head(version="1"), "version '1' of the format; this program reads version 1"),
        "header is a list": (recount("[]"), 'does not say "format"'),
        "header is not JSON": (recount("{"), "header.json is not JSON"),
        "header is not ASCII": (recount('{"format": "é"}'), "header.json is not JSON"),
        "header with NaN": (recount(text.replace('"temperature": 1.0', '"temperature": NaN')), "NaN is no number"),
        "header with a key twice": (recount('{"version": 1, ' + text[1:]), "a key comes twice"),
        "header nested deep": (recount('{"format":' * 50_000), "header.json is not JSON"),
        "header with long number": (recount('{"version": ' + "9" * 5000 + "}"), "header.json is not JSON"),
        "header of 2 MB": (head(provenance={"log": "x" * (1 << 21)}), "header.json takes 2"),
        "header with another key": (head(command="rm"), "expected abstain_below, contract"),
        "provenance nested deep": (recount(text.replace("{}", '{"a":' * 900 + "1" + "}" * 900)), ""),
        "infinite temperature": (recount(text.replace('"temperature": 1.0', '"temperature": 1e999')), ""),
        "no temperature": (head(temperature=None), "temperature is a positive number; got None"),
        "wrong digest": (pack(header | {"sha256": "0" * 64}, members, seal=False), "the file is damaged"),
        "digest of a wrong type": (pack(header | {"sha256": 7}, members, seal=False), "the file is damaged"),
        "classes too few": (spec(classes=["cat", "clock"]), "gives outputs of shape (3,), but there are 2 class names"),
        "classes too many": (spec(classes=["a", "b", "c", "d"]), "but there are 4 class names"),
        "class twice": (spec(classes=["a", "b", "a"]), "a came more than once"),
        "classes not names": (spec(classes=[1, 2, [3]]), "classes holds names"),
        "classes with line breaks": (spec(classes=["a\nb", "a\nb", "c"]), "came more than once"),
        "spec is no mapping": (head(spec=[1]), "a spec is"),
        "unknown layer": (layer(0, type="Exec"), "has type 'Exec'"),
        "unknown option": (layer(0, command="rm"), "layers[0] (Conv2D)"),
        "slope beyond floats": (layer(2, type="LeakyReLU", slope=10**400), ""),
        "kernel larger than image": (layer(0, kernel_size=[9, 9]), "is larger than its 6x5 image"),
        "billion units": (layer(5, units=10**9), "but there are 3 class names"),
        "image of a billion values": (spec(input_shape=huge), "at most 4194304 are allowed"),
        "image of astronomical size": (spec(input_shape=[10**3000, 10**3000, 1]), "not a model file"),
        "contract of another shape": (contract(image_shape=[28, 28, 1]), "the contract gives images of (28, 28, 1)"),
        "contract with another field": (contract(ink=1), "a contract has"),
        "divisor of zero": (contract(divisor=0), "divisor is a positive number"),
        "array missing": (without("layers/0/w.npy"), "layers/0/w.npy is missing; the spec has 10 arrays"),
        "goldens missing": (without("goldens/inputs.npy"), "goldens/inputs.npy is missing"),
        "array too many": (body("layers/9/w.npy", npy(W)), "'layers/9/w.npy' is not in the spec"),
        "path out of the archive": (body("../../evil.npy", npy(W)), "'../../evil.npy' is not in the spec"),
        "array of another shape": (body("layers/0/w.npy", npy(W.reshape(3, 3, 2, 1))), "expected \"{'descr': '<f4'"),
        "array too long": (body("layers/0/w.npy", npy(np.zeros((30, 30, 1, 2), np.float32))), "(30, 30, 1, 2)"),
        "array too short": (body("layers/0/w.npy", members["layers/0/w.npy"][:-4]), "takes 196 bytes; expected 200"),
        "array without header": (body("layers/0/w.npy", b""), "layers/0/w.npy begins with ''"),
        "float64 array": (body("layers/5/b.npy", npy(np.zeros(1))), "begins with \"{'descr': '<f8'"),
        "big endian array": (body("layers/0/w.npy", npy(W.astype(">f4"))), "begins with \"{'descr': '>f4'"),
        "Fortran order": (body("layers/5/w.npy", npy(np.ones((4, 3), "<f4", "F"))), "'fortran_order': True"),
        "pickled array": (body("layers/0/w.npy", pickled), "layers/0/w.npy begins with \"{'descr': '|O'"),
        "NaN weight": (body("layers/0/w.npy", npy(_nan(W))), "layers/0/w holds NaN or infinite values"),
        "other weights": (body("layers/0/w.npy", npy(W + 1)), "the golden logits do not come out"),
        "goldens of other number": (body("goldens/logits.npy", npy(build().golden_logits[:3])), "begins with"),
        "no goldens": (pack(header, members | none), "holds 0 images; expected 1 to 64"),
        "65 goldens": (body("goldens/inputs.npy", npy(np.zeros((65, 6, 5, 1), "|u1"))), "(65, 6, 5, 1)"),
        "compressed": (pack(header, members, zipfile.ZIP_DEFLATED), "header.json is compressed"),
        "zip bomb": (zeros.getvalue(), "header.json is compressed"),
    }  # fmt: skip


ATTACKS = _attacks()


@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_file_is_refused_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    data, message = ATTACKS[name]
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(InputError) as error:
        model_file.read("bad.npz")
    assert str(error.value).startswith("bad.npz: ")
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 450
    assert os.listdir(tmp_path) == ["bad.npz"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused():
    header, members = unpack(model_file.encode(build()))
    buffer = io.BytesIO(pack(header, members))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("layers/0/w.npy", members["layers/0/w.npy"])
    with pytest.raises(InputError, match="comes twice in the archive"):
        model_file.decode(buffer.getvalue())


def test_a_member_that_lies_about_its_size_is_refused():
    data = model_file.encode(build())
    directory = data.rindex(b"layers/0/w.npy") - 46
    for offset in (20, 24):  # its compressed and its full size in the archive's directory
        lying = bytearray(data)
        lying[directory + offset : directory + offset + 4] = (1 << 31).to_bytes(4, "little")
        with pytest.raises(InputError):
            model_file.decode(bytes(lying))


def test_a_flipped_bit_is_noticed_or_changes_nothing():
    data, model = model_file.encode(build()), build()
    unnoticed = 0
    for position in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        try:
            read = model_file.decode(bytes(flipped))
        except InputError:
            continue
        assert same(read, model)
        unnoticed += 1
    assert unnoticed < 0.15 * len(data) / 3, "only the archive's own notes (times, flags) may differ unnoticed"


def test_every_cut_is_noticed():
    data = model_file.encode(build())
    for length in range(0, len(data), 7):
        with pytest.raises(InputError):
            model_file.decode(data[:length])


@pytest.mark.parametrize(("name", "reason"), [("absent.npz", "No such file"), (".", "Is a directory")])
def test_what_is_no_file_is_named(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"{name}: {reason}"):
        model_file.read(name)
    with pytest.raises(InputError, match=r"absent/model\.npz: No such file"):
        model_file.write("absent/model.npz", build())
