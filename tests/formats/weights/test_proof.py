"""Inputs and networks that weights leave open are those with which images of a check set are classified right."""

import numpy as np
import pytest

from jaxdoodle.formats.weights import CheckSet, import_weights, proof
from jaxdoodle.formats.weights.structures import Candidate
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.nn.architectures import mlp
from tests.formats.weights.conftest import B, W, npz


def digits_apart():
    """A dense layer that tells apart ten kinds of images, each with the ink in two rows of its own, and such images."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 10
    images = np.zeros((200, 28, 28, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 4:20] = rng.integers(150, 256, (2, 16, 1))
    w = np.zeros((28, 28, 10), np.float32)
    for label in range(10):
        w[4 + 2 * label : 6 + 2 * label, 4:20, label] = 1 + label
    pixels = images / 255
    return w, CheckSet("rows", images, labels, float(pixels.mean()), float(pixels.std()))


#: Inputs -> weights and biases of the layer that is shown them, of those of one that is shown x / 255.
CHANGED = {
    "x / 255": lambda w, b: (w, b),
    "1 - x / 255": lambda w, b: (-w, b + w.sum(axis=0)),
    "x / 255, rows and columns exchanged": lambda w, b: (w.reshape(28, 28, 10).swapaxes(0, 1).reshape(784, 10), b),
    "x / 255, classes from 1 on and 0 last": lambda w, b: (np.roll(w, -1, axis=1), np.roll(b, -1)),
}


@pytest.mark.parametrize("inputs", CHANGED)
def test_the_check_finds_what_inputs_the_weights_want(inputs, tmp_path):
    w, check = digits_apart()
    w, b = CHANGED[inputs](w.reshape(784, 10), np.linspace(0, 3, 10))
    said = []
    found = import_weights(npz(tmp_path, w=w, b=b), check=check, say=said.append)
    assert said[0] == f"rows test: 200 of 200 right (100.00 %) with inputs {inputs}"
    assert found.provenance["check"] == {"dataset": "rows", "correct": 200, "total": 200}
    guess = Model.from_file(found).logits(check.images).argmax(axis=1)
    assert [found.spec.classes[k] for k in guess] == [str(label) for label in check.labels]
    model_file.write(tmp_path / "model.npz", found)
    np.testing.assert_array_equal(Model.load(tmp_path / "model.npz").logits(check.images).argmax(axis=1), guess)


def test_of_what_gets_as_many_right_within_noise_the_least_loss_comes_first():
    usual, odd = (Candidate(mlp(("a", "b"), ()), [], penalty) for penalty in (0.0, 0.5))
    trials = [proof.Trial(*one, inputs) for one, inputs in zip(
        [(92, 0.4, usual), (91, 0.2, usual), (60, 0.1, usual), (93, 0.1, odd), (50, 0.05, odd)], "abcde", strict=True
    )]  # fmt: skip
    assert [one.inputs for one in proof.in_order(trials, 100)] == ["d", "b", "a", "c", "e"]


def test_a_network_that_is_shown_larger_inputs_gains_no_loss_by_it():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 200)
    logits = (rng.normal(size=(200, 10)) + 2 * np.eye(10)[labels]).astype(np.float32)
    assert proof.least_loss(255 * logits, labels) == pytest.approx(proof.least_loss(logits, labels), rel=1e-5)
    assert proof.least_loss(logits + rng.normal(size=logits.shape), labels) > proof.least_loss(logits, labels)


def test_an_import_that_gets_little_right_is_a_warning(tmp_path):
    _, check = digits_apart()
    said = []
    w = np.random.default_rng(3).normal(size=(784, 10))
    import_weights(npz(tmp_path, w=w, b=B), check=check, say=said.append)
    assert said[-1].startswith("WARNING: only ") and "may be read wrongly" in said[-1]


def test_a_network_that_takes_minutes_to_measure_is_not_measured(tmp_path, monkeypatch):
    _, check = digits_apart()
    monkeypatch.setattr(proof, "MOST_WORK", 0)
    said = []
    found = import_weights(npz(tmp_path, w=W, b=B), check=check, say=said.append)
    assert said[-1].startswith("WARNING: too large to be measured: one image takes ")
    assert "check" not in found.provenance


def test_inputs_that_nothing_says_are_told_where_nothing_is_measured(tmp_path):
    said = []
    import_weights(npz(tmp_path, w=W, b=B), say=said.append)
    assert said == ["WARNING: not measured; inputs are taken to be x / 255, which nothing says"]


def test_inputs_that_are_given_are_compared_with_others(tmp_path):
    w, check = digits_apart()
    said = []
    w = -w.reshape(784, 10)  # black on white, b as it was
    import_weights(npz(tmp_path, w=w, b=-w.sum(axis=0)), check=check, scaling=(255.0, 0.0, 1.0), say=said.append)
    assert said[-1].startswith("WARNING: ")
