"""A network as a class: lists of weights, sigmoid everywhere, quadratic cost, written with column vectors."""

import numpy as np

from jaxdoodle.gradcheck import check_gradient


class Network:
    def __init__(self, sizes, rng):
        self.num_layers = len(sizes)
        self.biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
        self.weights = [rng.normal(size=(n, k)) for k, n in zip(sizes[:-1], sizes[1:], strict=True)]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def cost(self, x, y):
        return 0.5 * np.sum((self.feedforward(x) - y) ** 2) / x.shape[1]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta.sum(axis=1, keepdims=True)
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for k in range(2, self.num_layers):
            z = zs[-k]
            sp = sigmoid_prime(z)
            delta = np.dot(self.weights[-k + 1].transpose(), delta) * sp
            nabla_b[-k] = delta.sum(axis=1, keepdims=True)
            nabla_w[-k] = np.dot(delta, activations[-k - 1].transpose())
        return nabla_w, nabla_b

    def cost_derivative(self, output, y):
        return (output - y) / y.shape[1]


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def examine(**options):
    rng = np.random.default_rng(6)
    net = Network([4, 5, 5, 3], rng)
    x, y = rng.normal(size=(4, 7)), rng.random((3, 7))

    def cost(weights, biases, x, y):
        net.weights, net.biases = weights, biases
        return net.cost(x, y)

    def gradient(weights, biases, x, y):
        net.weights, net.biases = weights, biases
        return net.backprop(x, y)

    return check_gradient(cost, gradient, (net.weights, net.biases, x, y), argnums=(0, 1), **options)
