"""A drawing in the making, and the words for a model's answer: what the window shows, without the window."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxdoodle.inference.model import Prediction

#: Of the pad, in the units that strokes are kept in.
SIDE = 1000
#: Width of the pen on the pad; what the network sees is drawn anew with its own.
PEN = 34
#: Of the arrow keys.
STEP = 25


@dataclass
class Pad:
    """Strokes by pointer and by keys; each is ``(x, y)``, two lists of numbers from 0 to ``SIDE``.

    ``cursor`` is where the keys have the pen, which draws while ``down``.
    """

    strokes: list[tuple[list[float], list[float]]] = field(default_factory=list)
    cursor: tuple[float, float] = (SIDE / 2, SIDE / 2)
    down: bool = False

    def begin(self, x: float, y: float) -> None:
        """Put the pen down for a new stroke."""
        self.strokes.append(([], []))
        self.extend(x, y)

    def extend(self, x: float, y: float) -> None:
        """Draw on to a place, or to the edge if it lies beyond."""
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
        """An arrow key: the cursor by steps, and the stroke with it."""
        self.cursor = _within(self.cursor[0] + STEP * right), _within(self.cursor[1] + STEP * downwards)
        if self.down:
            self.extend(*self.cursor)

    def toggle(self) -> None:
        """The space bar: the pen down, or up again."""
        self.down = not self.down
        if self.down:
            self.begin(*self.cursor)


def _within(at: float) -> float:
    return min(max(at, 0), SIDE)


def headline(prediction: Prediction | None) -> str:
    """The answer in large letters; ``None`` is before anything is drawn."""
    if prediction is None:
        return "What is it?"
    return "None of mine" if prediction.abstained else str(prediction.label)


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
