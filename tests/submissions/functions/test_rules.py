"""Rules for the reverse mode of a library are checked as they lie."""

import pytest

from jaxdoodle.gradcheck.diagnosis.repairs import repair
from jaxdoodle.submissions.worker import check_file

TORCH = """
import torch

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output * 2 * x * w, grad_output * x * x
"""


def test_a_torch_function_is_checked_or_torch_is_said_to_be_missing(checked):
    pytest.importorskip("torch")
    assert checked(TORCH) == {"Square": "right"}
    assert checked(TORCH.replace("2 * x", "x")) == {"Square": "x"}
    told = checked(TORCH.replace("torch", "torch_of_last_year"))["told"]
    assert "No module named 'torch_of_last_year'" in told[0]["note"]
    assert "torch_of_last_year is not installed" in told[1]["note"]


CUSTOM = """
import functools
import jax
import jax.numpy as jnp

@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def leaky(x, slope):
    return jnp.where(x > 0, x, slope * x)

def leaky_fwd(x, slope):
    return leaky(x, slope), x

def leaky_bwd(slope, x, dy):
    return (jnp.where(x > 0, dy, dy * slope),)

leaky.defvjp(leaky_fwd, leaky_bwd)
"""


def test_a_custom_vjp_is_checked_against_its_own_function(checked):
    assert checked(CUSTOM) == {"leaky": "right"}
    assert checked(CUSTOM.replace("dy * slope", "dy / slope")) == {"leaky": "x"}


TANGENTS = """
import functools
import jax
import jax.numpy as jnp

@jax.custom_jvp
def angle(x, y):
    return jnp.arctan2(y, x)

@angle.defjvp
def angle_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return angle(x, y), (x * dy - y * dx) / (x * x + y * y)

@jax.custom_jvp
def scaled(table, rows, w):
    return table[rows] * w

scaled.defjvps(lambda t, out, table, rows, w: t[rows] * w, None, lambda t, out, table, rows, w: table[rows] * t)

@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def power(x, n):
    return x ** n

@power.defjvp
def power_jvp(n, primals, tangents):
    (x,), (t,) = primals, tangents
    return power(x, n), n * x ** (n - 1) * t

angle(jnp.array([0.3, -1.2]), jnp.array([0.8, 0.4]))
scaled(jnp.arange(6.0).reshape(3, 2), jnp.array([2, 0, 2]), jnp.array([0.5, -1.0]))
power(jnp.array([0.3, -1.2]), 3)
"""


def test_a_rule_for_tangents_is_transposed_and_checked(checked):
    assert checked(TANGENTS) == {"angle": "right", "scaled": "right", "power": "right"}
    wrong = checked(TANGENTS.replace("y * dx)", "x * dx)").replace("* t)", "* t / 2)").replace("n * x **", "x **"))
    assert wrong == {"angle": "x", "scaled": "w", "power": "x"}


def test_the_repair_of_a_rule_for_tangents_names_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(repair, "MOST_EDITS", 200)
    path = tmp_path / "wrong.py"
    path.write_text(TANGENTS.replace("(x * dy - y * dx)", "(x * dy + y * dx)"))
    (found,) = next(m["check"]["findings"] for m in check_file(path) if m.get("check", {}).get("title") == "angle")
    assert found["mended"] == "return (angle(x, y), (x * dy - y * dx) / (x * x + y * y))"


def test_a_rule_that_gives_another_value_is_wrong(checked):
    wrong = checked(TANGENTS.replace("return angle(x, y),", "return angle(y, x),"))
    assert wrong["angle"] == "value is not the function's"
    assert checked(CUSTOM.replace("return leaky(x, slope), x", "return x, x")) == {
        "leaky": "value is not the function's"
    }


FIXED_POINT = """
import functools
import jax
import jax.numpy as jnp

@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def settle(params, x, steps):
    (W, b), z = params, jnp.zeros_like(x)
    for _ in range(steps):
        z = jnp.tanh(W @ z + b * x)
    return z

def settle_fwd(params, x, steps):
    z = settle(params, x, steps)
    return z, (params, x, z)

def settle_bwd(steps, kept, g):
    (W, b), x, z = kept
    s = 1 - z ** 2
    v = s * jnp.linalg.solve(jnp.eye(len(z)) - W.T * s, g)
    return (jnp.outer(v, z), v * x), v * b

settle.defvjp(settle_fwd, settle_bwd)

if __name__ == "__main__":
    params = 0.2 * jnp.ones((3, 3)), jnp.ones(3)
    run = jax.jit(lambda p: jax.vmap(lambda x: settle(p, x, 20))(jnp.ones((4, 3))).sum())
    jax.grad(run)(params)
"""


def test_arguments_under_jit_and_vmap_are_those_of_a_rule_of_a_fixed_point(checked):
    assert checked(FIXED_POINT) == {"settle": "right"}


KERNEL = """
import torch

class Gauss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, log_scale):
        k = torch.exp(-((x[:, None] - x[None, :]) / log_scale.exp()) ** 2 / 2)
        ctx.save_for_backward(x, log_scale, k)
        return k

    @staticmethod
    def backward(ctx, g):
        x, log_scale, k = ctx.saved_tensors
        d = (x[:, None] - x[None, :]) / log_scale.exp()
        t = -g * k * d / log_scale.exp()
        return t.sum(1) - t.sum(0), (g * k * d * d).sum()

class LogDet(torch.autograd.Function):
    @staticmethod
    def forward(ctx, K, log_noise):
        L = torch.linalg.cholesky(K + log_noise.exp() * torch.eye(len(K), dtype=K.dtype))
        ctx.save_for_backward(L, log_noise)
        return 2 * L.diagonal().log().sum()

    @staticmethod
    def backward(ctx, g):
        L, log_noise = ctx.saved_tensors
        inverse = torch.cholesky_inverse(L)
        return g * inverse, g * log_noise.exp() * inverse.trace()

if __name__ == "__main__":
    scale = torch.zeros((), dtype=torch.double, requires_grad=True)
    k = Gauss.apply(torch.linspace(0, 2, 5, dtype=torch.double), scale)
    LogDet.apply(k, torch.tensor(-1.0, dtype=torch.double, requires_grad=True)).backward()
"""


def test_the_result_of_one_rule_is_the_argument_of_the_next(checked):
    pytest.importorskip("torch")
    assert checked(KERNEL) == {"Gauss": "right", "LogDet": "right"}
    assert checked(KERNEL.replace("g * inverse,", "g * L,"))["LogDet"] == "K"


def test_a_class_with_a_context_needs_no_library(checked):
    text = """
        class Square:
            @staticmethod
            def forward(ctx, x):
                ctx.save(x)
                return x ** 2

            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved
                return {factor} * x * g
    """
    assert checked(text.format(factor=2)) == {"Square": "right"}
    assert checked(text.format(factor=1)) == {"Square": "x"}


def test_numbers_that_torch_draws_are_the_same_at_every_call(checked):
    pytest.importorskip("torch")
    drawn = "ctx.mask = torch.rand_like(x).round()"
    text = TORCH.replace("return x * x * w", f"{drawn}\n        return x * x * w * ctx.mask")
    text = text.replace("return grad_output *", "grad_output = grad_output * ctx.mask\n        return grad_output *")
    assert checked(text) == {"Square": "right"}


def test_the_docstring_of_a_forward_with_a_context_tells_the_shapes(checked):
    text = """
        class Bilinear:
            @staticmethod
            def forward(ctx, a, w, b):
                '''a (N, P), w (P, Q), b (N, Q)'''
                ctx.save(a, w, b)
                return ((a @ w) * b).sum(1)

            @staticmethod
            def backward(ctx, g):
                a, w, b = ctx.saved
                g = g[:, None]
                return g * (b @ w.T), (g * a).T @ b, g * (a @ w)
    """
    assert checked(text) == {"Bilinear": "right"}


GATE = """import numpy as np
def gate(x, s):
    y = np.tanh(x)
    def back(g):
        dx = g * s * (1 - y)
        return dx, np.sum(g * y)
    return s * y, back
"""


def test_functions_that_return_their_own_backward_are_checked_and_mended(checked, tmp_path):
    text = """
        def dense(x, w):
            def back(g):
                return g @ w.T, x.T @ g
            return x @ w, back
        def wave(x):
            return np.sin(x), lambda g: g * np.cos(x)
        def other(x):
            return x, np.sin
    """
    assert checked(text) == {"dense": "right", "wave": "right"}
    assert checked(text.replace("g @ w.T", "g @ w.T / 2").replace("cos(x)", "sin(x)")) == {"dense": "x", "wave": "x"}
    program = tmp_path / "mended.py"
    program.write_text(GATE)
    (message,) = check_file(program)
    assert [f["backward"]["line"] for f in message["check"]["findings"]] == [5]


def test_a_function_that_returns_another_than_its_backward_is_left_alone(checked):
    text = """
        def momentum(w):
            v = np.zeros_like(w)
            def step(g): return 0.9 * v - 0.1 * g
            return v, step
        def scaler(x):
            mean, std = x.mean(axis=0), x.std(axis=0)
            return (x - mean) / std, lambda z: z * std + mean
        def dense(x, w):
            def back(g): return g @ w.T, x.T @ g
            return x @ w, back
        def dense_args(): return np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(0, 1, 6).reshape(3, 2)
    """
    assert checked(text) == {"dense": "right"}


def test_a_function_of_torch_that_is_called_straight_through_may_pass_a_step(checked):
    pytest.importorskip("torch")
    text = """
        import torch

        class SignSTE(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return torch.sign(x)

            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved_tensors
                return g * (x.abs() <= 1)
    """
    assert checked(text) == {"SignSTE": "right"}
    assert checked(text.replace("SignSTE", "Sign")) == {"Sign": "x"}


@pytest.mark.parametrize("said", ["straight-through", "with a surrogate gradient"])
def test_a_rule_may_say_at_the_function_itself_that_it_passes_a_step(checked, said):
    text = f"""
        import jax, jax.numpy as jnp
        @jax.custom_vjp
        def hard(x):
            "1 above 0, {said}."
            return jnp.sign(x)
        hard.defvjp(lambda x: (hard(x), x), lambda x, g: (jnp.where(jnp.abs(x) < 1, g, 0.0),))
    """
    assert checked(text) == {"hard": "right"}
    assert checked(text.replace(said, "else 0")) == {"hard": "x"}


def test_a_function_that_speaks_of_a_sum_declares_nothing_of_its_gradient(checked):
    text = """
        import jax, jax.numpy as jnp
        @jax.custom_vjp
        def mse(p, y):
            "Mean over the batch of the summed error of each row."
            return jnp.mean(jnp.sum((p - y) ** 2, axis=1))
        mse.defvjp(lambda p, y: (mse(p, y), (p, y)), lambda kept, g: (g * 2. * (kept[0] - kept[1]),
                                                                      g * 2. * (kept[1] - kept[0])))
    """
    assert checked(text) == {"mse": "p, y"}


DIRECT = """
import jax
import jax.numpy as jnp

@jax.custom_jvp
def xlogy(x, y):
    return x * jnp.log(y)

xlogy.defjvps(lambda t, out, x, y: t * jnp.log(y), lambda t, out, x, y: t * {} / y)
"""


def test_an_argument_with_a_rule_of_its_own_is_no_whole_number(checked):
    assert checked(DIRECT.format("x")) == {"xlogy": "right"}
    assert checked(DIRECT.format("1")) == {"xlogy": "y"}


QUANTIZED = '''"""Layers of {} networks."""
import jax
import jax.numpy as jnp

@jax.custom_vjp
def quantized(x, scale):
    return jnp.round(x / scale) * scale

def forward(x, scale):
    return quantized(x, scale), (x, scale)

def backward(kept, dy):
    x, scale = kept
    return dy, jnp.sum(dy * (jnp.round(x / scale) - x / scale))

quantized.defvjp(forward, backward)
quantized(jnp.array([0.31, -1.27, 2.6]), jnp.array(0.5))
'''


SAID = [("quantized (straight-through)", True), ("quantized", False), ("binary (straight-through) and other", False)]


@pytest.mark.parametrize(("said", "passed"), SAID)
def test_the_docstring_of_a_file_may_say_of_a_function_that_its_gradients_pass_a_step(tmp_path, said, passed):
    (tmp_path / "program.py").write_text(QUANTIZED.format(said))
    (message,) = check_file(tmp_path / "program.py")
    assert message["check"]["passed"] == passed
