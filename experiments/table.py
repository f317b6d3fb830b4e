"""``python -m experiments.table``: the tables of README.md, made from the committed records and from nothing else."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.speed.runtimes import JAXDOODLE
from jaxdoodle.core.record import Record
from jaxdoodle.metrics import mean_interval

__all__ = [
    "RECORDS",
    "ablation_table",
    "abstention_table",
    "inference_table",
    "outliers_table",
    "pages_table",
    "preprocessing_table",
    "results_table",
    "several_table",
    "training_table",
]

RECORDS = Path(__file__).parent / "records"
_ORDER = ("W1", "W2-32", "W2-128", "W3", "W4")
RESULTS = ("experiment", "variant", "parameters", "set", "report", "here: correct of total, mean of n",
           "% lowest to highest", "mean recall", "n")  # fmt: skip


def results_table(records: Path = RECORDS) -> str:
    """A row for each report, variant and test set.

    Of each experiment it shows the report's own recipe, and of the other variants the one that is best on validation
    (on test where there is no validation set; then, if there was a choice, it is marked so).
    """
    rows: list[Sequence[str]] = []
    for path in sorted(records.glob("*/record.json")):
        record = Record.read(path)
        if record.runs and "reported" in record.extra:
            rows += _results(record)
    return _markdown(RESULTS, rows)


def _results(record: Record) -> Iterator[tuple[str, ...]]:
    first, *others = record.runs
    best = [max(others, key=_rank)] if others else []
    for variant in [first, *best]:
        runs = variant.runs
        for set_name in runs[0].scores:
            if set_name in ("train", "validation"):
                continue
            correct = [run.scores[set_name]["correct"] for run in runs]
            total = runs[0].scores[set_name]["total"]
            reported = record.extra["reported"].get(set_name) if variant is first else None
            chosen_on_test = variant is not first and len(others) > 1 and not _validated(variant)
            yield (
                f"`{record.name}`",
                variant.name + (" (chosen on test)" if chosen_on_test else ""),
                f"{variant.extra['parameters']:,}",
                set_name,
                f"{100 * reported:.2f} %" if reported else "",
                f"{statistics.mean(correct):,.1f} of {total:,}: {100 * statistics.mean(correct) / total:.2f} %",
                f"{100 * min(correct) / total:.2f} to {100 * max(correct) / total:.2f}",
                _mean_recall([run.scores[set_name] for run in runs]),
                str(len(runs)),
            )


def _mean_recall(scores: Sequence[Mapping[str, Any]]) -> str:
    """The mean over the runs: as a record has it, or from its counts by class; empty where it has neither."""
    if all("mean_recall" in score for score in scores):
        found = [score["mean_recall"] for score in scores]
    elif all("total_by_class" in score for score in scores):
        shares = [zip(score["correct_by_class"], score["total_by_class"], strict=True) for score in scores]
        found = [statistics.mean(correct / total for correct, total in share if total) for share in shares]
    else:
        return ""
    return f"{100 * statistics.mean(found):.2f} %"


def _validated(variant: Record) -> bool:
    return "validation" in variant.runs[0].scores


def _rank(variant: Record) -> float:
    chosen_on = "validation" if _validated(variant) else "test"
    return statistics.mean(run.scores[chosen_on]["correct"] / run.scores[chosen_on]["total"] for run in variant.runs)


def training_table(records: Path = RECORDS) -> str:
    """Seconds a round of jaxdoodle, its share of the matmul peak, and how many times as long each peer takes."""
    record = Record.read(records / "speed" / "training.json")
    found = [record.run(name) for name in _ORDER]
    peers = [run.name for run in found[0].runs if not run.name.startswith("jaxdoodle")]
    rows = []
    for workload in found:
        seconds = {run.name: statistics.median(run.extra["seconds"]) for run in workload.runs}
        fastest = min(value for name, value in seconds.items() if name in JAXDOODLE)
        peak = workload.config["flops"] / fastest / record.extra["peak_flops"]
        times = [f"{seconds[peer] / fastest:.2f}" if peer in seconds else "" for peer in peers]
        title = f"{workload.name}: {workload.config['title']}, {workload.config['images']:,} images"
        rows.append([title, f"{fastest:.2f} s", f"{peak:.0%}".replace("%", " %"), *times])
    return _markdown(("workload", "jaxdoodle", "of matmul peak", *peers), rows)


def inference_table(records: Path = RECORDS) -> str:
    """Times of the NumPy network as multiples of onnxruntime's with one thread."""
    networks = Record.read(records / "speed" / "inference.json").run("W5").runs
    measured = {
        "one image": lambda extra: extra["warm_seconds"]["1"],
        "256 images": lambda extra: extra["warm_seconds"]["256"],
        "process start to first answer, by the clock": lambda extra: extra["cold_seconds"],
        "the same, processor time": lambda extra: extra["cold_processor_seconds"],
    }
    rows = []
    for title, seconds_of in measured.items():
        pairs = (
            [network.run(name) for name in ("jaxdoodle (NumPy)", "onnxruntime, one thread")] for network in networks
        )
        medians = [[statistics.median(seconds_of(run.extra)) for run in pair] for pair in pairs]
        rows.append([title, *(f"{numpy / peer:.2f}" for numpy, peer in medians)])
    return _markdown(("", *(network.name for network in networks)), rows)


def preprocessing_table(records: Path = RECORDS) -> str:
    """Correct images as published, and after preprocessing of any canvas: means of the networks."""
    sets = Record.read(records / "preprocessing" / "record.json").runs
    conditions = {one.name: {row["name"]: row for row in one.extra["conditions"]} for one in sets}
    first, *_ = conditions.values()
    goals = list(first)[:2]
    rows = [
        [
            "bitmaps as published",
            *(f"{statistics.mean(found[goals[0]]['published']):,.1f}" for found in conditions.values()),
        ]
    ]
    rows += [
        [goal, *(f"{statistics.mean(found[goal]['preprocessed']):,.1f}" for found in conditions.values())]
        for goal in goals
    ]
    return _markdown(("", *conditions), rows)


def pages_table(record: Record) -> str:
    """Of each kind of page: right / wrong with confidence / wrong / refused."""
    sets = {one.name: {row["name"]: row for row in one.extra["kinds"]} for one in record.runs}
    kinds = next(iter(sets.values()))
    rows = [
        [
            kind,
            *(" / ".join(str(of[kind][key]) for key in ("right", "sure", "wrong", "refused")) for of in sets.values()),
        ]
        for kind in kinds
    ]
    return _markdown(("", *sets), rows)


#: Titles of columns -> the kinds of images that they show: none of the networks has both.
_KINDS = {"digits or doodles": ("doodles", "digits")} | {
    kind.replace("_", " "): (kind,) for kind in ("other_doodles", "scribbles", "noise", "blank_pages")
}
_SCORES = ("energy", "largest_logit")


def abstention_table(record: Record) -> str:
    """A row for each network: means over the seeds, by energy / by largest logit; in brackets the AUROC."""
    titles = ["network", "calibration error, fitted", "in-distribution kept", *(f"{kind} abstained" for kind in _KINDS)]
    return _markdown(titles, [[net.name, *_abstention([run.extra for run in net.runs])] for net in record.runs])


def _abstention(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    def shares(counts: Sequence[dict[str, int]]) -> str:
        means = (statistics.mean(one[score] / one["total"] for one in counts) for score in _SCORES)
        return " / ".join(f"{100 * share:.1f}" for share in means) + " %"

    errors = (statistics.mean(run["calibration"][when]["error"] for run in runs) for when in ("before", "after"))
    yield ", ".join(f"{100 * error:.2f} %" for error in errors)
    yield shares([run["in_distribution_kept"] for run in runs])
    for kinds in _KINDS.values():
        if not (shown := [kind for kind in kinds if kind in runs[0]["abstained"]]):
            yield ""
        for kind in shown:
            areas = (statistics.mean(run["auroc"][kind][score] for run in runs) for score in _SCORES)
            areas_text = " / ".join(f"{area:.3f}" for area in areas)
            yield f"{shares([run['abstained'][kind] for run in runs])} ({areas_text})"


def outliers_table(record: Record) -> str:
    """A row for each network: means over the seeds of accuracy, test drawings kept, and what is refused by kind."""
    kinds = list(dict.fromkeys(kind for net in record.runs for kind in net.runs[0].extra["refused"]))
    titles = ["network", "accuracy", "own kept", *(kind.replace("_", " ") for kind in kinds), "n"]
    return _markdown(titles, [[net.name, *_outliers(net.runs, kinds), str(len(net.runs))] for net in record.runs])


def _outliers(runs: Sequence[Record], kinds: Sequence[str]) -> Iterator[str]:
    def share(part: str, counts: Sequence[Mapping[str, Any]]) -> str:
        return f"{100 * statistics.mean(one[part] / one['total'] for one in counts):.1f} %"

    yield f"{100 * statistics.mean(one.scores['test']['correct'] / one.scores['test']['total'] for one in runs):.2f} %"
    yield share("kept", [one.extra["own"] for one in runs])
    for kind in kinds:
        counts = [one.extra["refused"][kind] for one in runs if kind in one.extra["refused"]]
        yield share("refused", counts) if counts else ""


def ablation_table(record: Record) -> str:
    """A row for each recipe: its mean, and how much more than the first it has by pairs of seeds, with an interval."""
    shares = {
        row.name: [100 * run.scores["test"]["correct"] / run.scores["test"]["total"] for run in row.runs]
        for row in record.runs
    }
    whole = next(iter(shares.values()))
    rows = []
    for name, of in shares.items():
        cells = [name, f"{statistics.mean(of):.2f} %", str(len(of))]
        if of is whole:
            rows.append([*cells, ""])
            continue
        gains = [one - other for one, other in zip(of, whole, strict=True)]
        lower, upper = mean_interval(gains)
        rows.append([*cells, f"{statistics.mean(gains):+.2f} ({lower:+.2f} to {upper:+.2f})"])
    return _markdown(("recipe", "right, mean of n", "n", "points more than the whole (95 % interval)"), rows)


def several_table(record: Record) -> str:
    """A row for each kind of paper: pages divided and read right, digits right in those, of several answered as one."""
    titles = ("paper", "pages", "divided", "read", "digits right", "several answered as one")
    rows = []
    for kind in record.runs:
        counts = Counter(kind.extra["counts"])
        shares = ((counts[name], counts["pages"]) for name in ("divided", "read"))
        digits = (counts["right"], counts["digits"]), (counts["of_several_answered_as_one"], counts["of_several"])
        cells = [f"{part:,} of {total:,}: {100 * part / max(total, 1):.1f} %" for part, total in (*shares, *digits)]
        rows.append([kind.name, f"{counts['pages']:,}", *cells])
    return _markdown(titles, rows)


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


if __name__ == "__main__":
    print(results_table(), training_table(), inference_table(), preprocessing_table(), sep="\n\n")
    print("\n" + abstention_table(Record.read(RECORDS / "abstention" / "record.json")))
