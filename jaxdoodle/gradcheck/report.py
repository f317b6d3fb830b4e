"""What a check found, as data, as text and as JSON."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.compare import Comparison


@dataclass(frozen=True)
class LeafResult:
    """One leaf at one test point. ``verdict``: exact, close, convention, undecided or wrong."""

    name: str
    shape: tuple[int, ...]
    figures: Comparison
    verdict: str


@dataclass(frozen=True)
class PointResult:
    name: str
    leaves: tuple[LeafResult, ...]

    @property
    def passed(self) -> bool:
        return all(leaf.verdict != "wrong" for leaf in self.leaves)


@dataclass(frozen=True)
class Finding:
    """One mistake of a backward pass.

    Args:
      name: Its class, such as ``"missing 1/m"``; ``"cannot name it"`` where no known mistake gives these gradients.
      sentence: What was done and what is right.
      leaves: Names of the arrays whose gradients it explains.
      forward: Line of the forward that is differentiated wrongly, where it is known.
      backward: Line of the backward to change, where it is known.
      evidence: Why this finding is believed.
      mended: What is to stand in that line: a statement with which the gradients are right; empty where none was found.
    """

    name: str
    sentence: str
    leaves: tuple[str, ...] = ()
    forward: Where | None = None
    backward: Where | None = None
    evidence: tuple[str, ...] = ()
    mended: str = ""


UNNAMED = "cannot name it"


@dataclass(frozen=True)
class Report:
    """The outcome of a check; true where every gradient is right. ``str(report)`` is a page of text.

    Args:
      title: What was checked.
      oracle: What computed the right gradients, in words; empty where the program ended before.
      dtype: What the candidate computed in: ``"float64"`` or ``"float32"``.
      test_points: The results at each test point.
      findings: The mistakes.
      conventions: Admissible choices at points without a derivative, such as ``"relu'(0) = 0"``.
      notes: Remarks on what passed.
      seconds: Duration of the check.
      arrays: For each leaf with a wrong gradient ``(returned, right)``, float64 in the shape of the leaf.
    """

    title: str
    oracle: str
    dtype: str
    test_points: tuple[PointResult, ...]
    findings: tuple[Finding, ...]
    conventions: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    arrays: dict[str, tuple[np.ndarray, np.ndarray]] = field(repr=False, compare=False, default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every gradient is right."""
        return not self.findings and all(p.passed for p in self.test_points)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def leaves(self) -> tuple[LeafResult, ...]:
        """For each leaf its first wrong result or, where there is none, its worst decided one at the shapes given."""
        shown: dict[str, LeafResult] = {}
        for point in self.test_points:
            for leaf in point.leaves:
                old = shown.setdefault(leaf.name, leaf)
                ranks = [(x.verdict != "undecided", x.figures.rel_l2) for x in (old, leaf)]
                worse = leaf.shape == old.shape and ranks[1] > ranks[0]
                if old.verdict != "wrong" and (leaf.verdict == "wrong" or worse):
                    shown[leaf.name] = leaf
        return tuple(shown.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; numbers that JSON lacks are null."""

        def plain(x):
            if isinstance(x, float):
                return x if math.isfinite(x) else None
            if isinstance(x, dict):
                return {k: plain(v) for k, v in x.items()}
            return [plain(v) for v in x] if isinstance(x, list | tuple) else x

        def leaf(r):
            return {"name": r.name, "shape": list(r.shape), "verdict": r.verdict} | plain(asdict(r.figures))

        def point(p):
            return {"name": p.name, "passed": p.passed, "leaves": [leaf(r) for r in p.leaves]}

        return {
            "title": self.title, "passed": self.passed, "oracle": self.oracle, "dtype": self.dtype,
            "leaves": [leaf(r) for r in self.leaves], "test_points": [point(p) for p in self.test_points],
            "findings": [plain(asdict(f)) for f in self.findings], "conventions": list(self.conventions),
            "notes": list(self.notes), "seconds": self.seconds,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """The report that ``to_dict`` gave (from JSON); ``arrays`` are taken where they are beside it."""

        def leaf(r: dict[str, Any]) -> LeafResult:
            far = {k: math.inf if r[k] is None else r[k] for k in ("rel_l2", "max_error")}
            more = {k: math.nan if r[k] is None else r[k] for k in ("cosine", "ratio")}
            figures = Comparison(**far, at=tuple(r["at"]), **more)
            return LeafResult(r["name"], tuple(r["shape"]), figures, r["verdict"])

        def finding(f: dict[str, Any]) -> Finding:
            lines = {k: f[k] and Where(**f[k]) for k in ("forward", "backward")}
            return Finding(**{**f, **lines, "leaves": tuple(f["leaves"]), "evidence": tuple(f["evidence"])})

        points = (PointResult(p["name"], tuple(map(leaf, p["leaves"]))) for p in data["test_points"])
        arrays = {n: (np.asarray(got), np.asarray(want)) for n, (got, want) in data.get("arrays", {}).items()}
        return cls(
            data["title"], data["oracle"], data["dtype"], tuple(points), tuple(map(finding, data["findings"])),
            tuple(data["conventions"]), tuple(data["notes"]), data["seconds"], arrays,
        )  # fmt: skip

    def to_json(self) -> str:
        """``to_dict`` as one line of JSON."""
        return json.dumps(self.to_dict())

    def show(self, console: Any = None) -> None:
        """Print to a ``rich`` console (default: the terminal), in color where it has it."""
        from rich.console import Console

        _render(self, console or Console())

    def __str__(self) -> str:
        from rich.console import Console

        page = io.StringIO()
        _render(self, Console(file=page, width=110, color_system=None))
        return page.getvalue().rstrip()


_MARKS = {"exact": "[green]exact[/]", "close": "[yellow]close[/]", "convention": "[green]convention[/]",
          "undecided": "[yellow]undecided[/]", "wrong": "[bold red]wrong[/]"}  # fmt: skip


def _render(report: Report, console: Any) -> None:
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Column, Table
    from rich.text import Text

    if report.passed:
        console.print(f"[bold green]✓ {escape(report.title)}[/]: every gradient is right")
    else:
        said = {name for finding in report.findings for name in finding.leaves}
        wrong = sum(leaf.verdict == "wrong" or leaf.name in said for leaf in report.leaves)
        told = f"{wrong} of {len(report.leaves)} gradients are wrong" if wrong else "the gradients are not usable"
        console.print(f"[bold red]✗ {escape(report.title)}[/]: {told}")
    if report.oracle:
        console.print(Padding(Text(f"against {report.oracle} · {report.seconds:.1f} s", style="dim"), (0, 2)))
    if report.leaves:
        figures = [Column(name, justify="right") for name in ("rel-L2", "max error", "at", "cosine", "ratio")]
        table = Table("gradient of", "shape", *figures, "", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.header_style = "dim"
        for leaf in report.leaves:
            f = leaf.figures
            table.add_row(
                escape(leaf.name), str(leaf.shape), f"{f.rel_l2:.1e}", f"{f.max_error:.1e}",
                escape(str(f.at)) if f.max_error else "", _figure(f.cosine, "{:.4f}"), _figure(f.ratio, "{:.4g}"),
                _MARKS[leaf.verdict],
            )  # fmt: skip
        console.print(Padding(table, (0, 2)))
    points = [(escape(p.name), p.passed) for p in report.test_points]
    if points:
        words = [f"[green]{name}[/]" if passed else f"[bold red]{name} ✗[/]" for name, passed in points]
        console.print(Padding("test points: " + ", ".join(words), (0, 2)))
    for text in (*(f"convention: {c}" for c in report.conventions), *(f"note: {n}" for n in report.notes)):
        console.print(Padding(Text(text), (0, 2)))
    for k, finding in enumerate(report.findings, 1):
        console.print()
        style = "bold yellow" if finding.name == UNNAMED else "bold red"
        console.print(Padding(Text.assemble(f"{k}. ", (finding.name, style)), (0, 2)))
        console.print(Padding(Text(finding.sentence), (0, 5)))
        for label, where in (("change ", finding.backward), ("forward", finding.forward)):
            if where is not None:
                line = Text.assemble((f"{label} ", "dim"), (str(where), "bold"), "  ", (where.text, "cyan"))
                console.print(Padding(line, (0, 5)))
        for text in finding.evidence:
            console.print(Padding(Text.assemble(("evidence ", "dim"), text), (0, 5)))


def _figure(x: float, form: str) -> str:
    return form.format(x) if math.isfinite(x) else "-"
