"""W5: one image, 256 images, and from the start of a process to its first answer, all on the processor.

``python -m experiments.speed.inference RUNTIME FOLDER cold|warm`` is one such process; it prints JSON. It imports
no more than Python's own modules before it knows which runtime is asked for: a cold start is timed as a whole.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdoodle.nn.spec import ModelSpec

BATCHES = (1, 256)
DIVISOR = 255.0

Answer = Callable[[Any], Any]


def networks() -> dict[str, ModelSpec]:
    """Name -> network of the reports."""
    from experiments.speed.workloads import DIGITS
    from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn

    return {
        "digit MLP": mlp(DIGITS, (128,)),
        "deep MLP": mlp(DIGITS, (128, 64)),
        "mini-MNIST MLP": mlp(DIGITS, (1000,)),
        "digit CNN": digit_cnn(DIGITS),
        "sketch CNN": sketch_cnn([f"class {i}" for i in range(345)]),
    }


def write_models(spec: ModelSpec, folder: Path) -> None:
    """``model.npz`` and, where the package for it is there, ``model.onnx``, with the same random weights.

    Modules of a clone may not be compiled yet, as those of an installed package are: this compiles them.
    """
    import compileall

    import numpy as np

    import jaxdoodle
    from jaxdoodle.inference import model_file
    from jaxdoodle.inference.network import Network
    from jaxdoodle.preprocessing import config as preprocessing

    for package in (jaxdoodle, sys.modules[__name__]):
        compileall.compile_dir(Path(str(package.__file__)).parent, quiet=2)
    rng = np.random.default_rng(0)
    params = [
        {name: (0.05 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
        for shapes in spec.param_shapes
    ]
    golden = rng.integers(0, 256, (2, *spec.input_shape), dtype=np.uint8)
    logits = Network(spec, params, DIVISOR).logits(golden)
    file = model_file.ModelFile(spec, params, preprocessing.MNIST, golden_inputs=golden, golden_logits=logits)
    model_file.write(folder / "model.npz", file)
    if find_spec("onnx"):
        from jaxdoodle.formats import onnx

        onnx.write(file, folder / "model.onnx")


def numpy(folder: Path) -> Answer:
    from jaxdoodle.inference import Model

    return Model.load(folder / "model.npz").logits


def onnxruntime(folder: Path) -> Answer:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def jax(folder: Path) -> Answer:
    from jax import config

    from jaxdoodle.inference import model_file
    from jaxdoodle.training import evaluation

    config.update("jax_platforms", "cpu")
    file = model_file.read(folder / "model.npz")
    return lambda images: evaluation.logits_of(file.spec, file.params, images, DIVISOR)


def torch(folder: Path) -> Answer:
    import torch as t

    from experiments.speed.runtimes.with_torch import torch_images, torch_net
    from jaxdoodle.inference import model_file

    net = torch_net(t, model_file.read(folder / "model.npz").spec).eval()

    def answer(images):
        with t.inference_mode():
            return net(torch_images(t, images)).numpy()

    return answer


NUMPY = "jaxdoodle (NumPy)"
#: Name -> the packages that it needs, and the function.
RUNTIMES: dict[str, tuple[tuple[str, ...], Callable[[Path], Answer]]] = {
    NUMPY: (("numpy",), numpy),
    "jaxdoodle (JAX)": (("jax",), jax),
    "onnxruntime, one thread": (("onnxruntime", "onnx"), onnxruntime),
    "PyTorch": (("torch",), torch),
}


def first_answer(name: str, folder: Path) -> None:
    """One answer. The NumPy runtime preprocesses the image, too; the others get it as the network expects it."""
    if name == NUMPY:
        from jaxdoodle.inference import Model

        Model.load(folder / "model.npz").predict(_image())
    else:
        RUNTIMES[name][1](folder)(_image()[None])


def _image() -> Any:
    import numpy as np

    image = np.zeros((28, 28, 1), np.uint8)
    image[4:24, 12:15] = 255
    return image


def measure(answer: Answer, count: int, seconds: float = 0.5) -> float:
    """Median seconds of one call, over at least five."""
    import numpy as np

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
    if mode == "cold":
        first_answer(name, Path(folder))
        return
    answer = RUNTIMES[name][1](Path(folder))
    print(json.dumps({str(count): measure(answer, count) for count in BATCHES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
