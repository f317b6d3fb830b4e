"""What the checker said of one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdoodle.gradcheck import Report


@dataclass
class FileResult:
    """What came of one file: ``error`` is a line where nothing, or not everything, could be checked."""

    path: Path
    student: str
    reports: list[Report] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    unchecked: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    ended: bool = False  # before everything was checked
    empty: bool = False
    printed: str = ""
    protection: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        return sum(not r.passed for r in self.reports)

    @property
    def open(self) -> list[dict[str, Any]]:
        """What looks checkable and could not be checked."""
        return [u for u in self.unchecked if not u.get("note")]

    @property
    def code(self) -> int:
        """1: something is wrong; 2: something could not be checked; 0: everything is right."""
        return 1 if self.wrong or self.ended else 2 if self.open or (self.error and not self.empty) else 0

    @property
    def verdict(self) -> str:
        words = {0: "right" if self.reports else "nothing to check", 1: "wrong" if self.wrong else "ended early"}
        return words.get(self.code, "not checked" if not self.reports else "in part not checked")

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.path), "student": self.student, "verdict": self.verdict, "error": self.error,
            "checks": [r.to_dict() | {"line": n} for r, n in zip(self.reports, self.lines, strict=True)],
            "unchecked": self.unchecked, "notes": self.notes, "printed": self.printed, "protection": self.protection,
        }  # fmt: skip
