"""Layers and losses of one's own, from one file and without an edit to the package: proven, trained, stored, run."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdoodle as jd
from jaxdoodle.core.errors import InputError
from jaxdoodle.gradcheck import layers
from tests.fixtures.jax_modes import users_jax
from tests.system import mine
from tests.system.mine import DepthwiseConv2D, Huber, LayerNorm, Skip, Swish

pytestmark = pytest.mark.usefixtures("as_users_run")

MINE = Path(mine.__file__)
LAYERS = [Swish, LayerNorm, DepthwiseConv2D, Skip]
CLASSES = ("clock", "pizza", "hexagon")
SPEC = jd.ModelSpec(
    (
        DepthwiseConv2D(3), Swish(1.5), jd.nn.MaxPool2D(4), jd.nn.Flatten(), jd.nn.Dense(16),
        Skip((LayerNorm(), jd.nn.Dense(16), Swish())), jd.nn.Residual([jd.nn.Dense(16), Swish()]), jd.nn.Dense(3),
    ),
    (28, 28, 1),
    CLASSES,
)  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return jd.load_dataset("doodles", classes=",".join(CLASSES), per_class=60)


@pytest.fixture(scope="module")
def trained(data):
    with users_jax():
        return jd.fit(SPEC, data.train, data.validation, jd.TrainConfig(epochs=25, learning_rate=5e-3))


@pytest.fixture
def saved(data, trained, tmp_path):
    jd.Model(SPEC, trained.params, data.preprocessing).save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def jaxdoodle(*words):
    return subprocess.run([sys.executable, "-m", "jaxdoodle", *map(str, words)], capture_output=True, text=True)


def test_the_gradient_checker_proves_the_file():
    done = jaxdoodle("check", MINE)
    assert done.returncode == 0, done.stdout + done.stderr
    for cls in (*LAYERS, Huber):
        assert cls.__name__ in done.stdout


def test_the_gradient_checker_refuses_a_wrong_derivative(tmp_path):
    swish = MINE.read_text().partition("\n\n\n@nn.layer\nclass LayerNorm")[0]
    wrong = swish.replace("s + self.beta * x * s * (1 - s)", "s + x * s * (1 - s)")
    (tmp_path / "wrong.py").write_text(wrong)  # which is right for the default beta, 1
    done = jaxdoodle("check", tmp_path / "wrong.py")
    assert done.returncode == 1 and "FAIL  layer: Swish(beta=0.8)" in done.stdout


def test_training_by_hand_and_by_autodiff_loses_alike(data):
    losses = [
        jd.fit(SPEC, data.train, None, jd.TrainConfig(epochs=2, gradients=how)).step_losses
        for how in ("hand", "autodiff")
    ]
    np.testing.assert_allclose(*losses, rtol=2e-4)


def test_a_loss_of_ones_own_trains(data):
    for how in ("hand", "autodiff"):
        result = jd.fit(
            SPEC, data.train, None, jd.TrainConfig(epochs=15, learning_rate=5e-3, loss=Huber(0.5), gradients=how)
        )
        assert result.step_losses[-1] < 0.5 * result.step_losses[0]


def test_the_model_file_stores_it_and_numpy_runs_it(data, trained, saved):
    model = jd.Model.load(saved, layers=LAYERS)
    assert model.spec == SPEC
    images = data.test.images
    expected = jd.apply(SPEC, trained.params, jnp.asarray(images, jnp.float32) / 255)
    np.testing.assert_allclose(model.logits(images), expected, atol=1e-4)
    score = jd.evaluate(SPEC, trained.params, data.test)
    assert score.correct / score.total > 0.6
    assert (model.logits(images).argmax(axis=1) == data.test.labels).sum() == score.correct


def test_a_file_that_names_an_unknown_layer_is_refused_with_the_advice(saved):
    with pytest.raises(
        InputError, match=r"model\.npz: layers\[0\] has type 'DepthwiseConv2D', .*layers=\[DepthwiseConv2D\].*--layers"
    ):
        jd.Model.load(saved)


class Nothing:
    def forward(self, params, x, *, key=None):
        return x, x

    def numpy_forward(self, params, x):
        return x


def test_a_parameter_may_be_called_like_a_statistic_of_batch_norm(data, tmp_path):
    @jd.nn.layer
    class Shift(Nothing):
        def param_shapes(self, input_shape):
            return {"var": input_shape}

        def init(self, key, input_shape):
            return {"var": jnp.zeros(input_shape, jnp.float32)}

        def backward(self, residuals, dy):
            return {"var": dy.sum(axis=0)}, dy

    spec = jd.ModelSpec((jd.nn.Flatten(), Shift(), jd.nn.Dense(3)), (28, 28, 1), CLASSES)
    params = jax.tree.map(lambda p: p - 1, jd.init(spec, jax.random.key(0)))
    jd.Model(spec, params, data.preprocessing).save(tmp_path / "model.npz")
    assert jd.Model.load(tmp_path / "model.npz", layers=[Shift]).spec == spec


def test_predict_takes_the_file_of_layers(data, saved, tmp_path):
    np.save(tmp_path / "one.npy", data.test.images[0, :, :, 0])
    done = jaxdoodle("predict", saved, tmp_path / "one.npy", "--layers", MINE, "--json")
    assert done.returncode == 0, done.stderr
    found = jd.Model.load(saved, layers=LAYERS).predict(tmp_path / "one.npy")
    assert json.loads(done.stdout)["label"] == found.label
    refused = jaxdoodle("predict", saved, tmp_path / "one.npy")
    assert refused.returncode == 2 and "--layers" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("suffix", [".onnx", ".html", ".c", ".pyz"])
def test_exports_that_cannot_carry_it_say_so(suffix, data, trained, tmp_path):
    with pytest.raises(InputError, match="DepthwiseConv2D"):
        jd.export(jd.Model(SPEC, trained.params, data.preprocessing), tmp_path / f"model{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_is_no_layer_is_refused_by_what_it_lacks():
    with pytest.raises(TypeError, match=r"Nothing has no backward\(\); a layer has backward, forward, numpy_forward"):
        jd.nn.layer(Nothing)


def test_a_field_called_like_a_method_is_refused():
    class Named(Nothing):
        init: str = "glorot_uniform"

        def backward(self, residuals, dy):
            return {}, dy

    with pytest.raises(TypeError, match="the field 'init' is called like a method of a layer"):
        jd.nn.layer(Named)


def test_parameters_need_shapes_and_a_start():
    class Half(Nothing):
        def init(self, key, input_shape):
            return {}

        def backward(self, residuals, dy):
            return {}, dy

    with pytest.raises(TypeError, match=r"Half has one of init\(\) and param_shapes\(\)"):
        jd.nn.layer(Half)


def test_a_backward_that_returns_other_parameters_is_named_with_both_trees(data):
    @jd.nn.layer
    class Scale(Nothing):
        def param_shapes(self, input_shape):
            return {"w": input_shape}

        def init(self, key, input_shape):
            return {"w": jnp.ones(input_shape, jnp.float32)}

        def backward(self, residuals, dy):
            return {"dw": dy.sum(axis=0)}, dy

    spec = jd.ModelSpec((jd.nn.Flatten(), Scale(), jd.nn.Dense(3)), (28, 28, 1), CLASSES)
    with pytest.raises(
        ValueError, match=r"Scale.backward returned dparams \{'dw': \(784,\)\}; forward took \{'w': \(784,\)\}"
    ):
        jd.fit(spec, data.train, None, jd.TrainConfig(epochs=1))


def test_a_layer_is_a_static_argument_of_jit():
    @jax.jit(static_argnums=0)
    def apply(layer, x):
        return layer.forward({}, x)[0]

    assert apply(Swish(2.0), jnp.ones(3)).shape == (3,) and hash(Swish(2.0)) == hash(Swish(2.0)) != hash(Swish())


def test_bytes_and_the_parameters_of_other_layers_are_refused(data):
    params = jd.init(SPEC, jax.random.key(0))
    with pytest.raises(ValueError, match=r"floating-point inputs \(batch, 28, 28, 1\); got uint8 \(\d+, 28, 28, 1\)"):
        jd.apply(SPEC, params, data.test.images)
    with pytest.raises(ValueError, match="has 8 layers; got the parameters of 7"):
        jd.apply(SPEC, params[:-1], jnp.zeros((1, 28, 28, 1)))


def test_a_backward_that_returns_dx_alone_fails_with_the_contract():
    @jd.nn.layer
    class Alone(Nothing):
        def backward(self, residuals, dy):
            return dy

    _, check = next(layers.cases_of(Alone))
    assert "Alone.backward returns (dparams, dx); got" in str(check())


def test_a_mode_and_its_key_go_together():
    params = jd.init(SPEC, jax.random.key(0))
    x = jnp.zeros((1, 28, 28, 1))
    with pytest.raises(ValueError, match="training mode needs key=jax.random.key"):
        jd.apply(SPEC, params, x, training=True)
    with pytest.raises(ValueError, match="a key is for training mode"):
        jd.apply(SPEC, params, x, key=jax.random.key(0))
