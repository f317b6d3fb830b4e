"""What mended a function, tried where another one that is checked runs it: a network has the mistakes of its layers."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round
from jaxdoodle.gradcheck.diagnosis.repairs.edits import places_in
from jaxdoodle.gradcheck.diagnosis.repairs.repair import Repair, elsewhere
from jaxdoodle.gradcheck.diagnosis.repairs.rule import Edit
from jaxdoodle.gradcheck.diagnosis.repairs.runner import mends, runner_of
from jaxdoodle.gradcheck.diagnosis.repairs.sources import sources_of
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.problem import fixed_randomness


@fixed_randomness()
def mended_by(case: Case, r: Round, wrong: Sequence[str], known: Sequence[Finding]) -> tuple[Finding, Repair] | None:
    """The first of the findings whose mended statement, in its line, makes all that is wrong right."""
    if not known:
        return None
    run, points = runner_of(case, r), [r, *elsewhere(case, r)]
    right = [n for n in r.got if n not in wrong and r.verdict(n) != "wrong"]
    for source in sources_of(case, r, run):
        for finding in known:
            edit = _edit(source.tree, source.code.co_filename, finding)
            if edit and all(set(wrong) <= set(mends(run, source, edit, p, [*wrong], right)) for p in points):
                assert finding.backward is not None
                return finding, Repair(finding.name, tuple(wrong), finding.backward, finding.mended, len(points))
    return None


def _edit(function: ast.FunctionDef, file: str, finding: Finding) -> Edit | None:
    """What puts the mended statement in the place of the one in its line."""
    if finding.backward is None or finding.backward.file != file:
        return None
    line, new = finding.backward.line, ast.parse(finding.mended).body
    for place in places_in(function):
        old = place[-1]
        if isinstance(old, ast.stmt) and not hasattr(old, "body") and old.lineno <= line <= (old.end_lineno or 0):
            return Edit(finding.name, 0, *place, new[0]) if len(new) == 1 else None
    return None
