"""Layer classes of many styles are checked as they lie."""

import pytest

DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.cache = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.cache.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
LISTS = """
class Affine:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T
"""
SILENT = """
class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights, self.biases = 0.1 * np.random.randn(n_inputs, n_neurons), np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T
"""
LEARNS = """
class Dense:
    def __init__(self, input_size, output_size):
        self.weights, self.bias = np.random.randn(output_size, input_size), np.random.randn(output_size, 1)

    def forward(self, input):
        self.input = input
        return self.weights @ self.input + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = output_gradient @ self.input.T
        self.bias -= learning_rate * output_gradient
        dx = self.weights.T @ output_gradient
        self.weights -= learning_rate * weights_gradient
        return dx

if __name__ == "__main__":
    Dense(4, 3).forward(np.random.randn(4, 1))
"""


@pytest.mark.parametrize(
    ("text", "line", "mended", "wrong"),
    [
        (DENSE, "dout.sum(axis=0)", "dout.mean(axis=0)", "b"),
        (LISTS, "dout.sum(axis=0)", "dout.mean(axis=0)", "params_1"),
        (SILENT, "self.inputs.T @ dvalues", "self.inputs.T @ dvalues / 2", "weights"),
        (LEARNS, "output_gradient @ self.input.T", "2 * output_gradient @ self.input.T", "weights"),
        (LEARNS, "dx = self.weights.T @ output_gradient", "dx = 3 * self.weights.T @ output_gradient", "input"),
    ],
)
def test_layer_classes_of_four_styles(checked, text, line, mended, wrong):
    assert list(checked(text).values()) == ["right"]
    assert list(checked(text.replace(line, mended)).values()) == [wrong]


def test_a_loss_layer_and_one_of_two_inputs_are_checked(checked):
    text = """
        class Mul:
            def forward(self, x, y):
                self.x, self.y = x, y
                return x * y

            def backward(self, dout):
                return dout * self.y, dout * self.{second}

        class SoftmaxWithLoss:
            def forward(self, x, t):
                e = np.exp(x - x.max(axis=1, keepdims=True))
                self.y, self.t = e / e.sum(axis=1, keepdims=True), t
                return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

            def backward(self, dout=1):
                return (self.y - self.t) / len(self.t)

        class Base:
            def forward(self, x):
                raise NotImplementedError

            def backward(self, dout):
                raise NotImplementedError
    """
    assert checked(text.format(second="x")) == {"Mul": "right", "SoftmaxWithLoss": "right"}
    assert checked(text.format(second="y")) == {"Mul": "y", "SoftmaxWithLoss": "right"}


def test_a_parameter_without_a_gradient_is_a_mistake(checked):
    assert checked(DENSE.replace("self.db =", "db =")) == {"Dense": "gradient missing"}


def test_layers_that_are_called_keep_slots_or_update_averages(checked):
    text = """
        class PReLU:
            __slots__ = ("a", "da", "x")

            def __init__(self):
                self.a = np.array([0.25])

            def __call__(self, x):
                self.x = x
                return np.where(x > 0, x, self.a * x)

            def backward(self, dy):
                self.da = np.array([(dy * self.x * (self.x <= 0)).sum()])
                return np.where(self.x > 0, dy, {a} * dy)

        class Center:
            def __init__(self, n_features=4):
                self.mean, self.bias = np.zeros(n_features), np.zeros(n_features)

            def forward(self, x):
                self.mean *= 0.9
                self.mean += 0.1 * x.mean(0)
                return x - x.mean(0) + self.bias

            def backward(self, dy):
                self.dbias = dy.sum(0)
                return dy - dy.mean(0)
    """
    assert checked(text.format(a="self.a")) == {"PReLU": "right", "Center": "right"}
    assert checked(text.format(a="1")) == {"PReLU": "x", "Center": "right"}


@pytest.mark.parametrize(("power", "expected"), [("", "right"), (" ** 2", "y_pred")])
def test_a_loss_of_each_example_whose_backward_takes_the_prediction(checked, power, expected):
    text = f"""
        class CrossEntropy:
            def forward(self, y_pred, y_true):
                return -np.log(np.clip(y_pred, 1e-7, 1)[range(len(y_pred)), y_true])

            def backward(self, dvalues, y_true):
                self.dinputs = -np.eye(len(dvalues[0]))[y_true] / dvalues{power} / len(dvalues)
    """
    assert checked(text) == {"CrossEntropy": expected}


@pytest.mark.parametrize(("where", "expected"), [("i * self.stride", "right"), ("i", "x")])
def test_a_window_is_tried_at_other_strides_than_the_default(checked, where, expected):
    text = f"""
        class Sum1d:
            def __init__(self, size=2, stride=1):
                self.size, self.stride = size, stride

            def forward(self, x):
                self.shape, steps = x.shape, (x.shape[1] - self.size) // self.stride + 1
                return np.stack([x[:, i * self.stride:i * self.stride + self.size].sum(1) for i in range(steps)], 1)

            def backward(self, dout):
                dx = np.zeros(self.shape)
                for i in range(dout.shape[1]):
                    dx[:, {where}:{where} + self.size] += dout[:, i:i + 1]
                return dx
    """
    title = "Sum1d" if expected == "right" else "Sum1d with stride=2"
    assert checked(text) == {title: expected}


@pytest.mark.parametrize(("forward", "backward", "title", "expected"), [
    ("self.rate * x", "self.rate * dy", "Scale", "right"), ("self.rate * x", "dy", "Scale with rate=0.3", "x"),
    ("x.copy()", "self.rate * dy", "Scale", "right"),  # for the step, perhaps
])  # fmt: skip
@pytest.mark.parametrize("name, one", [("rate", "1.0"), ("rate", "1"), ("decay", "1.0")])
def test_a_factor_that_is_one_by_default_counts_if_the_forward_reads_it(
    checked, name, one, forward, backward, title, expected
):
    text = f"""
        class Scale:
            def __init__(self, rate={one}): self.rate = rate
            def forward(self, x): return {forward}
            def backward(self, dy): return {backward}
    """
    assert checked(text.replace("rate", name)) == {title.replace("rate", name): expected}


@pytest.mark.parametrize(("size", "expected"), [("self.each", "right"), ("self.d.size", "pred")])
def test_a_sum_is_tried_where_a_loss_is_a_mean_by_default_but_a_softmax_may_be_that_of_a_loss(checked, size, expected):
    text = f"""
        class MSE:
            def __init__(self, reduction="mean", output="linear"): self.reduction, self.output = reduction, output
            def forward(self, pred, target):
                pred = pred if self.output == "linear" else np.exp(pred) if self.output == "softmax" else 0.0
                self.d = pred - target
                self.each = self.d.size if self.reduction == "mean" else 1
                return np.sum(self.d**2) / self.each
            def backward(self):
                return 2 * self.d / {size}
    """
    of_a_loss = {"MSE": "right", "MSE with output=softmax": "its gradients are wrong, or of another loss"}
    assert checked(text) == (of_a_loss if expected == "right" else {"MSE with reduction=sum": expected})


FILTERS = """
class Conv:
    def __init__(self, filters):
        self.filters = np.random.randn(filters, 3) / 3

    def forward(self, image):
        self.last = image
        return np.array([self.filters @ image[i:i + 3] for i in range(len(image) - 2)])

    def backprop(self, d_out, learn_rate):
        step = np.zeros(self.filters.shape)
        for i in range(len(d_out)):
            step += np.outer(d_out[i], self.last[i:i + 3])
        self.filters -= learn_rate * step

class Head:
    def __init__(self, n):
        self.weight, self.bias, self.grads = np.random.randn(n, 2), np.zeros(2), {}

    def forward(self, x):
        self.x = x
        return x @ self.weight + self.bias

    def backprop(self, d_out):
        for i, g in enumerate(d_out):
            if g != 0:
                self.grads["weight"] = np.outer(self.x, g * np.eye(len(d_out))[i])
                self.grads["bias"] = g * np.eye(len(d_out))[i]
                return self.weight[:, i] * g

if __name__ == "__main__":
    Conv(2).forward(np.random.randn(6))
    head = Head(3)
    head.forward(np.ones(3))
    head.backprop(np.array([0, -2.0]))
"""


def test_layers_that_step_by_themselves_or_take_one_entry_of_a_gradient(checked):
    assert checked(FILTERS) == {"Conv": "right", "Head": "right"}
    assert checked(FILTERS.partition("class Head")[0].replace("step += ", "step = ")) == {"Conv": "filters"}
    uncalled = FILTERS.partition("if __name__")[0]
    assert checked(uncalled)["Head"].startswith("backprop returns at the first entry that is not zero")
    assert checked(uncalled.replace("return self.weight[:, i] * g", "return self.weight[:, i]"))["Head"] == "x"


@pytest.mark.parametrize("passed_over", ["row == 0", "dout[row, k] != 0", "m.sum() == 0"])
def test_a_return_within_the_loop_over_a_batch_is_wrong_whatever_is_passed_over(checked, passed_over):
    text = f"""
        class Square:
            def forward(self, x):
                self.x = x
                return x ** 2
            def backward(self, dout):
                dx, m = np.zeros_like(self.x), np.ones(2)
                for row in range(len(dout)):
                    for k in range(dout.shape[1]):
                        if {passed_over}:
                            pass
                        dx[row, k] = 2 * self.x[row, k] * dout[row, k]
                return dx
    """
    assert checked(text) == {"Square": "right"}
    assert checked(text.replace("        return dx", "            return dx")) == {"Square": "x"}


def test_a_generator_of_the_file_draws_the_same_at_every_call(checked):
    text = """
        _rng = np.random.default_rng(42)

        class Dropout:
            def forward(self, x):
                self.mask = _rng.random(x.shape) > 0.3
                return x * self.mask
            def backward(self, dout): return dout * self.mask
    """
    assert checked(text) == {"Dropout": "right"}


def test_a_backward_that_raises_as_the_file_calls_it_is_told_though_other_arguments_pass(checked):
    found = checked("""
        class Pick:
            def __init__(self, stride=1): self.stride = stride
            def forward(self, x):
                self.shape = x.shape
                return x[::self.stride]
            def backward(self, dout):
                return dout.reshape(self.shape)
        if __name__ == "__main__": Pick(stride=2).forward(np.ones((4, 3)))
    """)
    assert found == {"Pick": "backward raises ValueError"}


@pytest.mark.parametrize(
    ("training", "back", "expected"),
    [
        ("training=False", "", "no way found"),
        ("training=True", "", "right"),
        ("training=True", "d.backward(np.ones((4, 2)))", "right"),
        ("training=False", "d.backward(np.ones((4, 2)))", "backward raises AttributeError"),
    ],
)
def test_an_object_that_the_file_sets_up_is_checked_and_an_error_of_another_state_is_not_told(
    checked, training, back, expected
):
    found = checked(f"""
        class Dense:
            def __init__(self): self.W = np.ones((3, 2))
            def compile(self, step): self.step = step
            def forward(self, x, training=True):
                if training: self.x = x
                return x @ self.W
            def backward(self, dout):
                dx = dout @ self.W.T
                self.W = self.step(self.W, self.x.T @ dout)
                return dx
        if __name__ == "__main__":
            d = Dense()
            d.compile(lambda w, dw: w - dw)
            d.forward(np.ones((4, 3)), {training})
            {back}
    """)
    assert expected in found["Dense"]


@pytest.mark.parametrize(("path", "expected"), [(" + dy", "right"), ("", "x")])
def test_an_object_is_made_with_the_layers_that_the_file_gives_it(checked, path, expected):
    text = f"""
        class Scale:
            def __init__(self, by): self.by = by
            def forward(self, x): return self.by * x
            def backward(self, dy): return self.by * dy
        class Beside:
            def __init__(self, *parts): self.parts = parts
            def forward(self, x): return x + sum(p.forward(x) for p in self.parts)
            def backward(self, dy): return sum(p.backward(dy) for p in self.parts){path}
        if __name__ == "__main__": Beside(Scale(3.0), Scale(0.5)).forward(np.ones((2, 3)))
    """
    found = checked(text)
    assert found["Beside"] == expected


def test_inputs_that_fit_and_have_several_features_come_first(checked):
    text = """
        class LayerNorm:
            def __init__(self, n, eps=1e-5):
                self.gain, self.dgain, self.eps = np.linspace(0.7, 1.3, n), np.zeros(n), eps
            def forward(self, x):
                xc = x - x.mean(-1, keepdims=True)
                self.r = 1 / np.sqrt((xc**2).mean(-1, keepdims=True) + self.eps)
                self.n = xc * self.r
                return self.gain * self.n
            def backward(self, dy):
                self.dgain += (dy * self.n).sum(tuple(range(dy.ndim - 1)))
                d = dy * self.gain
                return self.r * (d - d.mean(-1, keepdims=True) - self.n * (d * self.n).mean(-1, keepdims=True))
    """
    assert checked(text) == {"LayerNorm": "right"}
    assert checked(text.replace("d - d.mean(-1, keepdims=True) - ", "d - ")) == {"LayerNorm": "x"}


@pytest.mark.parametrize(("centered", "expected"), [("dy.sum(axis=(0, 1))", "right"), ("dy.mean(axis=(0, 1))", "bias")])
def test_guessed_inputs_have_the_axes_at_which_most_gradients_are_right(checked, centered, expected):
    text = f"""
        class Scale:
            def __init__(self, n):
                self.gain, self.dgain = np.ones(n), np.zeros(n)
                self.bias, self.dbias = np.zeros(n), np.zeros(n)
            def forward(self, x):
                self.x = x
                return x * self.gain + self.bias
            def backward(self, dy):
                self.dgain += (dy * self.x).sum(axis=(0, 1))
                self.dbias += {centered}
                return dy * self.gain
    """
    assert checked(text) == {"Scale": expected}


def test_parameters_in_a_list_have_their_gradients_in_a_list_called_g(checked):
    text = """
        class Shift:
            def __init__(self, n): self.p = [np.ones(n), np.zeros(n)]

            def forward(self, x):
                self.x = x
                return (x - self.p[1]) * self.p[0]

            def backward(self, dy):
                self.g = [(dy * (self.x - self.p[1])).sum(0), -(dy * self.p[0]).sum(0)]
                return dy * self.p[0]
    """
    assert checked(text) == {"Shift": "right"}
    assert checked(text.replace("-(dy", "(dy")) == {"Shift": "p_1"}


def test_lists_and_tables_that_backward_writes_are_gradients_by_any_name_and_moments_are_no_parameters(checked):
    text = """
        class Affine:
            def __init__(self, n):
                self.theta = {"scale": np.ones(n), "shift": np.zeros(n)}
                self.moments = {"scale": np.zeros(n), "shift": np.zeros(n)}
                self.slopes = {}

            def forward(self, x):
                self.x = x
                return x * self.theta["scale"] + self.theta["shift"]

            def backward(self, dy):
                self.slopes["scale"] = (dy * self.x).sum(0)
                self.slopes["shift"] = dy.sum(0)
                return dy * self.theta["scale"]
    """
    assert checked(text) == {"Affine": "right"}
    assert checked(text.replace("= dy.sum(0)", "= dy.mean(0)")) == {"Affine": "theta_shift"}


def test_guessed_inputs_are_those_whose_gradients_of_parameters_have_their_shapes(checked):
    text = """
        class PReLU:
            def __init__(self, size):
                self.a = np.full((1, size), 0.25)
            def forward(self, X):
                self.X = X
                return np.where(X > 0, X, self.a * X)
            def backward(self, dout):
                self.da = (dout * np.where(self.X > 0, 0.0, self.X)).sum(axis=0, keepdims=True)
                return dout * np.where(self.X > 0, 1.0, self.a)
    """
    assert checked(text) == {"PReLU": "right"}


def test_private_parameters_are_called_as_they_are_written(checked):
    text = """
        class Dense:
            def __init__(self): self.__w, self.__b = np.arange(6.0).reshape(3, 2), np.zeros(2)
            def forward(self, x):
                self.__x = x
                return x @ self.__w + self.__b
            def backward(self, dy):
                self.__dw, self.__db = self.__x.T @ dy, dy.mean(axis=0)
                return dy @ self.__w.T
    """
    assert checked(text) == {"Dense": "b"}
    of_b = text.replace("forward(self, x)", "forward(self, b)").replace("self.__x = x", "self.__x = x = b")
    assert checked(of_b) == {"Dense": "_Dense__b"}  # which is not the input


@pytest.mark.parametrize(("mean", "expected"), [(" / len(self.x)", "right"), ("", "dense_b, dense_w")])
def test_a_loss_whose_backward_takes_nothing_is_right_without_an_incoming_gradient(checked, mean, expected):
    found = checked(f"""
        class Dense:
            def __init__(self, n, m):
                self.w, self.b = np.random.randn(n, m), np.zeros(m)

            def forward(self, x):
                self.x = x
                return x @ self.w + self.b

            def backward(self, dy):
                self.dw, self.db = self.x.T @ dy, dy.sum(0)
                return dy @ self.w.T

        class Autoencoder:
            def __init__(self, n=4):
                self.dense = Dense(n, n)

            def loss(self, x, noise):
                self.x = x
                self.r = self.dense.forward(x + 0.1 * noise) - x
                return 0.5 * np.sum(self.r**2) / len(x)

            def backward(self):
                self.dense.backward(self.r{mean})
    """)
    assert found == {"Dense": "right", "Autoencoder": expected}


UP = """
class Up:
    def __init__(self, channels, skip_channels):
        self.k = np.random.default_rng(0).normal(size=(channels, skip_channels, 1, 1))

    def forward(self, low, skip):
        self.skip = skip
        return low.repeat(2, axis=2).repeat(2, axis=3) + np.einsum("nshw,cs->nchw", skip, self.k[:, :, 0, 0])

    def backward(self, dy):
        n, c, h, w = dy.shape
        self.dk = np.einsum("nchw,nshw->cs", dy, self.skip)[:, :, None, None]
        dskip = np.einsum("nchw,cs->nshw", dy, self.k[:, :, 0, 0])
        return dy.reshape(n, c, h // 2, 2, w // 2, 2).{}(axis=(3, 5)), dskip
"""


@pytest.mark.parametrize(("total", "expected"), [("sum", "right"), ("mean", "low")])
def test_of_two_images_one_may_be_half_as_large(checked, total, expected):
    assert checked(UP.format(total)) == {"Up": expected}


PLANES = """
class Planes:
    def __init__(self, input_shape, depth):
        self.input_shape = input_shape
        self.kernels = np.random.randn(depth, input_shape[0])
        self.biases = np.random.randn(depth, *input_shape[1:])
    def forward(self, input):
        self.input = input
        return np.array([sum(k * x for k, x in zip(own, input)) for own in self.kernels]) + self.biases
    def backward(self, dy, learning_rate):
        dk, dx = np.zeros(self.kernels.shape), np.zeros(self.input_shape)
        for i in range(len(dk)):
            for j in range(len(dx)):
                dk[i, j] = np.sum(dy[i] * self.input[j])
                dx[j] += self.kernels[i, j] * dy[i]
        self.kernels -= learning_rate * dk
        self.biases -= learning_rate * dy
        return dx
"""


@pytest.mark.parametrize(("step", "expected"), [("+=", "right"), ("=", "input")])
def test_an_input_has_the_shape_that_the_constructor_tells(checked, step, expected):
    assert checked(PLANES.replace("dx[j] +=", f"dx[j] {step}")) == {"Planes": expected}
