"""The strokes on the pad, and a prediction in words, without Tk."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxdoodle.inference.model import Prediction

#: Length of a side of the pad, in the units of strokes.
SIDE = 1000
#: On the pad, in the same units; the bitmap for the network is drawn with the stroke width of its preprocessing.
STROKE_WIDTH = 34
#: How far an arrow key moves the cursor.
ARROW_STEP = 25


@dataclass
class Pad:
    """Strokes by pointer and by keys; each is ``(x, y)``, two lists of numbers from 0 to ``SIDE``.

    The arrow keys move ``cursor``, which draws while ``down``.
    """

    strokes: list[tuple[list[float], list[float]]] = field(default_factory=list)
    cursor: tuple[float, float] = (SIDE / 2, SIDE / 2)
    down: bool = False

    def begin(self, x: float, y: float) -> None:
        """Begin a new stroke."""
        self.strokes.append(([], []))
        self.extend(x, y)

    def extend(self, x: float, y: float) -> None:
        """Draw on to a point, or to the edge if it lies beyond."""
        xs, ys = self.strokes[-1]
        x, y = _within(x), _within(y)
        if not xs or (xs[-1], ys[-1]) != (x, y):
            xs.append(x)
            ys.append(y)

    def undo(self) -> None:
        """Take the last stroke back."""
        self.down = False
        del self.strokes[-1:]

    def clear(self) -> None:
        self.down = False
        self.strokes.clear()

    def move(self, right: int, downwards: int) -> None:
        """Move the cursor, in units of ``ARROW_STEP``; while it is down, the stroke follows."""
        self.cursor = _within(self.cursor[0] + ARROW_STEP * right), _within(self.cursor[1] + ARROW_STEP * downwards)
        if self.down:
            self.extend(*self.cursor)

    def toggle(self) -> None:
        """Begin a stroke at the cursor, or end it."""
        self.down = not self.down
        if self.down:
            self.begin(*self.cursor)


def _within(at: float) -> float:
    return min(max(at, 0), SIDE)


def headline(prediction: Prediction | None) -> str:
    """The answer in large letters; ``None`` is before anything is drawn."""
    if prediction is None:
        return "What is it?"
    return "Unknown" if prediction.abstained else str(prediction.label)


def remark(prediction: Prediction | None) -> str:
    """How sure the model is, or why it abstains."""
    if prediction is None:
        return "A guess appears as you draw."
    (first, share), (second, _) = [*prediction.top(2), ("", 0.0), ("", 0.0)][:2]
    if prediction.abstained:
        reason = str(prediction.reason)
        return f"Most like {first}, but not like enough." if first else f"{reason[0].upper()}{reason[1:]}."
    if share >= 0.9 or not second:
        return "I am quite sure."
    return f"{'Probably.' if share >= 0.6 else 'Perhaps.'} Or {second}?"
