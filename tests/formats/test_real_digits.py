"""On the test set of MNIST, every runtime gives the answer that NumPy gives, image by image."""

import shutil
import subprocess

import numpy as np
import pytest

from jaxdoodle.data.readers.idx import read_mnist
from jaxdoodle.formats import onnx, quantize
from jaxdoodle.formats.c import writer
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.formats.web import description
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn.spec import ModelSpec
from tests.fixtures.node import ask, needs_node


@pytest.fixture(scope="module")
def mnist(data_root):
    return read_mnist(data_root / "mnist")


@pytest.fixture(scope="module")
def result(digits, mnist):
    """The digit network, weights at random but for the last layer's, which are fitted to 6,000 digits."""
    spec, preprocessing = digits.spec, digits.preprocessing
    images, labels = mnist[0].images[:6000], mnist[0].labels[:6000]
    before = [p | {"b": 0 * p["b"]} if "b" in p else p for p in digits.params[:-1]]
    body = Network(ModelSpec(spec.layers[:-1], spec.input_shape), before, preprocessing.divisor)
    design = np.append(body.logits(images), np.ones((len(images), 1)), axis=1)
    solution = np.linalg.solve(design.T @ design + 100 * np.eye(design.shape[1]), design.T @ (10 * np.eye(10)[labels]))
    params = [*before, {"w": solution[:-1].astype(np.float32), "b": solution[-1].astype(np.float32)}]
    logits = Network(spec, params, preprocessing.divisor).logits(images[:4])
    return ModelFile(spec, params, preprocessing, images[:4], logits)


@pytest.fixture(scope="module")
def expected(result, mnist):
    logits = Network(result.spec, result.params, result.preprocessing.divisor).logits(mnist[1].images)
    assert (logits.argmax(axis=1) == mnist[1].labels).mean() > 0.85
    return logits


def same(found, expected):
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_onnxruntime(result, mnist, expected, tmp_path):
    pytest.importorskip("onnx", reason="needs the onnx package")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    onnx.write(result, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    same(session.run(["logits"], {"images": mnist[1].images})[0], expected)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler, cc")
def test_c(result, mnist, expected, tmp_path):
    writer.write(result, tmp_path / "model.c")
    writer.write_header(result, tmp_path / "model.h")
    subprocess.run(["cc", "-O3", "-DMAIN", tmp_path / "model.c", "-o", tmp_path / "model"], check=True)
    images = b"".join(b"P5 28 28 255\n" + image.tobytes() for image in mnist[1].images)
    done = subprocess.run([tmp_path / "model", "--logits"], input=images, capture_output=True, check=True)
    same(np.array(done.stdout.split(), np.float64).reshape(-1, 10), expected)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler, cc")
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_c_under_sanitizers(result, mnist, expected, int8, tmp_path):
    layers = quantize.int8_layers(result, mnist[0].images[:256]) if int8 else fold_for_inference(result)
    writer.write(result, tmp_path / "model.c", layers)
    writer.write_header(result, tmp_path / "model.h", layers)
    flags = ("-DMAIN", "-std=c99", "-pedantic", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined")
    subprocess.run(["cc", *flags, "-fno-sanitize-recover", tmp_path / "model.c", "-o", tmp_path / "model"], check=True)
    subprocess.run([tmp_path / "model", "--self-test"], check=True, stdout=subprocess.DEVNULL)
    images = b"".join(b"P5 28 28 255\n" + image.tobytes() for image in mnist[1].images[:300])
    done = subprocess.run([tmp_path / "model", "--logits"], input=images, capture_output=True, check=True)
    found = np.array(done.stdout.split(), np.float64).reshape(-1, 10)
    if int8:
        assert (found.argmax(axis=1) != expected[:300].argmax(axis=1)).sum() <= 5
    else:
        same(found, expected[:300])


@needs_node
def test_javascript_on_a_thousand(result, mnist, expected):
    model = description.describe(result, fold_for_inference(result))
    program = "([model, images]) => { model = it.decoded(model); return images.map((x) => [...it.logits(model, x)]); }"
    found = ask("network.js", program, [model, mnist[1].images[:1000].reshape(1000, -1).tolist()])
    same(np.array(found), expected[:1000])


def test_int8_changes_few_answers(result, mnist, expected):
    layers = quantize.int8_layers(result, mnist[0].images[:256])
    found = quantize.logits(result, layers, mnist[1].images[:2000])
    before, after = expected[:2000].argmax(axis=1), found.argmax(axis=1)
    right = [int((guess == mnist[1].labels[:2000]).sum()) for guess in (before, after)]
    assert (before != after).sum() <= 30 and abs(right[0] - right[1]) <= 10
