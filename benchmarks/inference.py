"""W5: one image, 256 images, and from the start of a process to its first answer.

``python -m benchmarks.inference RUNTIME MODEL cold|warm`` is one such process; it prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxdoodle.inference import contract, model_file
from jaxdoodle.inference.network import Network
from jaxdoodle.inference.spec import ModelSpec

BATCHES = (1, 256)
DIVISOR = 255.0

Answer = Callable[[np.ndarray], np.ndarray]


def write_models(spec: ModelSpec, folder: Path) -> None:
    """``model.npz`` and, where the package for it is there, ``model.onnx``, with the same random weights."""
    rng = np.random.default_rng(0)
    params = [
        {name: (0.05 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
        for shapes in spec.param_shapes
    ]
    golden = rng.integers(0, 256, (2, *spec.input_shape), dtype=np.uint8)
    logits = Network(spec, params, DIVISOR).logits(golden)
    file = model_file.ModelFile(spec, params, contract.MNIST, golden_inputs=golden, golden_logits=logits)
    model_file.write(folder / "model.npz", file)
    try:
        from jaxdoodle.export import to_onnx

        to_onnx.write(file, folder / "model.onnx")
    except ModuleNotFoundError as error:
        print(f"onnxruntime: skipped, {error.name} is not installed")


def ours(folder: Path) -> Answer:
    from jaxdoodle.inference.predict import Model

    return Model.load(folder / "model.npz").logits


def onnxruntime(folder: Path) -> Answer:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images})[0]


def jax(folder: Path) -> Answer:
    from jaxdoodle import train

    file = model_file.read(folder / "model.npz")
    return lambda images: train.predict(file.spec, file.params, images, divisor=DIVISOR)


def torch(folder: Path) -> Answer:
    import torch as t

    from benchmarks.runtimes import torch_images, torch_net

    net = torch_net(t, model_file.read(folder / "model.npz").spec).eval()

    def answer(images):
        with t.inference_mode():
            return net(torch_images(t, images)).numpy()

    return answer


#: Name in the table -> the package that it needs, and the function.
RUNTIMES: dict[str, tuple[str, Callable[[Path], Answer]]] = {
    "jaxdoodle (NumPy)": ("numpy", ours),
    "jaxdoodle (JAX)": ("jax", jax),
    "onnxruntime, one thread": ("onnxruntime", onnxruntime),
    "PyTorch": ("torch", torch),
}


def measure(answer: Answer, count: int, seconds: float = 0.5) -> float:
    """Median seconds of one call, over at least five."""
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
    answer(images)
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(took) < 5:
        started = time.perf_counter()
        answer(images)
        took.append(time.perf_counter() - started)
    return float(np.median(took))


def main(name: str, folder: str, mode: str) -> None:
    answer = RUNTIMES[name][1](Path(folder))
    if mode == "cold":
        answer(np.zeros((1, 28, 28, 1), np.uint8))
    print(json.dumps({} if mode == "cold" else {str(count): measure(answer, count) for count in BATCHES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
