"""``python -m experiments.table``: the README's results, made from the committed records and from nothing else.

For each experiment the report's own recipe, and of the other variants the one that is best on validation (on test
where there is no validation set, and then, if there was a choice, it is marked so).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"
HEADER = (
    "| experiment | variant | parameters | set | report | here: right of total, mean of n | % lowest to highest | n |"
)


def markdown(records: Path = RECORDS) -> str:
    """The table, a row for each variant and test set."""
    rows = [HEADER, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for path in sorted(records.glob("*/record.json")):
        record = json.loads(path.read_text())
        if "variants" in record:
            rows += _rows(record)
    return "\n".join(rows)


def _rows(record: dict[str, Any]) -> Iterator[str]:
    first, *others = record["variants"]
    best = max(others, key=lambda name: _rank(record["variants"][name]["runs"]), default=None)
    for name in [first] + ([best] if best else []):
        runs = record["variants"][name]["runs"]
        for set_name in runs[0]["scores"]:
            if set_name in ("train", "validation"):
                continue
            correct = [run["scores"][set_name]["correct"] for run in runs]
            total = runs[0]["scores"][set_name]["total"]
            claim = record["claims"].get(set_name) if name == first else None
            cells = (
                f"`{record['experiment']}`",
                name + (" (chosen on test)" if name == best and len(others) > 1 and not _validated(runs) else ""),
                f"{runs[0]['parameters']:,}",
                set_name,
                f"{100 * claim:.2f} %" if claim else "",
                f"{statistics.mean(correct):,.1f} of {total:,}: {100 * statistics.mean(correct) / total:.2f} %",
                f"{100 * min(correct) / total:.2f} to {100 * max(correct) / total:.2f}",
                str(len(runs)),
            )
            yield f"| {' | '.join(cells)} |"


def _validated(runs: list[dict[str, Any]]) -> bool:
    return "validation" in runs[0]["scores"]


def _rank(runs: list[dict[str, Any]]) -> float:
    chosen_on = "validation" if _validated(runs) else "test"
    return statistics.mean(run["scores"][chosen_on]["correct"] / run["scores"][chosen_on]["total"] for run in runs)


if __name__ == "__main__":
    print(markdown())
