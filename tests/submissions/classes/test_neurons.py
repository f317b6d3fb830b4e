"""Networks in lists and dictionaries, in which functions keep what they compute, have the gradients of a step."""

import pytest

_NEURONS = """
    from math import exp
    from random import random

    def initialize_network(n_inputs, n_hidden, n_outputs):
        sizes = [(n_inputs, n_hidden), (n_hidden, n_outputs)]
        return [[{"weights": [random() for i in range(n + 1)]} for i in range(m)] for n, m in sizes]

    def forward_propagate(network, row):
        inputs = row
        for layer in network:
            outputs = []
            for neuron in layer:
                weights = neuron["weights"]
                total = weights[-1] + sum(weights[i] * inputs[i] for i in range(len(weights) - 1))
                neuron["output"] = 1 / (1 + exp(-total))
                outputs.append(neuron["output"])
            inputs = outputs
        return inputs

    def backward_propagate_error(network, expected):
        for i in reversed(range(len(network))):
            for j, neuron in enumerate(network[i]):
                if i == len(network) - 1:
                    error = neuron["output"] - expected[j]
                else:
                    error = sum(other["weights"][j] * other["delta"] for other in network[i + 1])
                neuron["delta"] = error * neuron["output"] * (1 - neuron["output"])

    def update_weights(network, row, l_rate):
        for i in range(len(network)):
            inputs = row[:-1] if i == 0 else [neuron["output"] for neuron in network[i - 1]]
            for neuron in network[i]:
                for j in range(len(inputs)):
                    neuron["weights"][j] -= l_rate * neuron["delta"] * inputs[j]
                neuron["weights"][-1] -= l_rate * neuron["delta"]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", "right"),
        ('error * neuron["output"] * (1', "error * (1", "the loss whose gradients"),
        ('* other["delta"]', "", "0.0.weights, 0.1.weights, 0.2.weights, 0.3.weights"),
        ('[-1] -= l_rate * neuron["delta"]', "[-1] -= l_rate", ", ".join(f"{k}.weights" for k in ("0.0", "0.1"))),
    ],
)
def test_what_is_kept_in_lists_of_neurons_is_checked_by_the_step(checked, old, new, expected):
    found = checked(_NEURONS.replace(old, new))
    assert found.keys() == {"backward_propagate_error"}
    assert found["backward_propagate_error"].startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("", "", "right"), ("w - lr * d * x", "w + lr * d * x", "hidden"), ("h * (1 - h) * s", "(1 - h) * s", "hidden")],
)
def test_a_backward_may_step_itself_and_the_data_are_those_of_the_file(checked, old, new, expected):
    text = """
        import math

        def neuron(weights, inputs):
            return 1 / (1 + math.exp(-sum(w * i for w, i in zip(weights, inputs))))

        def forward(net, inputs):
            net["inputs"] = inputs + [1]
            net["h"] = [neuron(w, net["inputs"]) for w in net["hidden"]]
            net["o"] = [neuron(w, net["h"]) for w in net["output"]]
            return net["o"]

        def backprop(net, targets, lr):
            deltas = [o * (1 - o) * (o - t) for o, t in zip(net["o"], targets)]
            sums = [sum(d * w[i] for d, w in zip(deltas, net["output"])) for i in range(len(net["h"]))]
            dh = [h * (1 - h) * s for h, s in zip(net["h"], sums)]
            net["output"] = [[w - lr * d * h for w, h in zip(ws, net["h"])] for ws, d in zip(net["output"], deltas)]
            net["hidden"] = [[w - lr * d * x for w, x in zip(ws, net["inputs"])] for ws, d in zip(net["hidden"], dh)]

        if __name__ == "__main__":
            net = {"hidden": [[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]], "output": [[0.7, -0.8]]}
            forward(net, [0, 0])
            backprop(net, [0], 0.5)
    """
    assert checked(text.replace(old, new)) == {"backprop": expected}


@pytest.mark.parametrize(
    ("old", "new", "expected"), [("", "", "right"), ('1 - layer["out"]', "1 + layer['out']", "0.W, 0.b")]
)
def test_gradients_of_arrays_may_be_kept_in_layers_that_are_dictionaries(checked, old, new, expected):
    text = """
        def make_network(sizes):
            draw = np.random.default_rng(0)
            return [{"W": draw.normal(size=(m, n)), "b": np.zeros(n)} for m, n in zip(sizes[:-1], sizes[1:])]

        def feed_forward(net, x):
            a = np.asarray(x)
            for layer in net:
                layer["in"] = a
                a = layer["out"] = np.tanh(a @ layer["W"] + layer["b"])
            return a

        def gradient_step(net, learning_rate=0.01):
            for layer in net:
                layer["W"] -= learning_rate * layer["dW"]
                layer["b"] -= learning_rate * layer["db"]

        def back_propagate(net, target):
            grad = squared_error_grad(net[-1]["out"], target)
            for layer in reversed(net):
                layer["db"] = grad * (1 - layer["out"] ** 2) if layer is net[-1] else grad * (1 - layer["out"] ** 2)
                layer["dW"] = np.outer(layer["in"], layer["db"])
                grad = layer["W"] @ layer["db"]

        def squared_error(output, target):
            return np.sum((output - target) ** 2)

        def squared_error_grad(output, target):
            return 2 * (output - target)
    """
    before, _, after = text.rpartition(old or "net")
    found = checked(before + (new or "net") + after)
    assert found == {"back_propagate": expected, "squared_error_grad": "right"}


@pytest.mark.parametrize(("delta", "expected"), [('neuron["delta"]', "right"), ('2 * neuron["delta"]', "weights")])
def test_lists_of_numbers_are_checked_at_the_given_sizes_where_others_are_cut_to_the_shorter(checked, delta, expected):
    text = _NEURONS.replace(
        "weights[i] * inputs[i] for i in range(len(weights) - 1)", "a * b for a, b in zip(weights, inputs)"
    )
    found = checked(text.replace('[-1] -= l_rate * neuron["delta"]', f"[-1] -= l_rate * {delta}"))
    assert found["backward_propagate_error"].endswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", "right"),
        (
            '* (neuron["output"] * (1 - neuron["output"]) if',
            '* (neuron["output"] if',
            "0.0.weights, 0.1.weights, 0.2.weights, 0.3.weights",
        ),
    ],
)
def test_a_layer_may_be_assigned_beside_others_and_the_loss_may_be_the_cross_entropy(checked, old, new, expected):
    before, _, after = _NEURONS.partition("    def backward_propagate_error")
    after = after[after.index("    def update_weights") :]
    backward = """    def backward_propagate_error(network, expected):
        for i in reversed(range(len(network))):
            layer, errors = network[i], []
            for j, neuron in enumerate(layer):
                if i == len(network) - 1:
                    errors.append(neuron["output"] - expected[j])
                else:
                    errors.append(sum(other["weights"][j] * other["delta"] for other in network[i + 1]))
            for j, neuron in enumerate(layer):
                last = i == len(network) - 1
                neuron["delta"] = errors[j] * (neuron["output"] * (1 - neuron["output"]) if not last else 1)

"""
    assert checked(before + backward.replace(old, new) + after) == {"backward_propagate_error": expected}


@pytest.mark.parametrize(("order", "expected"), [([0, 1, 2], "right"), ([2, 0, 1], "h")])
def test_a_backward_may_step_in_the_rows_of_a_dictionary(checked, order, expected):
    parts = [
        """
            sums = [sum(d * r[j] for d, r in zip(deltas, network["o"])) for j in range(len(network["a"]))]
        """,
        """
            for j, r in enumerate(network["h"]):
                for i in range(len(r)):
                    r[i] -= lr * sums[j] * network["a"][j] * (1 - network["a"][j]) * x[i]
        """,
        """
            for k, r in enumerate(network["o"]):
                for j in range(len(r)):
                    r[j] -= lr * deltas[k] * network["a"][j]
        """,
    ]
    found = checked(f"""
        from math import exp
        from random import random

        def initialize_network(n_inputs, n_hidden, n_outputs):
            return {{"h": [[random() for _ in range(n_inputs)] for _ in range(n_hidden)],
                    "o": [[random() for _ in range(n_hidden)] for _ in range(n_outputs)]}}

        def s(z):
            return 1 / (1 + exp(-z))

        def forward(network, x):
            network["a"] = [s(sum(w * v for w, v in zip(r, x))) for r in network["h"]]
            network["y"] = [s(sum(w * v for w, v in zip(r, network["a"]))) for r in network["o"]]
            return network["y"]

        def backward(network, x, target, lr):
            deltas = [(y - t) * y * (1 - y) for y, t in zip(network["y"], target)]
            {"".join(parts[k] for k in order)}
    """)
    assert found == {"backward": expected}
