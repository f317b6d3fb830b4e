"""Wrong lines, each planted alone in a network that is right: what is replaced, by what, and what it is called."""

# ruff: noqa: E501 (a row of the table is one mistake)

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Mutation:
    """``old`` occurs once in the network's file. ``expected``: acceptable names, or the starts of names."""

    network: str
    expected: tuple[str, ...]
    old: str
    new: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the half that is only counted: by a checksum of what is written, which nobody chose."""
        return zlib.crc32(self.title.encode()) % 2 == 1

    @property
    def title(self) -> str:
        return f"{self.network}: {self.old.strip()}  ->  {self.new.strip() or '(nothing)'}"


def _of(network: str, *rows: tuple) -> list[Mutation]:
    return [
        Mutation(network, (r[0],) if isinstance(r[0], str) else r[0], r[1], r[2], r[3] if len(r) > 3 else {})
        for r in rows
    ]


MUTATIONS = [
    *_of(
        "columns",
        ("missing 1/m", "dz3 = (a3 - y) / m", "dz3 = a3 - y"),
        ("double 1/m", "dz1 = da1 * tanh_derivative(z1)", "dz1 = da1 * tanh_derivative(z1) / m"),
        ("double 1/m", "dz2 = da2 * relu_derivative(z2)", "dz2 = da2 * relu_derivative(z2) / m"),
        ("sign flipped", "dz3 = (a3 - y) / m", "dz3 = (y - a3) / m"),
        ("sign flipped", "da1 = np.dot(W2.T, dz2)", "da1 = -np.dot(W2.T, dz2)"),
        ("extra factor", "da2 = np.dot(W3.T, dz3)", "da2 = 2 * np.dot(W3.T, dz3)"),
        (("transposed", "wrong case"), "da1 = np.dot(W2.T, dz2)", "da1 = np.dot(W2, dz2)"),
        ("bias mean instead of sum", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = np.mean(dz2, axis=1, keepdims=True)"),
        ("bias mean instead of sum", "db3 = np.sum(dz3, axis=1, keepdims=True)", "db3 = np.mean(dz3, axis=1, keepdims=True)"),
        ("activation derivative forgotten", "dz1 = da1 * tanh_derivative(z1)", "dz1 = da1"),
        ("activation derivative forgotten", "dz2 = da2 * relu_derivative(z2)", "dz2 = da2"),
        ("derivative taken of the activation, not the pre-activation", "da1 * tanh_derivative(z1)", "da1 * tanh_derivative(a1)"),
        ("tan for tanh", "return 1 - np.tanh(z) ** 2", "return 1 - np.tan(z) ** 2"),
        ("wrong activation derivative", "return 1 - np.tanh(z) ** 2", "return 1 - np.tanh(z)"),
        ("L2 gradient lambda w for 2 lambda w", "dW3 = np.dot(dz3, a2.T) + 2 * LAMBDA * W3", "dW3 = np.dot(dz3, a2.T) + LAMBDA * W3"),
        ("L2 gradient lambda w for 2 lambda w", "+ 2 * LAMBDA * params[\"W1\"]", "+ LAMBDA * params[\"W1\"]"),
        ("L2 penalty gradient missing", "dW2 = np.dot(dz2, a1.T) + 2 * LAMBDA * W2", "dW2 = np.dot(dz2, a1.T)"),
        ("penalty gradient on biases", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = np.sum(dz2, axis=1, keepdims=True) + 2 * LAMBDA * params[\"b2\"]"),
        ("relu' >= 0", "return (z > 0).astype(float)", "return (z >= 0).astype(float)", {"demand": {"relu": 0}}),
        ("gradients swapped", "\"dW2\": dW2, \"db2\": db2", "\"dW2\": db2, \"db2\": dW2"),
        ("values moved", "dW2 = np.dot(dz2, a1.T)", "dW2 = np.dot(dz2, np.roll(a1, 1, axis=1).T)"),
        ("softmax derivative applied twice", "dz3 = (a3 - y) / m", "dz3 = (a3 - y) * a3 * (1 - a3) / m"),
        ("cast to float32", "dW1 = np.dot(dz1, a0.T)", "dW1 = np.dot(dz1.astype(np.float32), a0.T.astype(np.float32)).astype(float)"),
        ("cast to float16", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = np.sum(dz2.astype(np.float16), axis=1, keepdims=True)"),
        ("gradient not written (zeros)", "db1 = np.sum(dz1, axis=1, keepdims=True)", "db1 = np.zeros_like(params[\"b1\"])"),
        ("gradient missing", "{\"dW1\": dW1, \"db1\": db1, ", "{\"dW1\": dW1, "),
        ("shape that only broadcasts", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = np.sum(dz2, axis=1)"),
        ("bias summed over everything", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = np.sum(dz2)"),
        ("bias not summed over the batch", "db2 = np.sum(dz2, axis=1, keepdims=True)", "db2 = dz2"),
        ("missing return", "    return {\"dW1\"", "    grads = {\"dW1\""),
        ("wrong array", "dW3 = np.dot(dz3, a2.T)", "dW3 = np.dot(dz3, z2.T)"),
        ("wrong array", "dW2 = np.dot(dz2, a1.T)", "dW2 = np.dot(da2, a1.T)"),
    ),
    *_of(
        "rows",
        ("dropout mask missing in backward", "da2 = dh2 * masks[1] / KEEP", "da2 = dh2"),
        ("dropout mask missing in backward", "da1 = dh1 * masks[0] / KEEP", "da1 = dh1 / KEEP"),
        ("dropout mask not rescaled in backward", "da2 = dh2 * masks[1] / KEEP", "da2 = dh2 * masks[1]"),
        ("dropout mask not rescaled in backward", "da1 = dh1 * masks[0] / KEEP", "da1 = dh1 * masks[0]"),
        ("sigmoid derivative applied twice", "dz1 = da1 * s1 * (1 - s1)", "dz1 = da1 * s1 * (1 - s1) * s1 * (1 - s1)"),
        ("derivative taken of the activation, not the pre-activation", "s1 = jax.nn.sigmoid(z1)", "s1 = jax.nn.sigmoid(jax.nn.sigmoid(z1))"),
        ("derivative formula of the activation given the pre-activation", "dz1 = da1 * s1 * (1 - s1)", "dz1 = da1 * z1 * (1 - z1)"),
        ("tan for tanh", "(1 - jnp.tanh(z2) ** 2)", "(1 - jnp.tan(z2) ** 2)"),
        ("wrong activation derivative", "jnp.where(z3 > 0, 1.0, 0.1)", "(z3 > 0)"),
        ("activation derivative forgotten", "dz3 = dh3 * jnp.where(z3 > 0, 1.0, 0.1)", "dz3 = dh3"),
        (("L1 sign missing", "L1"), "LAMBDA * jnp.sign(w3)", "LAMBDA"),
        (("L1 penalty gradient missing",), "dw1 = x.T @ dz1 + LAMBDA * jnp.sign(w1)", "dw1 = x.T @ dz1"),
        ("gradients in reverse layer order", "[(dw1, db1), (dw2, db2), (dw3, db3), (dw4, db4)]", "[(dw4, db4), (dw3, db3), (dw2, db2), (dw1, db1)]"),
        ("gradients swapped", "(dw3, db3)", "(db3, dw3)"),
        (("extra factor", "factor of the forward forgotten", "factor left out"), "dout = 2 * (out - y) / m", "dout = (out - y) / m"),
        (("transposed", "wrong case"), "dh1 = dz2 @ w2.T", "dh1 = dz2 @ w2"),
        (("transposed", "wrong case"), "dh2 = dz3 @ w3.T", "dh2 = dz3 @ w3"),
        ("value is not the loss", "return loss(params, x, y, masks), [", "return 2 * loss(params, x, y, masks), ["),
    ),
    *_of(
        "loops",
        ("values flipped", "np.tensordot(dout[:, i, j, :], w, axes=([1], [3]))", "np.tensordot(dout[:, i, j, :], w[::-1, ::-1], axes=([1], [3]))"),
        ("transposed", "np.tensordot(dout[:, i, j, :], w, axes=([1], [3]))", "np.tensordot(dout[:, i, j, :], w.swapaxes(0, 1), axes=([1], [3]))"),
        ("bias mean instead of sum", "db = dout.sum(axis=(0, 1, 2))", "db = dout.mean(axis=(0, 1, 2))"),
        ("max-pool gradient to every tied cell", "dx[n, 2 * i + p, 2 * j + q, c] = dout[n, i, j, c]", "dx[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c] = (window == window.max()) * dout[n, i, j, c]"),
        ("max-pool gradient to the neighbour", "dx[n, 2 * i + p, 2 * j + q, c]", "dx[n, 2 * i + q, 2 * j + p, c]"),
        ("max-pool gradient to the neighbour", "dx[n, 2 * i + p, 2 * j + q, c]", "dx[n, 2 * i + p, 2 * j + (1 - q), c]"),
        ("max-pool gradient to every cell", "dx[n, 2 * i + p, 2 * j + q, c] = dout", "dx[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c] = dout"),
        ("activation derivative forgotten", "dc1 = dr1 * (c1 > 0)", "dc1 = dr1"),
        ("missing 1/m", "    dscores /= m\n", ""),
        ("gradients swapped", "_, grads[\"k1\"], grads[\"c1\"]", "_, grads[\"c1\"], grads[\"k1\"]"),
        ("labels left out of the loss gradient", "    dscores[np.arange(m), labels] -= 1\n", ""),
        (("accumulated in float32",), "dx, dw = np.zeros(x.shape), np.zeros(w.shape)", "dx, dw = np.zeros(x.shape), np.zeros(w.shape, np.float32)"),
        ("values flipped", "    db = dout.sum(axis=(0, 1, 2))", "    dw = dw[::-1, ::-1]; db = dout.sum(axis=(0, 1, 2))"),
    ),
    *_of(
        "images",
        ("kernel not flipped", "turned = w[::-1, ::-1].swapaxes(2, 3)", "turned = w.swapaxes(2, 3)"),
        ("transposed", "turned = w[::-1, ::-1].swapaxes(2, 3)", "turned = w[::-1, ::-1]"),
        ("padding on the wrong side", "grads[\"k1\"] = conv_dw(du1, x, EVEN)", "grads[\"k1\"] = conv_dw(du1, x, ((1, 0), (1, 0)))"),
        ("BatchNorm without the mean term", "(dhat - dhat.mean(axes) - hat", "(dhat - hat"),
        ("BatchNorm without the variance term", "- hat * (dhat * hat).mean(axes)) /", ") /"),
        ("BatchNorm without the mean and variance terms", "(dhat - dhat.mean(axes) - hat * (dhat * hat).mean(axes)) /", "dhat /"),
        (("factor of the forward forgotten", "divisor left out"), "4, axis=3) / 4)", "4, axis=3))"),
        ("average pool's rule for a max pool", "dr1 = untile(argmax * dp1[:, :, :, None])", "dr1 = untile(jnp.repeat(dp1[:, :, :, None], 4, axis=3) / 4)"),
        ("max-pool gradient to the neighbour", "dr1 = untile(argmax", "dr1 = untile(jnp.roll(argmax, 1, axis=3)"),
        ("max-pool gradient to every tied cell", "argmax = jax.nn.one_hot(cells.argmax(axis=3), 4, axis=3, dtype=r1.dtype)", "argmax = cells == cells.max(axis=3, keepdims=True)"),
        ("factor left out", "dhat = dn1 * params[\"scale\"]", "dhat = dn1"),
    ),
    *_of(
        "dense",
        ("bias mean instead of sum", "dy.sum(axis=0)", "dy.mean(axis=0)"),
        ("gradient", "return dy @ w.T, x.T @ dy, dy.sum(axis=0)", "return x.T @ dy, dy @ w.T, dy.sum(axis=0)"),
        ("values flipped", "x.T @ dy, dy.sum", "x[::-1].T @ dy, dy.sum"),
        ("gradient not written (zeros)", "return dy @ w.T,", "return jnp.zeros_like(x),"),
    ),
    *_of(
        "softmax",
        ("softmax Jacobian diagonal only", "return p * (dy - (p * dy).sum(axis=-1, keepdims=True))", "return dy * p * (1 - p)"),
        ("softmax derivative forgotten", "return p * (dy - (p * dy).sum(axis=-1, keepdims=True))", "return dy"),
        ("wrong axis", "(p * dy).sum(axis=-1, keepdims=True)", "(p * dy).sum(axis=0, keepdims=True)"),
    ),
    *_of("logsoftmax", (("log-softmax", "incoming gradient left out"), "return dy - jnp.exp(y) * dy.sum(axis=-1, keepdims=True)", "return 1 - jnp.exp(y) * y.shape[-1]")),
    *_of(
        "batchnorm",
        ("BatchNorm without the mean term", "dx = dxc - dmu / n", "dx = dxc"),
        ("BatchNorm without the variance term", "    dxc += (2.0 / n) * xc * dvar\n", ""),
        (("BatchNorm", "wrong power"), "dxc = dxn / std", "dxc = dxn / std**2"),
        ("gradients swapped", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma"),
    ),
    *_of(
        "bce",
        ("activation derivative forgotten", "ds = dy * da * a * (1 - a)", "ds = dy * da"),
        ("sigmoid derivative applied twice", "ds = dy * da * a * (1 - a)", "ds = dy * (a - t) / t.size * a * (1 - a)"),
        ("missing 1/m", "/ t.size", ""),
    ),
    *_of(
        "skip",
        ("gradient path missing", "dx = dy + dz @ w.T", "dx = dz @ w.T"),
        ("wrong activation derivative", "dz = dh * (1 - h * h)", "dz = dh * h * (1 - h)"),
    ),
    *_of(
        "objects",
        ("activation derivative forgotten", "delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])", "delta = self.cost_derivative(activations[-1], y)"),
        ("derivative taken of the activation, not the pre-activation", "sp = sigmoid_prime(z)", "sp = sigmoid_prime(activations[-k])"),
        ("derivative formula of the activation given the pre-activation", "return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)"),
        (("transposed", "wrong case"), "np.dot(self.weights[-k + 1].transpose(), delta) * sp", "np.dot(self.weights[-k + 1] if k == 3 else self.weights[-k + 1].transpose(), delta) * sp"),
        ("gradients in reverse layer order", "return nabla_w, nabla_b", "return nabla_w[::-1], nabla_b[::-1]"),
        ("sign flipped", "return (output - y) / y.shape[1]", "return (y - output) / y.shape[1]"),
        ("bias not summed over the batch", "nabla_b[-k] = delta.sum(axis=1, keepdims=True)", "nabla_b[-k] = delta"),
    ),
    *_of(
        "rnn",
        (("wrong time step", "index off by one"), "du += hs[t - 1].T @ dz", "du += hs[t].T @ dz"),
        (("gradient path missing", "extra factor", "term left out"), "dz = (dhs[t] + dh) *", "dz = dhs[t] *"),
        (("overwritten", "gradient path missing"), "dw += xs[t].T @ dz", "dw = xs[t].T @ dz"),
        (("transposed",), "dh = dz @ u.T", "dh = dz @ u"),
        (("wrong activation derivative", "wrong power"), "(1 - hs[t] ** 2)", "(1 - hs[t])"),
        (("mean instead of sum", "bias mean"), "db += dz.sum(axis=0)", "db += dz.mean(axis=0)"),
    ),
    *_of(
        "lstm",
        ("wrong array", "dc * g, dc * c, dh * t", "dc * g, dc * new, dh * t"),
        (("factor left out", "gradient path missing", "factor left out"), "dc = dnew + dh * o * (1 - t**2)", "dc = dnew + dh * (1 - t**2)"),
        (("gradient path missing", "term left out"), "dc = dnew + dh * o * (1 - t**2)", "dc = dh * o * (1 - t**2)"),
        (("activation derivative", "wrong activation"), "dg * (1 - g**2)", "dg * g * (1 - g)"),
        (("activation derivative", "factor left out"), "df * f * (1 - f)", "df"),
        (("wrong", "gradient path missing"), "dc * f, x.T @ dz", "dnew * f, x.T @ dz"),
        (("wrong array",), "h.T @ dz, dz.sum", "c.T @ dz, dz.sum"),
    ),
    *_of(
        "attention",
        (("factor", "extra factor", "gradient path"), "dq = ds @ k * scale", "dq = ds @ k"),
        (("softmax", "gradient path"), "ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))", "ds = p * dp"),
        (("softmax", "wrong axis"), "(dp * p).sum(axis=1, keepdims=True)", "(dp * p).sum(axis=0, keepdims=True)"),
        (("softmax", "mean instead of sum"), "(dp * p).sum(axis=1, keepdims=True)", "(dp * p).mean(axis=1, keepdims=True)"),
        (("softmax", "factor left out"), "ds = p * (dp - (dp * p)", "ds = (dp - (dp * p)"),
    ),
    *_of(
        "layernorm",
        (("normalization path", "layer norm", "BatchNorm", "LayerNorm"), "inv * (dhat - mean - hat * along)", "inv * (dhat - hat * along)"),
        (("sum instead of mean", "layer norm", "LayerNorm"), "along = (dhat * hat).mean(axis=1", "along = (dhat * hat).sum(axis=1"),
        (("wrong axis", "layer norm", "LayerNorm"), "mean = dhat.mean(axis=1, keepdims=True)", "mean = dhat.mean(axis=0, keepdims=True)"),
        (("factor", "gradient path", "factor left out"), "dhat = dout * gamma", "dhat = dout"),
        (("factor", "gradient of another", "factor left out"), "(dout * hat).sum(axis=0), dout.sum", "dout.sum(axis=0), dout.sum"),
    ),
    *_of(
        "rmsnorm",
        (("sum instead of mean", "factor of the forward"), "(d * x).mean(axis=1, keepdims=True)", "(d * x).sum(axis=1, keepdims=True)"),
        (("wrong power", "wrong constant"), "/ r**3", "/ r**2"),
        (("gradient path missing", "normalization path"), "dx = d / r - x * (d * x).mean(axis=1, keepdims=True) / r**3", "dx = d / r"),
        ("sign flipped", "d / r - x *", "d / r + x *"),
    ),
    *_of(
        "swish",
        ("factor left out", "beta * x * s * (1 - s)", "x * s * (1 - s)"),
        (("wrong power", "factor left out"), "(dout * x**2 * s", "(dout * x * s"),
        (("mean instead of sum", "bias mean"), "(1 - s)).sum(axis=0)", "(1 - s)).mean(axis=0)"),
        (("term left out", "gradient path missing"), "dx = dout * (s + beta * x * s * (1 - s))", "dx = dout * (beta * x * s * (1 - s))"),
    ),
    *_of(
        "embed",
        ("repeated indices", "np.add.at(dtable, ids, dout)", "dtable[ids] += dout"),
        ("sign flipped", "np.add.at(dtable, ids, dout)", "np.add.at(dtable, ids, -dout)"),
    ),
    *_of(
        "upsample",
        ("stride left out", "part = dout[:, 2 * i : 2 * i + len(w)]", "part = dout[:, i : i + len(w)]"),
        (("overwritten", "gradient path"), "dw += x[:, i] @ part", "dw = x[:, i] @ part"),
        (("values flipped", "superfluous slice", "conv"), "dx[:, i] = part @ w", "dx[:, i] = part @ w[::-1]"),
        (("slice off by one", "wrong constant", "index", "backward raises"), "dout[:, 2 * i : 2 * i + len(w)]", "dout[:, 2 * i - 1 : 2 * i - 1 + len(w)]"),
    ),
    *_of(
        "cosine",
        (("wrong power", "wrong constant", "factor"), "(y / na**2)", "(y / na)"),
        ("gradient path missing", "first = b / (na * nb)[:, None] - a * (y / na**2)[:, None]", "first = b / (na * nb)[:, None]"),
        ("sign flipped", "- b * (y / nb**2)", "+ b * (y / nb**2)"),
        (("wrong array",), "second = a / (na * nb)", "second = b / (na * nb)"),
        (("factor", "incoming gradient"), "dout[:, None] * second", "second"),
    ),
    *_of(
        "focal",
        (("missing 1/m", "divided by the wrong count"), "(1 - right) / t.size, None", "(1 - right) / len(t), None"),
        (("factor", "wrong power", "constant"), "slope = 2 * (1 - right)", "slope = (1 - right)"),
        (("sign",), "dout * sign * slope", "dout * slope"),
        ("activation derivative forgotten", "slope * right * (1 - right) / t.size", "slope / t.size"),
    ),
    *_of(
        "block",
        (("wrong array", "wrong incoming gradient"), "dx = ds + dz @ w.T", "dx = dout + dz @ w.T"),
        (("gradient path missing", "term left out"), "dx = ds + dz @ w.T", "dx = dz @ w.T"),
        (("activation derivative forgotten",), "dz = ds @ v.T * (z > 0)", "dz = ds @ v.T"),
        (("wrong", "derivative"), "ds = dout * (1 - y**2)", "ds = dout * (1 - y)"),
        (("wrong array", "wrong incoming gradient"), "h.T @ ds", "h.T @ dout"),
        (("pre-activation used", "wrong array"), "h.T @ ds", "z.T @ ds"),
    ),
]  # fmt: skip
