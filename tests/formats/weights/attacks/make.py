"""Files of weights that mean harm, each built by a few lines: they lie about sizes, inflate, nest, or point elsewhere.

``python tests/formats/weights/attacks/make.py FOLDER`` writes them all, to be looked at. Pickles that call are in
``tests/core/test_unpickle.py``, tensors that overlap in ``readers/test_tensors.py``.
"""

import io
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

W, B = np.ones((784, 10), np.float32), np.zeros(10, np.float32)


def npy(shape, content=b"", descr="<f4", version=(1, 0)):
    """The bytes of an ``.npy`` file that need not fit its header."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header + content


def archive(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def npz(**members):
    return archive([(f"{name}.npy", content) for name, content in members.items()])


def torch_zip(data_pickle):
    return archive([("w/data.pkl", data_pickle), ("w/version", b"3\n")], method=zipfile.ZIP_STORED)


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, content):
    """A field of bytes of a protocol buffer."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx(*nodes, dims=(16, 10), size=640):
    """A model of nodes ``(operator, inputs, output)`` with one initializer, whose shape need not fit its bytes."""
    tensor = b"".join(b"\x08" + varint(n) for n in dims) + b"\x10\x01" + field(8, b"w") + field(9, bytes(size))
    value = field(1, b"x") + field(2, field(1, b"\x08\x01" + field(2, field(1, b"\x08\x01") + field(1, b"\x08\x10"))))
    body = b"".join(
        field(1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind))
        for kind, inputs, output in nodes
    )
    graph = body + field(2, b"g") + field(5, tensor) + field(11, value) + field(12, field(1, nodes[-1][2]))
    return b"\x08\x08" + field(7, graph) + field(8, b"\x10\x11")


def nested(depth):
    return b"[" * depth + b"]" * depth


def truncated(content, part=0.5):
    return content[: int(len(content) * part)]


#: Name with suffix -> how the file is built.
ATTACKS: dict[str, Callable[[], bytes]] = {
    "shape-of-40-gb.npz": lambda: npz(w=npy((10**10,)), b=npy((10,), bytes(40))),
    "shape-that-overflows.npz": lambda: npz(w=npy((2**40, 2**40)), b=npy((10,), bytes(40))),
    "negative-shape.npz": lambda: npz(w=npy((-784, -10), W.tobytes())),
    "shape-of-thousand-axes.npz": lambda: npz(w=npy((1,) * 1000, bytes(4))),
    "inflates.npz": lambda: npz(w=npy((10**8,), bytes(4 * 10**8 // 2))),
    "thousands-of-arrays.npz": lambda: archive([(f"{i}.npy", npy((1,), bytes(4))) for i in range(5000)]),
    "object-array.npz": lambda: npz(w=npy((1,), pickle.dumps(np.ones(1)), "|O")),
    "header-that-is-code.npz": lambda: npz(w=npy("__import__('os').getpid()", bytes(4))),
    "half.npz": lambda: truncated(npz(w=npy((784, 10), W.tobytes()), b=npy((10,), B.tobytes()))),
    "no-members.npz": lambda: archive([]),
    "huge.npy": lambda: npy((10**12,)),
    "not-numbers.npy": lambda: npy((4,), bytes(16 * 4), "<U4"),
    "dates.npy": lambda: npy((4,), bytes(32), "<M8[s]"),
    "deep.json": lambda: nested(200_000),
    "infinite.json": lambda: b"[[1e999, 1e999], [1e999, 1e999]]",
    "huge-number.json": lambda: b"[[" + b"9" * 100_000 + b"]]",
    "ragged.json": lambda: b"[[1, 2], [3]]",
    "key-twice.json": lambda: b'{"w": [[1]], "w": [[2]]}',
    "not-unicode.json": lambda: b'{"\xff": [[1]]}',
    "tuples-that-double.pkl": lambda: b"\x80\x02})" + b"2\x86" * 33 + b"K\x01s.",
    "keys-of-one-hash.pkl": lambda: pickle.dumps({(2**61 - 1) * i: 0 for i in range(9, 300)}),
    "pickle-that-calls.pt": lambda: torch_zip(b"cos\nsystem\n(S'true'\ntR."),
    "no-pickle.pt": lambda: torch_zip(b""),
    "header-only.h5": lambda: b"\x89HDF\r\n\x1a\n",
    "zeros.h5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(4096),
    "header-beyond-the-end.safetensors": lambda: struct.pack("<Q", 2**62) + b"{}",
    "deep.safetensors": lambda: struct.pack("<Q", 400_000) + nested(200_000),
    "dims-of-exabytes.onnx": lambda: onnx((b"MatMul", (b"x", b"w"), b"y"), dims=(2**40, 2**20), size=16),
    "negative-dims.onnx": lambda: onnx((b"MatMul", (b"x", b"w"), b"y"), dims=(2**64 - 16, 10)),
    "node-that-joins.onnx": lambda: onnx((b"Add", (b"x", b"x"), b"y")),
    "node-of-itself.onnx": lambda: onnx((b"Relu", (b"y",), b"y")),
    "ten-thousand-nodes.onnx": lambda: onnx(
        *((b"Relu", (b"x%d" % i if i else b"x",), b"x%d" % (i + 1)) for i in range(10_000))
    ),
    "unknown-operator.onnx": lambda: onnx((b"Loop", (b"x", b"w"), b"y")),
    "dims-beyond-the-end.mat": lambda: (
        b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49) + struct.pack("<II", 14, 2**31 - 1)
    ),
    "empty.npz": lambda: b"",
    "spaces.json": lambda: b" " * 1_000_000,
}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in ATTACKS.items():
        (folder / name).write_bytes(build())
