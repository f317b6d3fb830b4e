"""Guessed arguments fit each other."""

import numpy as np
import pytest

from jaxdoodle.submissions.arguments.guess import guess
from jaxdoodle.submissions.reading.source import shapes_of


def shapes(args):
    return [np.shape(a) if isinstance(a, np.ndarray) else a for a in args]


def conv(x, w, b):
    n, _, height, width = x.shape
    f, _, h, v = w.shape
    out = np.zeros((n, f, height - h + 1, width - v + 1))
    for k in range(f):
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, k, i, j] = (x[:, :, i : i + h, j : j + v] * w[k]).sum(axis=(1, 2, 3)) + b[k]
    return out


def test_every_entry_of_a_guessed_bias_counts():
    x, w, b = guess(conv)
    assert w.shape[1] == x.shape[1] and b.shape == w.shape[:1]


def test_the_shapes_of_returned_gradients_decide_between_arguments_that_broadcast():
    args = guess(lambda x, g: x * g, lambda args: (args[0], (args[0] * args[1]).sum(axis=0)))
    assert shapes(args) == [(4, 5), (5,)]
    args = guess(lambda x, slope: x * slope, lambda args: (args[0] * args[1], np.sum(args[0])))
    assert np.shape(args[1]) == ()


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda x, w, b: x @ w + b, [(4, 5), (5, 3), (3,)]),
        (lambda W, A, b: W @ A + b, None),
        (lambda x, ids: np.take_along_axis(x, ids[:, None], axis=1), None),
        (lambda table, ids: table[ids], None),
        (lambda x, labels: -np.log(np.abs(x))[np.arange(len(x)), labels].mean(), None),
        (lambda x, keep_prob: x / keep_prob, None),
        (lambda x, stride: x[::stride], None),
    ],
)
def test_common_signatures_find_arguments(forward, expected):
    args = guess(forward)
    assert args is not None
    assert np.isfinite(np.asarray(forward(*args))).all()
    assert expected is None or shapes(args) == expected


def test_a_dictionary_gets_the_keys_that_are_asked_for():
    def pool(x, pool_param):
        k = pool_param["size"]
        n, c, h, w = x.shape
        return x.reshape(n, c, h // k, k, w // k, k).mean(axis=(3, 5)), x

    assert guess(pool)[1] == {"size": 2}


def test_words_that_a_parameter_is_compared_with_are_tried():
    def activate(x, kind):
        if kind == "tanh":
            return np.tanh(x)
        raise ValueError(kind)

    assert guess(activate)[1] == "tanh"


def test_shapes_come_from_docstrings():
    def conv_forward(x, w, b):
        """A convolution.

        - x: Input data of shape (N, C, H, W)
        - w: Filter weights of shape (F, C, HH, WW)
        """

    def linear(A, W):
        """
        A -- activations of the previous layer: (size of previous layer, number of examples)
        W -- weights matrix: numpy array of shape (size of current layer, size of the previous layer)
        """

    found = shapes_of(conv_forward)
    assert found["x"][1] == found["w"][1] and len(found["x"]) == len(found["w"]) == 4
    found = shapes_of(linear)
    assert found["W"][1] == found["A"][0] and len({*found["W"], *found["A"]}) == 3


def test_what_takes_nothing_is_given_up():
    assert guess(lambda q: 1 / 0) is None


def test_shapes_come_from_expressions_and_from_lines_that_take_them_apart():
    def conv_forward(x, w, groups=2):
        """x (n, t, c), w (k, c // groups, f)"""
        n, t, c = x.shape
        k, cg, f = w.shape
        return x[:, :, : cg * groups] @ np.ones((c, f)) * w.sum(), None

    x, w = guess(conv_forward)
    assert x.ndim == w.ndim == 3
    shapes = shapes_of(conv_forward, draw=3)
    assert shapes["w"][1] == max(1, shapes["x"][2] // 2)


def test_arguments_without_telling_names_may_be_of_one_shape():
    def cosine_forward(a, b):
        na, nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        return (a * b).sum(1) / (na * nb), (a, b)

    a, b = guess(cosine_forward, lambda args: args)
    assert a.shape == b.shape


@pytest.mark.parametrize("name", ["wd", "alpha", "tt"])
def test_a_number_that_no_gradient_comes_back_for_is_a_constant(name):
    space = {}
    exec(f"def forward(x, {name}): return x * (1 - {name})", space)
    assert type(guess(space["forward"], lambda args: args[0])[1]) is float
    assert type(guess(space["forward"], lambda args: {"dx": args[0]})[1]) is float
    assert type(guess(space["forward"], lambda args: (args[0], np.sum(args[0])))[1]) is np.float64


def test_of_two_numbers_and_one_gradient_the_last_is_the_constant():
    def swish_forward(x, slope, temperature):
        return x / (1 + np.exp(-slope * x)) / temperature

    _, slope, temperature = guess(swish_forward, lambda args: (args[0], np.sum(args[0])))
    assert (type(slope), type(temperature)) == (np.float64, float)


def test_a_number_of_entries_is_not_1_and_lengths_are_those_of_the_rows():
    def pool(x, k):
        return x.reshape(len(x), -1, k).max(axis=2)

    def mean(x, lengths):
        valid = np.arange(x.shape[1]) < lengths[:, None]
        return (x * valid[..., None]).sum(axis=1) / np.maximum(lengths, 1)[:, None]

    assert guess(pool)[1] > 1
    x, lengths = guess(mean)
    assert lengths.shape == x.shape[:1] and lengths.max() == x.shape[1]


def test_a_number_that_a_docstring_calls_so_is_none_of_an_array_and_a_bound_is_no_shape():
    def focal(logits, gamma):
        """Focal loss; gamma is a python float, the margin max(0, m - d)."""
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return ((1 - p) ** gamma * np.log(p)).mean()

    def contrastive(x, y):
        """y=0 dissimilar -> max(0, m-d)^2/2"""
        return (y * x.sum(axis=1)).mean()

    assert isinstance(guess(focal)[1], float)
    assert all(map(np.size, guess(contrastive)))


def test_what_is_transposed_is_a_matrix_and_many_parameters_have_two_sizes():
    def fit(P, Q, bu, bi, mu, R):
        return R - P @ Q.T - bu[:, None] - bi - mu

    def back(args):
        y = fit(*args)
        return y @ args[1], y.T @ args[0], y.sum(axis=1), y.sum(axis=0), None, None

    P, Q, bu, bi, *_ = guess(fit, back)
    assert P.ndim == Q.ndim == 2 and bu.shape + bi.shape == (len(P), len(Q))


GLOVE = """
def glove(W, V, b, c, counts, x_max=10.0):
    seen = counts > 0
    f = np.minimum((counts / x_max) ** 0.75, 1.0) * seen
    diff = W @ V.T + b[:, None] + c[None, :] - np.log(np.where(seen, counts, 1.0))
    loss = np.sum(f * diff ** 2)
    d = 2 * f * diff
    dW, dV, db, dc = d @ V, d.T @ W, d.sum(axis=1), d.sum(axis=0)
    return loss, dW, dV, db, dc

def ratings_objective(P, Q, bu, bi, mu, R, seen):
    E = (R - mu - bu[:, None] - bi[None, :] - P @ Q.T) * seen
    J = 0.5 * (E ** 2).sum()
    gP, gQ = -E @ Q, -E.T @ P
    return J, gP, gQ
"""


def test_guessed_arguments_of_a_loss_fit_its_gradients_by_name(checked):
    assert checked(GLOVE) == {"glove": "right", "ratings_objective": "right"}
    wrong = checked(GLOVE.replace("d.T @ W", "d @ W").replace("-E @ Q", "-E @ Q / 2"))
    assert wrong == {"glove": "V", "ratings_objective": "P"}


WORDS = """
def pull_loss(center_vec, outside_idx, outside_vectors):
    scores = outside_vectors @ center_vec
    p = np.exp(scores - scores.max())
    p /= p.sum()
    loss = -np.log(p[outside_idx])
    p[outside_idx] -= 1
    grad_outside = np.outer(p, center_vec)
    return loss, outside_vectors.T @ p, grad_outside

def skipgram_loss(center, context, center_vectors, outside_vectors):
    loss, gradIn, gradOut = 0.0, np.zeros(center_vectors.shape), np.zeros(outside_vectors.shape)
    for w in context:
        j, dv, dU = pull_loss(center_vectors[center], w, outside_vectors)
        loss, gradOut = loss + j, gradOut + dU
        gradIn[center] += dv
    return loss, gradIn, gradOut

def triplet_loss(E, anchor, positive, negative):
    a, p, n = E[anchor], E[positive], E[negative]
    loss = ((a - p) ** 2).sum() - ((a - n) ** 2).sum()
    dE = np.zeros_like(E)
    dE[anchor] += 2 * (n - p)
    dE[positive] -= 2 * (a - p)
    dE[negative] += 2 * (a - n)
    return loss, dE
"""


def test_what_is_used_as_an_index_is_a_whole_number_and_what_holds_some_a_list(checked):
    assert set(checked(WORDS).values()) == {"right"}
    wrong = checked(WORDS.replace("gradIn[center] +=", "gradIn[w] +=").replace("+= 2 * (a - n)", "+= 2 * (a - p)"))
    assert wrong == {"pull_loss": "right", "skipgram_loss": "center_vectors", "triplet_loss": "E"}


@pytest.mark.parametrize(("sign", "expected"), [("", "right"), ("-", "center_vec")])
def test_one_of_the_rows_of_a_table_and_several_that_may_recur(checked, sign, expected):
    text = f"""
        def neg_sampling_loss_and_gradient(center_vec, outside_word_idx, outside_vectors, neg_indices):
            pos = 1 / (1 + np.exp(-outside_vectors[outside_word_idx] @ center_vec))
            neg = 1 / (1 + np.exp(outside_vectors[neg_indices] @ center_vec))
            loss = -np.log(pos) - np.sum(np.log(neg))
            grad_center = (pos - 1) * outside_vectors[outside_word_idx] + {sign}(1 - neg) @ outside_vectors[neg_indices]
            grad_outside = np.zeros_like(outside_vectors)
            grad_outside[outside_word_idx] += (pos - 1) * center_vec
            np.add.at(grad_outside, neg_indices, np.outer(1 - neg, center_vec))
            return loss, grad_center, grad_outside
    """
    assert checked(text) == {"neg_sampling_loss_and_gradient": expected}


def test_a_square_matrix_beside_others_is_found_after_the_usual_sizes():
    def path(emit, trans, start, tags):
        if trans.shape != 2 * start.shape:
            raise ValueError
        alpha = start + emit[0]
        for t in range(1, len(tags)):
            alpha = emit[t] + np.log(np.exp(alpha[:, None] + trans).sum(axis=0))
        score = start[tags[0]] + trans[tags[:-1], tags[1:]].sum() + emit[np.arange(len(tags)), tags].sum()
        return np.log(np.exp(alpha).sum()) - score

    emit, trans, start, tags = guess(path)
    assert trans.ndim == 2 and emit.shape == (len(tags), len(start)) and tags.max() < len(start)


def test_a_cell_multiplies_input_and_state_side_by_side():
    def cell(x, h_prev, c_prev, W, b):
        n = h_prev.shape[1]
        z = np.concatenate([x, h_prev], axis=1) @ W + b
        i, f, o, g = (z[:, k * n : (k + 1) * n] for k in range(4))
        return np.tanh(f * c_prev + i * g) * o

    args = guess(cell)
    assert [np.shape(a) for a in args] == [(4, 5), (4, 3), (4, 3), (8, 12), (12,)]


def test_the_parameters_of_a_line_are_numbers():
    def smooth(w, b, x, y, q, h=0.1):
        d = y - (w * x + b)
        return np.mean(q * d + h * np.logaddexp(0.0, -d / h))

    assert [np.shape(a) for a in guess(smooth)[:4]] == [(), (), (6,), (6,)]


@pytest.mark.parametrize(("a", "b"), [("w0", "w1"), ("intercept", "slope")])
@pytest.mark.parametrize("sign", ["", "-"])
def test_the_intercept_of_a_line_comes_first_too(checked, a, b, sign):
    found = checked(f"""
        def line_loss({a}, {b}, x, y):
            return np.mean(({a} + {b} * x - y) ** 2)

        def line_loss_grad({a}, {b}, x, y):
            e = 2 * ({a} + {b} * x - y) / len(x)
            return e.sum(), {sign}(e * x).sum()
    """)
    assert found == {"line_loss_grad": b if sign else "right"}


def test_what_a_loss_compares_is_an_array_where_a_name_tells_nothing():
    assert shapes(guess(lambda student, teacher: np.sum((student - teacher) ** 2))) == [(4, 5), (4, 5)]
    assert shapes(guess(lambda x, margin: np.sum(x - margin))) == [(4, 5), 0.3]


@pytest.mark.parametrize(("factor", "expected"), [("0.5 * ", "right"), ("", "logvar")])
def test_what_a_gradient_is_named_after_is_no_number_beside_an_array(checked, factor, expected):
    found = checked(f"""
        def kl(mu, logvar):
            return -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / len(mu)

        def kl_backward(mu, logvar):
            dmu = mu / len(mu)
            dlogvar = {factor}(np.exp(logvar) - 1) / len(mu)
            return dmu, dlogvar

        def reparam_forward(mu, logvar, noise):
            std = np.exp(0.5 * logvar)
            return mu + std * noise, (std, noise)

        def reparam_backward(dz, cache):
            std, noise = cache
            dlogvar = {factor}dz * std * noise
            return dz, dlogvar
    """)
    assert found == {"kl": expected, "reparam": expected}


@pytest.mark.parametrize(("pairs", "expected"), [(" - (X**2).T @ g[:, None] * V", "right"), ("", "V")])
def test_the_intercept_beside_weights_is_a_number_where_its_gradient_is_one(checked, pairs, expected):
    found = checked(f"""
        def fm_predict(w0, w, V, X):
            return w0 + X @ w + 0.5 * np.sum((X @ V) ** 2 - X**2 @ V**2, axis=1)

        def fm_loss(w0, w, V, X, y):
            return 0.5 * np.mean((fm_predict(w0, w, V, X) - y) ** 2)

        def fm_loss_grad(w0, w, V, X, y):
            g = (fm_predict(w0, w, V, X) - y) / len(y)
            dw0, dw = g.sum(), X.T @ g
            dV = X.T @ (g[:, None] * (X @ V)){pairs}
            return dw0, dw, dV
    """)
    assert found == {"fm_loss_grad": expected}


@pytest.mark.parametrize(("slope", "expected"), [("(1 - h**2)", "right"), ("1", "b, w, x")])
def test_a_mask_may_be_one_over_the_units_of_a_layer(checked, slope, expected):
    found = checked(f"""
        def dense_forward(x, w, b, mask):
            h = np.tanh(x @ w + b)
            return h * mask, (x, w, h, mask)

        def dense_backward(dout, cache):
            x, w, h, mask = cache
            dz = dout * mask * {slope}
            return dz @ w.T, x.T @ dz, dz.sum(axis=0)
    """)
    assert found == {"dense": expected}


def test_arguments_that_the_backward_refuses_are_passed_over_for_those_of_more_axes():
    def backward(args):
        x, g, b = args
        return x * g, np.einsum("btc,btc->c", x, x), np.einsum("btc->c", x)

    args = guess(lambda x, g, b: x * g + b, backward)
    assert [a.shape for a in args] == [(4, 3, 5), (5,), (5,)]


def test_labels_choose_among_the_classes_of_a_table():
    logp, t = guess(lambda logp, t: -logp[np.arange(len(t)), t].mean())
    assert logp.shape == (4, 3) and t.shape == (4,)


def test_a_gradient_of_coefficients_before_data_has_their_shape_and_not_that_of_the_data():
    def nll(beta, X, event):
        eta = X @ beta
        return -np.sum(event * (eta - np.log(np.cumsum(np.exp(eta)))))

    def grad(args):
        beta, X, event = args
        r = np.exp(X @ beta)
        num, den = np.cumsum(r[:, None] * X, axis=0), np.cumsum(r)[:, None]
        return -np.sum(event[:, None] * (X - num / den), axis=0)

    args = guess(nll, grad)
    assert np.shape(args[0]) == np.shape(grad(args)) == (args[1].shape[1],) and args[2].shape == args[1].shape[:1]


@pytest.mark.parametrize(("scale", "expected"), [(" / np.sqrt(D)", "right"), ("", "wqkv, x")])
def test_a_head_has_more_than_one_entry_as_its_root_would_not_count(checked, scale, expected):
    text = f"""
        def attention_fwd(x, wqkv, wo, n_head):
            B, T, C = x.shape
            D = C // n_head
            parts = np.split(x @ wqkv, 3, axis=-1)
            q, k, v = (a.reshape(B, T, n_head, D).transpose(0, 2, 1, 3) for a in parts)
            att = np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(D))
            att /= att.sum(-1, keepdims=True)
            y = (att @ v).transpose(0, 2, 1, 3).reshape(B, T, C)
            return y @ wo, (x, wqkv, wo, q, k, v, att, y, n_head)

        def attention_bwd(dout, cache):
            x, wqkv, wo, q, k, v, att, y, n_head = cache
            B, T, C = x.shape
            D = C // n_head
            dwo = np.einsum("btc,btd->cd", y, dout)
            dy = (dout @ wo.T).reshape(B, T, n_head, D).transpose(0, 2, 1, 3)
            datt = dy @ v.swapaxes(-1, -2)
            ds = att * (datt - (datt * att).sum(-1, keepdims=True)){scale}
            parts = ds @ k, ds.swapaxes(-1, -2) @ q, att.swapaxes(-1, -2) @ dy
            dqkv = np.concatenate([a.transpose(0, 2, 1, 3).reshape(B, T, C) for a in parts], axis=-1)
            return dqkv @ wqkv.T, np.einsum("btc,btd->cd", x, dqkv), dwo
    """
    assert checked(text) == {"attention": expected}
