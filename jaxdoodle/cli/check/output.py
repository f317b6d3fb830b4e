"""Results of checks as lines, tables, CSV and one page of HTML."""

from __future__ import annotations

import csv
import html
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdoodle.core.files import write_atomically

if TYPE_CHECKING:
    from jaxdoodle.cli.check.results import FileResult
    from jaxdoodle.gradcheck import Report


def line_of(report: Report) -> str:
    names = "; ".join([f.name for f in report.findings] or report.notes)
    mark = "ok   " if report.passed else "FAIL "
    return f"{mark} {report.title}  {report.dtype}  {_worst(report)}  {names}".rstrip()


def show(results: Sequence[FileResult], seconds: float) -> None:
    """On a terminal a table of what was checked in both dtypes; the others, and what is wrong, in full."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    reports = [r for result in results for r in result.reports]
    for result in results:
        _show_reports(console, result)
    if len(results) > 1:
        table = Table("student", "file", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("right", "wrong", "not checked"):
            table.add_column(column, justify="right")
        table.add_column("")
        for r in results:
            counts = (len(r.reports) - r.wrong, r.wrong, len(r.open))
            table.add_row(escape(r.student), escape(str(r.path)), *map(str, counts), r.verdict)
        console.print(table)
    failed = [r for r in reports if not r.passed]
    ended = [r for r in results if r.ended]
    unfinished = [r for r in results if r.code == 2]
    style = "bold red" if failed or ended else "bold yellow" if unfinished else "bold green"
    told = f"{len(failed)} of {len(reports)} checks failed" if failed else f"all {len(reports)} checks passed"
    left = sum(len(r.open) for r in results) + sum(bool(r.error) and not r.empty for r in results)
    more = f", {left} not checked" if left else ""
    console.print(f"[{style}]{told}{more}[/] in {seconds:.0f} s")


def _show_reports(console: Any, result: FileResult) -> None:
    from rich.markup import escape
    from rich.table import Table

    rows: dict[str, list[Report]] = {}
    for report in result.reports:
        rows.setdefault(report.title, []).append(report)
    page = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    page.add_column("")
    page.add_column("checked", max_width=64)
    for column in ("float64", "float32", "points", "seconds"):
        page.add_column(column, justify="right")
    for title, pair in rows.items():
        if len(pair) == 2:
            page.add_row(
                "[green]✓[/]" if all(pair) else "[bold red]✗[/]", escape(title), *map(_worst, pair),
                str(sum(len(r.test_points) for r in pair)), f"{sum(r.seconds for r in pair):.1f}",
            )  # fmt: skip
    if console.is_terminal and page.row_count:
        console.print(page)
    for report in result.reports:
        if not report.passed or (console.is_terminal and len(rows[report.title]) == 1):
            report.show(console)
            console.print()
    for each in result.unchecked:
        mark = "note" if each.get("note") else "not checked"
        console.print(f"[yellow]{mark}[/] {escape(str(result.path))}:{each['line']}: {escape(each['reason'])}")
    told = [*result.notes, *([result.error] if result.error and not result.empty else [])]
    for text in told:
        console.print(f"[dim]{escape(text)}[/]")


def _worst(report: Report) -> str:
    errors = [leaf.figures.rel_l2 for p in report.test_points for leaf in p.leaves if leaf.verdict != "convention"]
    return f"{max(errors):.1e}" if errors else "-"


_COLUMNS = ("student", "file", "name", "line", "verdict", "mistake", "change_line", "detail")


def _rows(results: Sequence[FileResult]) -> Iterator[tuple[Any, ...]]:
    for result in results:
        head = result.student, str(result.path)
        for report, line in zip(result.reports, result.lines, strict=True):
            if report.passed:
                yield (*head, report.title, line, "right", "", "", "")
            for finding in report.findings:
                change = finding.backward.line if finding.backward else ""
                yield (*head, report.title, line, "wrong", finding.name, change, finding.sentence)
            if not report.passed and not report.findings:
                yield (*head, report.title, line, "wrong", "", "", "")
        for each in result.unchecked:
            yield (*head, each["name"], each["line"], "not checked", "", "", each["reason"])
        if result.error or not (result.reports or result.unchecked):
            yield (*head, "", "", result.verdict, "", "", result.error or "")


def write_csv(results: Sequence[FileResult], path: Path) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for row in _rows(results):
        # a cell that begins like a formula is text, in spreadsheets too
        table.writerow([f"'{v}" if isinstance(v, str) and v[:1] in ("=", "+", "-", "@") else v for v in row])
    _write(path, text.getvalue())


def page_of(results: Sequence[FileResult]) -> str:
    """One page without scripts: a table of all files, then each file's reports as they are printed."""
    counts = Counter(r.verdict for r in results)
    rows, parts = [], []
    for k, r in enumerate(results):
        name, verdict = html.escape(str(r.path)), html.escape(r.verdict)
        rows.append(
            f'<tr class="v{r.code}"><td>{html.escape(r.student)}<td><a href="#f{k}">{name}</a>'
            f"<td>{len(r.reports) - r.wrong}<td>{r.wrong}<td>{len(r.open)}<td>{verdict}"
        )
        texts = [str(report) for report in r.reports]
        texts += [f"not checked: line {u['line']}: {u['reason']}" for u in r.unchecked]
        texts += [*r.notes, *([r.error] if r.error else [])]
        texts += [f"printed:\n{r.printed.strip()}"] if r.printed.strip() else []
        body = "".join(f"<pre>{html.escape(text)}</pre>" for text in texts)
        parts.append(f'<h2 id="f{k}" class="v{r.code}">{name}: {verdict}</h2>{body}')
    summary = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    held = "; ".join(dict.fromkeys(p for r in results for p in r.protection))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Gradient check</title><style>'
        "body{font:15px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
        "td,th{padding:.2em .8em;text-align:left}"
        "pre{background:#f4f4f4;padding:.8em;overflow:auto;white-space:pre-wrap}"
        "tr.v0 td:last-child,h2.v0{color:#17702b}tr.v1 td:last-child,h2.v1{color:#b00020}"
        "tr.v2 td:last-child,h2.v2{color:#8a5a00}"
        f"</style><h1>Gradient check</h1><p>{html.escape(summary)}.<table><tr><th>student<th>file<th>right<th>wrong"
        f"<th>not checked<th>{''.join(rows)}</table>{''.join(parts)}<p><small>Each file ran in a process of its own: "
        f"{html.escape(held)}.</small></html>\n"
    )


def write_page(results: Sequence[FileResult], path: Path) -> None:
    _write(path, page_of(results))


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda name: Path(name).write_text(text, encoding="utf-8", newline=""))
