"""A trained model, ready to predict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdoodle.inference import model_file
from jaxdoodle.inference.contract import InputContract
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.inference.preprocess import Prepared, preprocess
from jaxdoodle.inference.spec import ModelSpec, Softmax


@dataclass(frozen=True)
class Prediction:
    """What a model makes of one image.

    ``probabilities`` is by class name, in the model's order; ``abstained`` says that the image looks like none of
    the classes; ``prepared`` is what the network saw and how it came about.
    """

    probabilities: dict[str, float]
    abstained: bool
    prepared: Prepared

    @property
    def label(self) -> str:
        """The most probable class, also where the model abstains."""
        return self.top(1)[0][0]

    def top(self, k: int) -> list[tuple[str, float]]:
        """The ``k`` most probable classes with their probabilities, best first; equal ones in the model's order."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:k]


class Model:
    """A model file at work: ``Model.load("model.npz").predict("drawing.png").label``. May be shared between threads."""

    def __init__(self, file: ModelFile):
        self._file = file
        self._network = Network(file.spec, file.params, file.contract.divisor)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Read a model file. Raises ``InputError``, one line that names the file, if it is not a good one."""
        return cls(model_file.read(path))

    @property
    def spec(self) -> ModelSpec:
        return self._file.spec

    @property
    def classes(self) -> tuple[str, ...]:
        return self._file.spec.classes

    @property
    def contract(self) -> InputContract:
        return self._file.contract

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self._file.provenance

    def logits(self, images: Any) -> Any:
        """The network's outputs for bitmaps that are as the contract says.

        uint8 (n, height, width) or (n, height, width, 1), white ink on black, to float32 (n, classes).
        """
        images = np.asarray(images)
        height, width, _ = shape = self.contract.image_shape
        if images.dtype != np.uint8 or images.shape[1:] not in (shape, shape[:2]):
            raise ValueError(
                f"logits takes uint8 images (n, {height}, {width}); got {images.dtype} {images.shape}. "
                "predict() takes any picture."
            )
        return self._network.logits(images.reshape(-1, *shape))

    def probabilities(self, logits: Any) -> Any:
        """Logits (n, classes) as probabilities, float64: ``softmax(logits / temperature)``.

        A network that ends in Softmax gives probabilities as it is.
        """
        scores = np.asarray(logits, np.float64)
        if self._ends_in_softmax:
            return scores
        scores = np.exp((scores - scores.max(axis=1, keepdims=True)) / self._file.temperature)
        return scores / scores.sum(axis=1, keepdims=True)

    def abstains(self, logits: Any) -> Any:
        """For each row of logits (n, classes), whether the image looks like none of the classes, as bool (n,)."""
        if self._file.abstain_below is None:
            return np.zeros(len(logits), bool)
        scores = np.asarray(logits, np.float64)
        top = scores.max(axis=1)
        return top + np.log(np.exp(scores - top[:, None]).sum(axis=1)) < self._file.abstain_below

    def predict(self, image: Any) -> Prediction:
        """Prepare any picture by the model's contract and classify it; ``preprocess`` says what it takes."""
        prepared = preprocess(image, self.contract)
        logits = self.logits(prepared.bitmap[None])
        probabilities = dict(zip(self.classes, self.probabilities(logits)[0].tolist(), strict=True))
        return Prediction(probabilities, bool(self.abstains(logits)[0]), prepared)

    @property
    def _ends_in_softmax(self) -> bool:
        return bool(self.spec.layers) and isinstance(self.spec.layers[-1], Softmax)
