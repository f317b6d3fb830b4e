"""The worked example of "Convolution Neural Networks (CNNs)" (lecture slides), by this library's networks.

The slides move a 3x3 kernel over a 5x5 input, apply ReLU and pool 2x2. Their code is right; the results they print
for it are not:

    conv    they print [[2, -1, -3], [3, -3, -1], [0, -1, 1]]    here [[-1, 3, 1], [-3, 1, 2], [2, 1, -3]]
    relu    they print [[2, 0, 0], [3, 0, 0], [0, 0, 1]]         here [[0, 3, 1], [0, 1, 2], [2, 1, 0]]
    pool    they print [[3, 0], [0, 1]]                          here [[3]]

Their ReLU follows from their convolution, which is wrong in every cell; their pooling keeps the windows that hang over
the edge, which their own ``h // 2`` leaves out. What they, as everyone in deep learning, call convolution is
cross-correlation: the kernel is not flipped. Their vertical Sobel kernel lacks a number; with it restored, the six
filters of the slides run here as the kernels of one Conv2D layer, over a drawing.

Every result is computed by the NumPy network, by the JAX layers and by ``scipy.signal``; a difference fails the run.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from scipy.signal import convolve, correlate

from experiments.reports.filters import FILTERS, house
from jaxdoodle import __version__
from jaxdoodle.core.record import Record
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import Conv2D, Layer, MaxPool2D, ModelSpec, ReLU
from jaxdoodle.plots.image_grids import filter_grid
from jaxdoodle.plots.style import INK, LINE, MUTED, RED, figure

Arrays = list[np.ndarray]

INPUT = np.array([[1, 2, 0, 1, 2], [0, 1, 3, 1, 0], [2, 2, 1, 0, 1], [1, 0, 2, 1, 3], [2, 1, 0, 1, 2]], np.float32)
KERNEL = np.array([[1, 0, -1]] * 3, np.float32)

STEPS: dict[str, Layer] = {"conv": Conv2D(1, 3), "relu": ReLU(), "pool": MaxPool2D(2)}
PRINTED = {
    "conv": [[2, -1, -3], [3, -3, -1], [0, -1, 1]],
    "relu": [[2, 0, 0], [3, 0, 0], [0, 0, 1]],
    "pool": [[3, 0], [0, 1]],
}
RIGHT = {
    "conv": [[-1, 3, 1], [-3, 1, 2], [2, 1, -3]],
    "relu": [[0, 3, 1], [0, 1, 2], [2, 1, 0]],
    "pool": [[3]],
}

FILTER_TOLERANCE = 1e-5  # float32 sums of nine products with weights up to 8, against float64


def run(out_dir: Path) -> int:
    """Print the small matrices; write two figures and ``record.json`` to ``out_dir``. 0 if all agree, else 1."""
    out_dir.mkdir(parents=True, exist_ok=True)

    layers, params, image = tuple(STEPS.values()), [_conv_params(KERNEL[..., None]), {}, {}], INPUT[..., None]
    by_implementation = {
        "network": [y[..., 0] for y in by_network(layers, params, image)],
        "layers": [y[..., 0] for y in by_layers(layers, params, image)],
        "scipy": by_scipy(INPUT, KERNEL),
    }
    agree = {
        name: all(np.array_equal(y, RIGHT[step]) for step, y in zip(STEPS, outputs, strict=True))
        for name, outputs in by_implementation.items()
    }
    outputs = dict(zip(STEPS, by_implementation["network"], strict=True))
    flipped = np.array_equal(outputs["conv"], convolve(INPUT, KERNEL, "valid", "direct"))

    picture = house()
    responses, differences = filter_responses(picture)
    ok = all(agree.values()) and max(differences.values()) <= FILTER_TOLERANCE

    _print_matrices(outputs)
    print(f"as worked by hand: {agree}; true (flipped) convolution: {flipped}")
    print(f"filters, largest difference from scipy.signal.correlate: {differences}")
    _draw_steps(outputs, out_dir / "steps.png")
    pairs = {name: (kernel, responses[..., i]) for i, (name, kernel) in enumerate(FILTERS.items())}
    filter_grid(picture, pairs, out_dir / "filters.png", title="worked_example")
    filters = [{"name": name, "kernel": kernel.astype(float).round(6).tolist()} for name, kernel in FILTERS.items()]
    found = {
        "input": INPUT.astype(int).tolist(),
        "kernel": KERNEL.astype(int).tolist(),
        "reported": PRINTED,
        "outputs": {step: y.astype(int).tolist() for step, y in outputs.items()},
        "as_worked_by_hand": agree,
        "kernel_is_flipped": flipped,
        "filters": filters,
        "filters_largest_difference_from_scipy": differences,
        "ok": ok,
    }
    versions = {"jaxdoodle": __version__} | {name: version(name) for name in ("numpy", "jax", "scipy")}
    command = "python -m experiments worked_example"
    Record("worked_example", command, machine={"versions": versions}, extra=found).write(out_dir / "record.json")
    return 0 if ok else 1


def filter_responses(picture: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """``(h, w)`` -> responses of the six filters ``(h - 2, w - 2, 6)``, and differences from scipy."""
    kernels = FILTERS.values()
    expected = np.stack([correlate(picture.astype(float), kernel, "valid", "direct") for kernel in kernels], axis=-1)
    params = [_conv_params(np.stack(list(kernels), axis=-1))]
    responses = {
        "network": by_network((Conv2D(len(kernels), 3),), params, picture[..., None])[0],
        "layers": by_layers((Conv2D(len(kernels), 3),), params, picture[..., None])[0],
    }
    differences = {name: float(np.abs(y - expected).max()) for name, y in responses.items()}
    return responses["network"], differences


def by_network(layers: tuple[Layer, ...], params: list[dict], image: np.ndarray) -> Arrays:
    """Outputs of each layer, by the NumPy network: ``(h, w, channels)`` -> one ``(h, w, filters)`` per layer."""
    specs = [ModelSpec(layers[: n + 1], image.shape) for n in range(len(layers))]
    return [Network(spec, params[: len(spec.layers)]).logits(image[None])[0] for spec in specs]


def by_layers(layers: tuple[Layer, ...], params: list[dict], image: np.ndarray) -> Arrays:
    """The same by the layers that training uses."""
    x, outputs = jnp.asarray(image[None]), []
    for layer, p in zip(layers, params, strict=True):
        x, _ = layer.forward(p, x)
        outputs.append(np.asarray(x[0]))
    return outputs


def by_scipy(image: np.ndarray, kernel: np.ndarray) -> Arrays:
    """The three steps without this library: ``(h, w)`` each."""
    conv = correlate(image, kernel, "valid", "direct")
    relu = np.maximum(conv, 0)
    height, width = (n // 2 for n in relu.shape)
    return [conv, relu, relu[: 2 * height, : 2 * width].reshape(height, 2, width, 2).max(axis=(1, 3))]


def _conv_params(kernels: np.ndarray) -> dict[str, np.ndarray]:
    """Kernels ``(height, width, filters)`` for an image of one channel, without bias."""
    return {"w": kernels[:, :, None, :], "b": np.zeros(kernels.shape[-1], np.float32)}


def _print_matrices(outputs: dict[str, np.ndarray]) -> None:
    for step, y in outputs.items():
        print(f"{step}: {y.astype(int).tolist()}, where the slides print {PRINTED[step]}")


def _draw_steps(outputs: dict[str, np.ndarray], path: Path) -> None:
    """The numbers of each step, and below them what the slides print, wrong cells in red."""
    note = "Above: this library, scipy and the slides' own code. Below: what the slides print, wrong numbers in red"
    with figure(path, 2.9, "worked_example: a convolution, step by step", note) as page:
        axes = page.add_subplot()
        axes.axis("off")
        axes.set(xlim=(-0.05, 20.9), ylim=(8.1, -0.9), aspect="equal")
        _draw_matrix(axes, "input", 0, 0, INPUT, INPUT)
        _draw_matrix(axes, "kernel", 6.2, 0, KERNEL, KERNEL)
        for x, sign in ((5.6, "⋆"), (9.8, "="), (14, "→"), (18.2, "→")):
            axes.text(x, 1.5, sign, color=MUTED, size=12, ha="center", va="center_baseline")
        axes.text(9.8, 6.5, "as the slides print it", color=MUTED, ha="right", va="center_baseline")
        titles = ("cross-correlation", "ReLU", "2×2 max-pool")
        for left, title, (step, y) in zip((10.4, 14.6, 18.8), titles, outputs.items(), strict=True):
            _draw_matrix(axes, title, left, 0, y, y)
            _draw_matrix(axes, "", left, 5, np.array(PRINTED[step]), y)


def _draw_matrix(axes, title: str, left: float, top: float, matrix: np.ndarray, right: np.ndarray) -> None:
    """A table of whole numbers; those that ``right`` does not have at their place are red."""
    axes.text(left, top - 0.3, title)
    for (i, j), number in np.ndenumerate(matrix):
        good = i < right.shape[0] and j < right.shape[1] and number == right[i, j]
        x, y = left + j, top + i
        axes.fill([x, x + 1, x + 1, x], [y, y, y + 1, y + 1], facecolor="white" if good else "#fbe9df", edgecolor=LINE)
        color, weight = (INK, "normal") if good else (RED, "bold")
        axes.text(x + 0.5, y + 0.5, f"{number:.0f}", color=color, weight=weight, ha="center", va="center_baseline")
