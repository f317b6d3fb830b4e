"""A trained model, ready to predict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing import inputs as files
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.pipeline import Preprocessed, preprocess

if TYPE_CHECKING:
    from jaxdoodle.strokes.drawing import Stroke


@frozen
class Prediction:
    """What a model makes of one picture or drawing.

    ``probabilities``  by class name, in the model's order; none where nothing is drawn.
    ``reason``         why the model abstains, in words; ``None`` where it answers.
    ``prepared``       what the network saw and how it came about; ``None`` where nothing is drawn.
    """

    probabilities: dict[str, float]
    reason: str | None
    preprocessed: Preprocessed | None

    @property
    def abstained(self) -> bool:
        """Whether this looks like none of the model's classes."""
        return self.reason is not None

    @property
    def label(self) -> str | None:
        """The most probable class, also where the model abstains; ``None`` where nothing is drawn."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    def top(self, k: int) -> list[tuple[str, float]]:
        """The ``k`` most probable classes with their probabilities, best first; equal ones in the model's order."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:k]


class Model:
    """A model file at work: ``Model.load("model.npz").predict("drawing.png").label``. May be shared between threads."""

    def __init__(self, file: ModelFile):
        self._file = file
        self._network = file.network

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Sequence[type] = ()) -> Model:
        """Read a model file.

        Args:
          path: The file.
          layers: Classes marked ``@nn.layer`` that the model has beside the built-in ones: a file contains no code.

        Raises:
          InputError: The file cannot be read, or it is no good model file: one line that names it.
        """
        return cls(model_file.read(path, layers))

    @property
    def file(self) -> ModelFile:
        """The content of the model file."""
        return self._file

    @property
    def spec(self) -> ModelSpec:
        return self._file.spec

    @property
    def classes(self) -> tuple[str, ...]:
        return self._file.spec.classes

    @property
    def preprocessing(self) -> Preprocessing:
        return self._file.preprocessing

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self._file.provenance

    @property
    def temperature(self) -> float:
        """What logits are divided by before the softmax."""
        return self._file.temperature

    def logits(self, images: Any) -> Any:
        """The network's outputs for bitmaps that are as the contract says.

        uint8 (n, height, width) or (n, height, width, 1), white ink on black, to float32 (n, classes).
        """
        images = np.asarray(images)
        height, width, _ = shape = self.preprocessing.image_shape
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
        if self.spec.ends_in_softmax:
            return scores
        scores = np.exp((scores - scores.max(axis=1, keepdims=True)) / self.temperature)
        return scores / scores.sum(axis=1, keepdims=True)

    def abstains(self, logits: Any) -> Any:
        """For each row of logits (n, classes), whether the image looks like none of the classes, as bool (n,)."""
        if self._file.abstain_below is None:
            return np.zeros(len(logits), bool)
        return ~(energy(logits) >= self._file.abstain_below)

    def predict(self, image: Any) -> Prediction:
        """What a picture or a drawing shows, in whatever form it comes.

        A path, a Pillow image, an array or a list of strokes, preprocessed as the model expects; ``preprocess`` says
        more. Where nothing is drawn the answer is "unknown", with the reason. Raises ``InputError`` at what cannot be
        read.
        """
        return self._answer([self._prepare(image)])[0]

    def predict_all(self, images: Iterable[Any]) -> list[Prediction]:
        """``predict`` for many, of any kinds together: the network runs once. Preprocessing steps are not kept."""
        return self._answer([_without_steps(self._prepare(image)) for image in images])

    def watch(self, drawing: Iterable[Stroke]) -> Iterator[Prediction]:
        """The guess after each stroke, as soon as it is there: ``drawing`` may still be in the making."""
        strokes: list[Stroke] = []
        for stroke in drawing:
            strokes.append(stroke)
            yield self.predict(strokes)

    def _prepare(self, image: Any) -> Preprocessed | str:
        """What the network is to see, or why there is nothing to see."""
        named = isinstance(image, str | os.PathLike)
        try:
            return preprocess(files.sole(image) if named else image, self.preprocessing)
        except NoDrawingError as error:
            name = os.fspath(image) if named else ""
            return str(error).removeprefix(f"{name}: ").removeprefix("the image: ").rstrip(".")

    def _answer(self, inputs: Sequence[Preprocessed | str]) -> list[Prediction]:
        drawn = [one.bitmap for one in inputs if isinstance(one, Preprocessed)]
        logits = self.logits(np.stack(drawn)) if drawn else np.empty((0, len(self.classes)), np.float32)
        rows = zip(self.probabilities(logits).tolist(), self.abstains(logits), energy(logits), strict=True)
        answers = []
        for one in inputs:
            if isinstance(one, str):
                answers.append(Prediction({}, one, None))
                continue
            shares, abstains, score = next(rows)
            reason = f"it scores {score:.2f}, below {self._file.abstain_below:.2f}" if abstains else None
            answers.append(Prediction(dict(zip(self.classes, shares, strict=True)), reason, one))
        return answers


def _without_steps(one: Preprocessed | str) -> Preprocessed | str:
    """Of many inputs the steps would take thousands of times the memory of the bitmaps."""
    return replace(one, steps=()) if isinstance(one, Preprocessed) else one


def energy(logits: Any) -> Any:
    """How much the network finds of anything it knows: log-sum-exp of logits (n, classes), float64 (n,).

    Liu et al. 2020, "Energy-based out-of-distribution detection", with the sign turned.
    """
    scores = np.asarray(logits, np.float64)
    top = scores.max(axis=1)
    return top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
