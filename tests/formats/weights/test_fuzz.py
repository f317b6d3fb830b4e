"""Damaged files of every format: what comes of them is weights, or one line."""

import json
import pickle
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights import import_weights

W, B = np.linspace(-1, 1, 160, dtype=np.float32).reshape(16, 10), np.zeros(10, np.float32)


def _h5(path):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = W, B


def _safetensors(path):
    header = {"w": {"dtype": "F32", "shape": [16, 10], "data_offsets": [0, 640]}}
    text = json.dumps(header | {"b": {"dtype": "F32", "shape": [10], "data_offsets": [640, 680]}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + W.tobytes() + B.tobytes())


def _onnx(path):
    onnx = pytest.importorskip("onnx", reason="needs the onnx package")
    helper, array = onnx.helper, onnx.numpy_helper.from_array
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    x, y = (helper.make_tensor_value_info(n, 1, ["n", k]) for n, k in (("x", 16), ("y", 10)))
    graph = helper.make_graph([node], "g", [x], [y], [array(W, "w"), array(B, "b")])
    path.write_bytes(helper.make_model(graph).SerializeToString())


def _torch(path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.save({"fc.weight": torch.tensor(W.T.copy()), "fc.bias": torch.tensor(B)}, path)


def _mat(path):
    savemat = pytest.importorskip("scipy.io", reason="needs SciPy").savemat
    savemat(path, {"w": W, "b": B}, do_compression=True)


#: Format -> how a sound file is written.
SEEDS = {
    "npz": lambda path: np.savez_compressed(path.open("wb"), w=W, b=B),
    "npy": lambda path: np.save(path.open("wb"), np.array({"w": W, "b": B}, object), allow_pickle=True),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"w": W, "b": B})),
    "JSON": lambda path: path.write_text(json.dumps({"w": W.tolist(), "b": B.tolist()})),
    "HDF5": _h5,
    "safetensors": _safetensors,
    "ONNX": _onnx,
    "PyTorch": _torch,
    "mat": _mat,
}
#: Where, as a fraction; what is done; and with which bytes.
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.sampled_from("=+-<"), st.binary(min_size=1, max_size=6)), max_size=6)


def damaged(data, damage):
    for where, kind, content in damage:
        at = int(where * len(data))
        after = {"=": at + len(content), "+": at, "-": at + len(content), "<": len(data)}[kind]
        data = data[:at] + (content if kind in "=+" else b"") + data[after:]
    return data


def imported(path):
    try:
        import_weights(str(path))
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error) and len(str(error)) < 1000


#: Damage that is tried in every run, on any format, beside what is drawn.
FOUND: list[list[tuple[float, str, bytes]]] = [
    [(0.0, "<", b"0")],
    [(0.5, "<", b"0")],
    [(0.02, "=", b"\xff\xff\xff\xff"), (0.9, "-", b"00")],
    [(0.1, "=", b"\x00" * 6), (0.5, "+", b"\xff" * 6)],
    [(0.97, "=", b"\xff" * 6)],
]
#: Seconds that each format is fuzzed for in the nightly test: ten minutes for all.
NIGHTLY_SECONDS = 600 / len(SEEDS)


@pytest.fixture
def check(request, tmp_path):
    """``damage`` -> the damaged file of the format is read, or refused in one line."""
    SEEDS[request.node.callspec.params["name"]](tmp_path / "w")
    whole = (tmp_path / "w").read_bytes()
    imported(tmp_path / "w")

    def run(damage):
        (tmp_path / "w").write_bytes(damaged(whole, damage))
        imported(tmp_path / "w")

    for damage in FOUND:
        run(damage)
    return run


FUZZED = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.filterwarnings("ignore")  # a warning of a library is no failure of the reader
def test_a_damaged_file_is_read_or_refused_in_one_line(name, check):
    settings(max_examples=60, derandomize=True, **FUZZED)(given(DAMAGE)(check))()


#: Names that arrays of weights, statistics, moments and logs have; and shapes that fit each other, or nothing.
NAMED = st.sampled_from("w1 b1 fc2.weight fc2.bias bn.running_mean bn.running_var gamma m_w1 loss arr_0 0".split())
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 10, 16, 100]), max_size=5).map(tuple)


@given(st.dictionaries(NAMED, SHAPES, min_size=1, max_size=6))
@settings(max_examples=100, derandomize=True, **FUZZED)
def test_arrays_of_any_shapes_are_read_or_refused_in_one_line(tmp_path, shapes):
    small = {name: shape for name, shape in shapes.items() if np.prod(shape) <= 10_000}
    np.savez(tmp_path / "w.npz", **{name: np.ones(shape, np.float32) for name, shape in small.items()})
    imported(tmp_path / "w.npz")


@pytest.mark.nightly
@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.filterwarnings("ignore")
def test_files_damaged_anew_every_night_are_too(name, check):
    end = time.monotonic() + NIGHTLY_SECONDS
    while time.monotonic() < end:
        settings(max_examples=500, **FUZZED)(given(DAMAGE)(check))()
