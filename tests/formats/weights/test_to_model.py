import os
import pickle
import re
import sys
import zipfile

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.formats import safetensors
from jaxdoodle.formats.weights import import_weights, names
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, ReLU, Tanh
from jaxdoodle.nn.architectures import digit_cnn, mlp
from jaxdoodle.preprocessing.config import MNIST, Preprocessing
from tests.formats.weights.conftest import B, W, npz

TEN = tuple(map(str, range(10)))
MLP = mlp(TEN, (40, 20))
CNN = digit_cnn(TEN, drop_rate=0.5)
NORMED = ModelSpec((Conv2D(3, 7, 3), BatchNorm(), ReLU(), Flatten(), Dense(10)), (28, 28, 1), TEN)


def weights_of(model):
    """The parameters of the layers that have any."""
    return [{name: np.asarray(value) for name, value in p.items()} for p in model.params if p]


def dump(path, value):
    path.write_bytes(pickle.dumps(value))
    return path


def save_safetensors(path, tensors):
    numpy = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
    numpy.save_file({name: np.array(value, order="C") for name, value in tensors.items()}, path)
    return path


def save_h5(path, tensors):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file[name] = value
    return path


def torch_dense(p):
    return {"weight": p["w"].T, "bias": p["b"]}


def by_hand(folder, layers):
    """W1, b1, W2, ... with biases as rows, in double precision."""
    named = {}
    for i, p in enumerate(layers, 1):
        named |= {f"W{i}": p["w"].astype(np.float64), f"b{i}": p["b"][None].astype(np.float64)}
    return named


#: How a file is made of the parameters of MLP's layers.
FILES = {
    "a pickled dict": lambda folder, layers: dump(folder / "w.pkl", by_hand(folder, layers)),
    "a pickled dict, biases first": lambda folder, layers: dump(
        folder / "w.pkl", dict(sorted(by_hand(folder, layers).items(), key=lambda item: item[0].startswith("W")))
    ),
    "pickled pairs for y = W x + b, biases as columns": lambda folder, layers: dump(
        folder / "w.pkl", [(p["w"].T, p["b"][:, None]) for p in layers]
    ),
    "a pickled list of weights and a list of biases": lambda folder, layers: dump(
        folder / "w.pickle", {"weights": [p["w"] for p in layers], "biases": [p["b"] for p in layers]}
    ),
    "a pickle of lists of numbers": lambda folder, layers: dump(
        folder / "w.pkl", {f"{name}{i}": p[name].tolist() for i, p in enumerate(layers) for name in "wb"}
    ),
    "an npz": lambda folder, layers: (np.savez(folder / "w.npz", **by_hand(folder, layers)), folder / "w.npz")[1],
    "a PyTorch state_dict": lambda folder, layers: save_safetensors(
        folder / "w.safetensors",
        {f"net.{i}.{name}": value for i, p in enumerate(layers) for name, value in torch_dense(p).items()},
    ),
    "a PyTorch state_dict whose names are not in order": lambda folder, layers: save_safetensors(
        folder / "w.safetensors",
        {
            f"{layer}.{name}": value
            for layer, p in zip(("into", "hidden", "exit"), layers, strict=True)
            for name, value in torch_dense(p).items()
        },
    ),
    "a Keras file": lambda folder, layers: save_h5(
        folder / "m.weights.h5",
        {
            f"layers/dense{f'_{i}' if i else ''}/vars/{k}": p[name]
            for i, p in enumerate(layers)
            for k, name in enumerate("wb")
        }
        | {"optimizer/vars/0": np.ones(3)},
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_weights_of_other_programs_are_read(kind, build_spec, tmp_path):
    model = build_spec(MLP)
    path = FILES[kind](tmp_path, weights_of(model))
    found = import_weights(path, MNIST, activation="relu")
    assert [type(layer) for layer in found.spec.layers] == [type(layer) for layer in MLP.layers]
    assert found.spec.classes == TEN and found.provenance["imported_from"] == path.name
    expected = Model.from_file(model).logits(model.golden_inputs)
    np.testing.assert_allclose(Model.from_file(found).logits(model.golden_inputs), expected, rtol=0, atol=1e-5)
    model_file.write(tmp_path / "model.npz", found)
    assert Model.load(tmp_path / "model.npz").provenance["sha256"]


def test_a_pytorch_network_answers_as_it_did(tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    save_file = pytest.importorskip("safetensors.torch", reason="needs the safetensors package").save_file
    nn = torch.nn
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="which network is it"):  # average pools would fit as well
        import_weights(tmp_path / "net.safetensors", MNIST, activation="relu")
    found = import_weights(tmp_path / "net.safetensors", MNIST, spec=digit_cnn(TEN))
    assert found.spec.param_count == 37_610
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1), dtype=np.uint8)
    with torch.no_grad():
        expected = network(torch.tensor(images).permute(0, 3, 1, 2).float() / 255).numpy()
    np.testing.assert_allclose(Model.from_file(found).logits(images), expected, rtol=0, atol=1e-5)


def test_a_convolutional_network_of_keras_is_read_in_its_own_layout(build_spec, tmp_path):
    model = build_spec(CNN)
    names = ("conv2d", "conv2d_1", "dense", "dense_1")
    path = save_h5(
        tmp_path / "m.weights.h5",
        {
            f"layers/{layer}/vars/{k}": p[name]
            for layer, p in zip(names, weights_of(model), strict=True)
            for k, name in enumerate("wb")
        },
    )
    found = import_weights(path, MNIST, classes=[f"digit {name}" for name in TEN], spec=digit_cnn(TEN))
    assert found.spec.classes[3] == "digit 3"
    expected = Model.from_file(model).logits(model.golden_inputs)
    np.testing.assert_allclose(Model.from_file(found).logits(model.golden_inputs), expected, rtol=0, atol=1e-5)


#: Batch normalization in files: of this package, Keras and PyTorch.
NORM_NAMES = (
    ("scale", "shift", "mean", "var"),
    ("gamma", "beta", "moving_mean", "moving_variance"),
    ("weight", "bias", "running_mean", "running_var"),
)


@pytest.mark.parametrize("known", NORM_NAMES)
def test_normalization_is_read_under_each_of_its_names(known, build_spec, tmp_path):
    """In any order that its name gives it."""
    model = build_spec(NORMED)
    conv, norm, dense = weights_of(model)
    tensors = {
        "1conv.weight": conv["w"].transpose(3, 2, 0, 1), "1conv.bias": conv["b"],
        **{f"2norm.{name}": norm[param] for param, name in zip(names.NORM, known, strict=True)},
        "zzz.weight": dense["w"].reshape(8, 8, 3, 10).transpose(2, 0, 1, 3).reshape(192, 10).T, "zzz.bias": dense["b"],
        "2norm.num_batches_tracked": np.array(7),
    }  # fmt: skip
    found = import_weights(save_safetensors(tmp_path / "net.safetensors", tensors), MNIST, spec=NORMED)
    expected = Model.from_file(model).logits(model.golden_inputs)
    np.testing.assert_allclose(Model.from_file(found).logits(model.golden_inputs), expected, rtol=0, atol=1e-5)


def test_safetensors_of_this_package_come_back_whole(build_spec, tmp_path):
    model = build_spec(NORMED)
    safetensors.write(model, tmp_path / "own.safetensors")
    found = import_weights(tmp_path / "own.safetensors", MNIST)
    assert model_file.encode(found) == model_file.encode(model)


EIGHT = Preprocessing((8, 8, 1), 6, "box", (3.5, 3.5))


def text(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


#: Case -> how the file is made, what else is given, and how the question or the refusal begins.
QUESTIONS = {
    "no activation": (
        lambda folder: npz(folder, w1=np.ones((784, 9)), b1=np.ones(9), w2=np.ones((9, 10)), b2=B),
        {},
        "which activation is between the layers? Weights do not say: --activation relu, leaky_relu, sigmoid, tanh.",
    ),
    "square weights": (
        lambda folder: npz(folder, w=np.arange(4096.0).reshape(64, 64), b=np.ones(64)),
        {"preprocessing": EIGHT},
        "which axis is which? The weights fit both layouts: --layout",
    ),
    "no square image": (
        lambda folder: npz(folder, w=np.ones((101, 10)), b=B),
        {},
        "takes 101 inputs, which is no square image; give --spec.",
    ),
    "two networks": (
        lambda folder: npz(folder, k=np.ones((1, 1, 1, 4)), c=np.ones(4), w=np.ones((64, 10)), b=B),
        {"preprocessing": EIGHT, "activation": "relu"},
        "which network is it? ",
    ),
    "a bias too many": (
        lambda folder: npz(folder, w=W, b=B, c=B),
        {},
        "which arrays belong together? Expected weights, and at most one bias for each; got w (784, 10), b (10,), c",
    ),
    "another spec": (lambda folder: npz(folder, w=W, b=B), {"spec": MLP}, "which network is it? No usual one"),
    "no arrays": (lambda folder: npz(folder), {}, "which arrays belong together?"),
    "NaN": (lambda folder: npz(folder, w=W * np.nan, b=B), {}, "w holds float32 that are not all finite"),
    "beyond float32": (
        lambda folder: npz(folder, w=np.full((784, 10), 1e200), b=B),
        {},
        "w holds float64 that are not",
    ),
    "text": (lambda folder: npz(folder, w=np.array(["a"])), {}, "an array holds '<U1'; only numbers are read."),
    "no file": (lambda folder: folder / "absent.npz", {}, "No such file or directory"),
    "an unknown format": (text("w.pth", b"GIF89a"), {}, "begins with b'GIF89a'; files of npz, npy,"),
    "a model file": (text("w.npz", b""), {}, "begins with b''"),
    "a broken npz": (text("w.npz", b"PK\x03\x04"), {}, "not a sound zip archive"),
    "a broken safetensors": (text("w.safetensors", b"\xff" * 40), {}, "not a safetensors file"),
    "a false claim to be written by this package": (
        text("w.safetensors", b"\x24\0\0\0\0\0\0\0" + b'{"__metadata__":{"jaxdoodle":"[[]]"}}'[:36] + b""),
        {},
        "not a safetensors file",
    ),
    "a broken h5": (text("w.h5", b"\x89HDF\r\n\x1a\n"), {}, "not a sound HDF5 file"),
    "a hostile pickle": (text("w.pkl", b"cos\nsystem\n(S'true'\ntR."), {}, "the pickle asks for os.system"),
    "a folder": (lambda folder: folder, {}, "Is a directory."),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_what_the_file_leaves_open_is_asked_in_one_line(case, tmp_path):
    make, given, message = QUESTIONS[case]
    if case == "a broken h5":
        pytest.importorskip("h5py", reason="needs h5py")
    path = make(tmp_path)
    with pytest.raises(InputError) as refused:
        import_weights(path, **({"preprocessing": MNIST} | given))
    assert str(refused.value).startswith(f"{path}: {message}")
    assert "\n" not in str(refused.value)


def test_the_answer_to_a_question_is_taken(tmp_path):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(64, 64)).astype(np.float32)
    path = npz(tmp_path, w=w, b=np.zeros(64))
    images = rng.integers(0, 256, (2, 8, 8, 1), dtype=np.uint8)
    for layout, matrix in (("inputs first", w), ("outputs first", w.T)):
        found = Model.from_file(import_weights(path, EIGHT, layout=layout)).logits(images)
        np.testing.assert_allclose(found, images.reshape(2, 64) / np.float32(255) @ matrix, rtol=0, atol=1e-4)


def test_a_spec_settles_what_shapes_cannot(tmp_path, build_spec):
    spec = ModelSpec((Flatten(), Dense(9), Tanh(), Dense(10)), (28, 28, 1))
    path = npz(tmp_path, w1=np.ones((784, 9)), b1=np.ones(9), w2=np.ones((9, 10)), b2=B)
    found = import_weights(path, MNIST, spec=spec)
    assert found.spec.layers == spec.layers and found.spec.classes == TEN


def test_an_h5_that_points_elsewhere_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    (tmp_path / "secret").write_bytes(bytes(784 * 40))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("w", (784, 10), "f4", external=[(str(tmp_path / "secret"), 0, 784 * 40)])
        file["b"] = B
    with pytest.raises(InputError, match="/w is kept in another file"):
        import_weights(tmp_path / "w.h5", MNIST)


def test_an_h5_that_inflates_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name in "abc":
            file.create_dataset(name, (30_000_000,), "f4", chunks=True, compression="gzip")
    with pytest.raises(InputError, match="would take more than"):
        import_weights(tmp_path / "w.h5", MNIST)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(9))
    with pytest.raises(InputError, match=re.escape(f"w.h5: reading it needs h5py; {install_hint('import')}.")):
        import_weights(tmp_path / "w.h5", MNIST)


def test_an_npz_that_inflates_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("w.npy", "w", force_zip64=True) as member:
            for _ in range(135):
                member.write(bytes(1 << 20))
    with pytest.raises(InputError, match="would take"):
        import_weights(tmp_path / "w.npz", MNIST)


def test_a_fifo_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "w.npz")
    with pytest.raises(InputError, match="is no regular file"):
        import_weights(tmp_path / "w.npz", MNIST)


def test_a_mean_and_deviation_make_the_file_version_2(tmp_path):
    found = import_weights(npz(tmp_path, w=W, b=B), scaling=(255.0, 0.1307, 0.3081))
    assert found.preprocessing.scaling == (255.0, 0.1307, 0.3081)
    assert b'"version": 2' in model_file.encode(found) and b'"version": 1' in model_file.encode(
        import_weights(npz(tmp_path, w=W, b=B))
    )


def test_moments_logs_and_single_numbers_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(10, 784)), rng.normal(size=(10, 1))
    kept = {"W1": w, "b1": b, "mW1": w * 0, "vW1": w * w, "mb1": b * 0, "vb1": b * b, "t": 7, "losses": np.ones(9)}
    found = import_weights(npz(tmp_path, **kept))
    np.testing.assert_array_equal(found.params[1]["w"], w.T.astype(np.float32))


def test_convolutions_outputs_first_stand_beside_a_matrix_inputs_first(tmp_path, build_spec):
    """As in the book "Deep Learning from Scratch": the image is flattened with its channels first."""
    spec = ModelSpec((Conv2D(3, 5), ReLU(), MaxPool2D(), Flatten(), Dense(10)), (28, 28, 1), TEN)
    model = build_spec(spec)
    conv, dense = weights_of(model)
    w = dense["w"].reshape(12, 12, 3, 10).transpose(2, 0, 1, 3).reshape(432, 10)
    params = {"W1": conv["w"].transpose(3, 2, 0, 1), "b1": conv["b"], "W2": w, "b2": dense["b"]}
    found = import_weights(dump(tmp_path / "w.pkl", params), spec=spec)
    np.testing.assert_array_equal(found.params[4]["w"], dense["w"])


@pytest.mark.parametrize("at", [0, 1])
def test_a_bias_may_be_the_first_column(at, tmp_path):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(25, 401)), rng.normal(size=(10, 26))
    found = import_weights(npz(tmp_path, Theta1=first, Theta2=second), activation="sigmoid")
    np.testing.assert_array_equal(found.params[1 + 2 * at]["b"], (first, second)[at][:, 0].astype(np.float32))
    assert found.preprocessing.image_shape == (20, 20, 1)


def test_a_bias_is_found_in_the_first_column_where_layers_as_wide_fit_each_other_turned_over(tmp_path):
    """(8, 17), (8, 9) and (4, 9) are 17 inputs, 8, 9 and 4 outputs, too; but 17 are no image."""
    rng = np.random.default_rng(0)
    thetas = {f"Theta{i}": rng.normal(size=shape) for i, shape in enumerate([(8, 17), (8, 9), (4, 9)])}
    found = import_weights(npz(tmp_path, **thetas), activation="sigmoid", classes="abcd")
    assert found.preprocessing.image_shape == (4, 4, 1)
    for own, theta in zip(found.params[1::2], thetas.values(), strict=True):
        np.testing.assert_array_equal(own["b"], theta[:, 0].astype(np.float32))
