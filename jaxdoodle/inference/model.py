"""A trained model, ready to predict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.types import NDArray
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.inference.predictions import PageDrawing, PagePrediction, Prediction, Row, escaped
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing import Preprocessed, Preprocessing, inputs, preprocess
from jaxdoodle.preprocessing.paper.outlines import OUTLINED
from jaxdoodle.preprocessing.paper.readings import LINES
from jaxdoodle.preprocessing.paper.sheet import SHEET
from jaxdoodle.preprocessing.paper.surroundings import ALONE, FRAMES, PRINT

if TYPE_CHECKING:
    from jaxdoodle.preprocessing.several.pages import Division
    from jaxdoodle.strokes.drawing import Stroke


#: Of the ways to see a picture, each counts by ``exp(EVIDENCE * energy)``: at 1 logits would be believed in full, which
#: are too sure of what looks like no class. A way that leaves something out has so much more energy: what is left of a
#: drawing without a part of it seldom looks like a class, and a drawing with a frame around it often does. Without a
#: frame, a line across the picture or lines of another pen it has twice as much if the classes are characters: none has
#: a part within another, runs from edge to edge, or is of two pens.
#: Chosen on pages of the kinds of ``experiments/studies/pictures/pages.py``, with other drawings.
EVIDENCE, LEFT_OUT = 0.3, 3.0
#: There is an answer where ways of at least this part of all evidence lead to it.
AGREED = 0.4
#: By how much the energy scores of several drawings exceed that of all as one: of characters, and of doodles, whose
#: parts may be doodles, too.
APART_CHARACTERS, APART = 0.0, 1.0
#: No letter or digit is so many times as wide as high: of 48,000 digits of MNIST, 4 are.
WIDE = 2.0


class Model:
    """A trained network that predicts with NumPy alone. May be shared between threads.

    >>> Model.load("model.npz").predict("drawing.png").label  # doctest: +SKIP
    'cat'

    Args:
      spec: The network; it names its classes.
      params: One dict of arrays per layer, as ``spec.param_shapes`` says; copied as float32.
      preprocessing: How any picture becomes an input of the network.
      temperature: Logits are divided by it before the softmax, above 0.
      abstain_below: The answer is "unknown" where the energy score is lower; ``None`` for never.
      reference_images: uint8 ``(n, height, width, 1)``, 1 to 64 of them, that are stored with their logits: every
        reader checks that these come out. By default four images of noise.
      provenance: Where the model comes from, as JSON values.

    Raises:
      ValueError: The shapes of the parameters are not those of the spec.
    """

    def __init__(
        self,
        spec: ModelSpec,
        params: Sequence[Mapping[str, Any]],
        preprocessing: Preprocessing,
        *,
        temperature: float = 1.0,
        abstain_below: float | None = None,
        reference_images: NDArray[np.uint8] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ):
        arrays = tuple({name: np.array(value, np.float32) for name, value in p.items()} for p in params)
        images = reference_images
        if images is None:
            images = np.random.default_rng(0).integers(0, 256, (4, *spec.input_shape), np.uint8)
        logits = Network(spec, arrays, *preprocessing.scaling).logits(images)
        self._file = ModelFile(
            spec, arrays, preprocessing, images, logits, temperature, abstain_below, provenance or {}
        )

    @classmethod
    def from_file(cls, file: ModelFile) -> Model:
        """The model that the content of a model file describes."""
        model = cls.__new__(cls)
        model._file = file
        return model

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Sequence[type] = ()) -> Model:
        """Read a model file.

        Args:
          path: A ``model.npz``, the folder of a run that wrote one, or the name of a model that comes with the package:
            "digits" or "sketches".
          layers: The classes of layers that are not built in; a model file never imports code.

        Raises:
          InputError: The file is missing, damaged, or names an unknown layer; one line that names the file.
        """
        return cls.from_file(model_file.read(path, layers))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as the bytes of the model file, with the classes of its own layers."""
        return _unpickled, (model_file.encode(self._file), tuple(self.spec.layer_classes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file, whole or not at all. The same model gives the same bytes on every machine.

        Raises:
          InputError: The file cannot be written, or would be refused by ``load``.
        """
        model_file.write(path, self._file)

    def __repr__(self) -> str:
        classes = ", ".join(self.classes[:4]) + ", ..." * (len(self.classes) > 4)
        return f"<Model of {len(self.classes)} classes ({classes}), {self.spec.param_count:,} parameters>"

    def _repr_html_(self) -> str:
        return f"<p>{escaped(repr(self)[1:-1])}</p>{self.spec._repr_html_()}"

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
    def reads_characters(self) -> bool:
        """Whether all classes are single characters, as digits and letters are."""
        return all(len(name) == 1 for name in self.classes)

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

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's outputs for bitmaps that are preprocessed already.

        uint8 (n, height, width) or (n, height, width, 1), white ink on black, to float32 (n, classes).
        """
        images = np.asarray(images)
        height, width, _ = shape = self.preprocessing.image_shape
        if images.dtype != np.uint8 or images.shape[1:] not in (shape, shape[:2]):
            raise ValueError(
                f"logits takes uint8 images (n, {height}, {width}); got {images.dtype} {images.shape}. "
                "predict() takes any picture."
            )
        return self._file.network.logits(images.reshape(-1, *shape))

    def probabilities(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Logits (n, classes) as probabilities, float64: ``softmax(logits / temperature)``.

        A network that ends in Softmax gives probabilities as it is.
        """
        scores = np.asarray(logits, np.float64)
        if self.spec.ends_in_softmax:
            return scores
        scores = np.exp((scores - scores.max(axis=1, keepdims=True)) / self.temperature)
        return scores / scores.sum(axis=1, keepdims=True)

    def abstains(self, logits: NDArray[Any]) -> NDArray[np.bool_]:
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
        return self._answer([self._prepare(image)])[0][0]

    def predict_all(self, images: Iterable[Any]) -> list[Prediction]:
        """``predict`` for many, of any kinds together: the network runs once. Preprocessing steps are not kept."""
        return [answer for answer, _ in self._answer([_without_steps(self._prepare(image)) for image in images])]

    def predict_many(self, page: Any) -> PagePrediction:
        """What the drawings of a page show: digits in rows, doodles side by side.

        Args:
          page: A picture, or a drawing in strokes, in any form that ``predict`` takes.

        Returns:
          Rows from top to bottom, in each the drawings from left to right, with the box and the answer of each; none
          where nothing is drawn.

        Raises:
          InputError: The input cannot be read, or the model takes pictures as they are.
        """
        from jaxdoodle.preprocessing.several.pages import divisions_of  # not needed to predict one drawing

        content = inputs.sole(page) if inputs.is_path(page) else page
        content, divisions = divisions_of(content, self.preprocessing, not self.reads_characters)
        found = (self._divided(content, one) for one in divisions)
        return max(found, key=lambda pair: pair[0], default=(0.0, PagePrediction((), content)))[1]

    def watch(self, drawing: Iterable[Stroke]) -> Iterator[Prediction]:
        """The guess after each stroke, as soon as it is there: ``drawing`` may still be in the making."""
        from jaxdoodle.strokes.forms import Columns  # not needed to predict a picture

        strokes = Columns()
        for stroke in drawing:
            strokes.append(stroke)
            yield self.predict(strokes)

    def _prepare(self, image: Any) -> Preprocessed | str:
        """What the network is to see, or why there is nothing to see."""
        named = inputs.is_path(image)
        try:
            found = preprocess(inputs.sole(image) if named else image, self.preprocessing)
            readings = [one.reading for one in (found, *found.alternatives) if one.reading is not None]
            if not any(one.parts.several for one in readings):
                return found
            from jaxdoodle.preprocessing.several.pages import with_parts

            return with_parts(found, self.preprocessing, not self.reads_characters)
        except NoDrawingError as error:
            name = inputs.named(image) if named else ""
            return str(error).removeprefix(f"{name}: ").removeprefix("the image: ").rstrip(".")

    def _answer(self, found: Sequence[Preprocessed | str]) -> list[tuple[Prediction, float]]:
        """The prediction for each, and the energy score of what it answers to; 0 where nothing is drawn."""
        seen = [(one, *self._other_ways(one)) for one in found if isinstance(one, Preprocessed)]
        drawn = [reading.bitmap for readings in seen for reading in readings]
        logits = self.logits(np.stack(drawn)) if drawn else np.empty((0, len(self.classes)), np.float32)
        ends = np.cumsum([len(readings) for readings in seen])
        rows = iter(zip(seen, np.split(logits, ends[:-1]), strict=True)) if seen else iter(())
        answers = []
        for one in found:
            if isinstance(one, str):
                answers.append((Prediction({}, one, None), 0.0))
            else:
                prediction, score = self._choose(*next(rows))
                answers.append((self._of_one(one, prediction), score))
        return answers

    def _other_ways(self, found: Preprocessed) -> list[Preprocessed]:
        """Other ways to see a picture; doodles are outlines themselves."""
        return [one for one in found.alternatives if self.reads_characters or OUTLINED not in one.removed]

    def _of_one(self, found: Preprocessed, prediction: Prediction) -> Prediction:
        """The prediction; unknown, and why, where the picture looks more like several drawings than like one."""
        chosen = set(prediction.preprocessed.removed) if prediction.preprocessed else set()
        for seen in (found, *found.alternatives):
            if seen.several and (ALONE in chosen or set(seen.removed) <= chosen):  # what was chosen is a part of this
                whole, *parts = energy(self.logits(np.stack([seen.bitmap, *seen.several])))
                margin, least = APART, min(parts)
                if self.reads_characters:  # what is beside two characters need not be one
                    margin, least = APART_CHARACTERS, sorted(parts)[-2]
                known = self._file.abstain_below is None or least >= self._file.abstain_below
                one_of_them = self.reads_characters and ALONE in chosen  # all as one is no answer then
                if known and (one_of_them or np.median(parts) > whole + margin):
                    reason = f"it shows {len(parts)} drawings; predict_many, or --many, answers each"
                    return replace(prediction, reason=reason)
        if self.reads_characters and str(prediction.label).isalnum() and prediction.preprocessed:
            top, left, bottom, right = prediction.preprocessed.box
            if right - left > WIDE * (bottom - top):
                return replace(prediction, reason="it is too wide for one character; several may touch, or it lies")
        return prediction

    def _divided(self, content: Any, division: Division) -> tuple[float, PagePrediction]:
        """How much the drawings of a page, divided so, look like classes, and the answers to them.

        What touches the edge of the picture and is unknown counts as none, unless there is nothing else.
        """
        predictions, energies = zip(*self._answer(division.drawings), strict=True)
        found = [PageDrawing(one.preprocessed.box, one) for one in predictions if one.preprocessed]
        scores = np.array(energies)
        beyond = [edge and one.abstained for edge, one in zip(division.at_edge, predictions, strict=True)]
        kept = np.array([all(beyond) or not one for one in beyond])
        ends = np.cumsum(division.rows).tolist()
        rows = [[i for i in range(end - count, end) if kept[i]] for end, count in zip(ends, division.rows, strict=True)]
        least = self._file.abstain_below
        score = float(scores.mean() if least is None else (scores - least)[kept].sum())
        return score, PagePrediction(tuple(Row(tuple(found[i] for i in row)) for row in rows if row), content)

    def _choose(self, readings: Sequence[Preprocessed], logits: NDArray[np.float32]) -> tuple[Prediction, float]:
        """The answer to a picture by all the ways to see it: ``P(class) = sum over ways of P(way) P(class | way)``.

        And the energy score of the way that counts most.
        """
        scores, given = energy(logits), self.probabilities(logits)
        framed = [
            self.reads_characters and not {*FRAMES, SHEET, LINES, PRINT}.isdisjoint(one.removed) for one in readings
        ]
        more = [LEFT_OUT * (bool(one.removed) + within) for one, within in zip(readings, framed, strict=True)]
        weights = np.exp(EVIDENCE * (scores - scores.max() + more))
        weights /= weights.sum()
        best, shares = int(weights.argmax()), weights @ given
        probabilities = dict(zip(self.classes, shares.tolist(), strict=True))
        reason = None
        if self.abstains(logits[best : best + 1])[0]:
            reason = f"it scores {scores[best]:.2f}, below {self._file.abstain_below:.2f}"
        elif weights[given.argmax(axis=1) == shares.argmax()].sum() < AGREED:
            names = dict.fromkeys(name for one in readings for name in one.removed)
            ways = f"with and without what may be around it ({', '.join(names)})" if names else "smoothed more or less"
            reason = f"{ways} it looks like different classes"
        return Prediction(probabilities, reason, readings[best]), float(scores[best])


def _unpickled(data: bytes, layers: tuple[type, ...]) -> Model:
    return Model.from_file(model_file.decode(data, layers))


def _without_steps(one: Preprocessed | str) -> Preprocessed | str:
    """Of many inputs the steps would take thousands of times the memory of the bitmaps."""
    if isinstance(one, str):
        return one
    return replace(
        one,
        steps=(),
        reading=None,
        alternatives=tuple(replace(other, steps=(), reading=None) for other in one.alternatives),
    )


def energy(logits: NDArray[Any]) -> NDArray[np.float64]:
    """The energy score: log-sum-exp of logits ``(n, classes)``, float64 ``(n,)``; high for what resembles a class.

    Reference: Liu et al. 2020, "Energy-based Out-of-distribution Detection"; here with the opposite sign.
    """
    scores = np.asarray(logits, np.float64)
    top = scores.max(axis=1)
    return top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
