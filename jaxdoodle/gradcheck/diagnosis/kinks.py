"""Points without a derivative, in a check: conventions accepted or demanded, and what is wrong there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.autograd.tape import Node, Step
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Evidence, Hypothesis, Rank, Round, evidence_of
from jaxdoodle.gradcheck.diagnosis.explain import cannot_name, finding_of
from jaxdoodle.gradcheck.diagnosis.limits import guard_is_active
from jaxdoodle.gradcheck.diagnosis.locate import backward_line
from jaxdoodle.gradcheck.diagnosis.mistakes.parts import max_step, share_of, times
from jaxdoodle.gradcheck.diagnosis.search import Explanation, find_mistakes
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.gradcheck.setup.test_points import KINKS

#: What a caller may demand: ``{"relu": 0, "max": "first"}``.
CHOICES: dict[str, tuple] = {"relu": (0.0, 1.0, 0.5), "abs": (0.0, 1.0, -1.0), "max": ("first", "last", "even")}


#: Activations that may have no derivative at 0.
_KINKED = ("relu", "leaky relu", "elu", "absolute value")


def validate(demand: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in demand.items():
        if key not in CHOICES or value not in CHOICES[key]:
            known = "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in CHOICES.items())
            raise CheckError(f"demand takes {known}; got {key}: {value}")
    return dict(demand)


def in_words(choice: Mapping[str, Any]) -> list[str]:
    words = {"relu": "relu'(0) = {:g}", "abs": "abs'(0) = {:g}"}
    ties = {"first": "a tie of maxima goes to the first", "last": "a tie of maxima goes to the last",
            "even": "a tie of maxima is shared evenly"}  # fmt: skip
    return [ties[v] if k == "max" else words[k].format(v) for k, v in choice.items()]


def touched_kinks(evidence: Evidence) -> dict[str, list[tuple[int, Callable[[Any], Step]]]]:
    """For each kind of kink that this point touches: the nodes, and their step under a choice."""
    found: dict[str, list[tuple[int, Callable[[Any], Step]]]] = {}
    for part in evidence.found:
        x = evidence.tape.nodes[part.x].value
        if part.kind == "activation" and part.name in _KINKED and (x == 0).any():
            kind = "abs" if part.name == "absolute value" else "relu"
            found.setdefault(kind, []).append((part.y, _at_zero(part, x, kind)))
    for index, node in enumerate(evidence.tape.nodes):
        if node.kind == "max" and evidence.tape.alive(index) and share_of(node, "all").sum() > node.value.size:
            found.setdefault("max", []).append((index, partial(_tie, node)))
    return found


def _at_zero(part: Part, x: np.ndarray, kind: str) -> Callable[[Any], Step]:
    slope = part.about["act"].slope
    low = float(slope(np.array(-1e-12)))  # just below

    def choose(choice):
        at_zero = low + (1 - low) * choice if kind == "relu" else choice
        return times(part.x, np.where(x == 0, at_zero, slope(x)))

    return choose


def _tie(node: Node, ties: str) -> Step:
    return max_step(node, share_of(node, ties))


def matching_choice(evidence: Evidence) -> dict[str, Any] | None:
    """The choices under which the returned gradients are right; ``None`` where no admissible choice gives them.

    A kind of kink whose choice makes no difference is left out.
    """
    table = touched_kinks(evidence)
    choices = (dict(zip(table, values, strict=True)) for values in product(*(CHOICES[k] for k in table)))
    given = ((choice, evidence.predict(_chosen(table, choice))) for choice in choices)
    fitting = [choice for choice, pred in given if all(evidence.agrees(n, v) for n, v in pred.items())]
    if not fitting:
        return None
    return {kind: fitting[0][kind] for kind in table if len({c[kind] for c in fitting}) < len(CHOICES[kind])}


def _chosen(table: dict, choice: Mapping[str, Any]) -> Hypothesis:
    """The choice as a hypothesis."""
    changes = {node: step(choice[k]) for k, pairs in table.items() if k in choice for node, step in pairs}
    return Hypothesis("", "", Rank.PLACE, changes)


# -- at the kinks of one check -----------------------------------------------------------------------------------------


def at_kinks(case: Case, said: set[str]) -> tuple[list[str], list[Finding]]:
    """Blank input and ties: which convention, or which error."""
    told: list[str] = []
    findings: list[Finding] = []
    for r in case.rounds:
        if r.at.name not in KINKS:
            continue
        wrong = [n for n in r.wrong if n not in said]
        if r.wrong and not wrong or not wrong and not case.demand and (r.at.name == "as given" or case.by_jax):
            continue
        evidence = evidence_of(case, r)
        kinds_of = [n.kind for n in evidence.tape.nodes]
        alike = [m for m in (*case.models, evidence) if m.children and [n.kind for n in m.tape.nodes] == kinds_of]
        if len(alike) < 2:
            continue
        known = {(p.kind, p.y): p for m in reversed(alike) for p in m.found}
        evidence = replace(evidence, parts=list(known.values()))
        kinds = touched_kinks(evidence)
        choice = matching_choice(evidence) if kinds else None
        if choice is not None:
            r.excused |= {n: "convention" for n in r.wrong}
            told += in_words(choice)
            findings += _demanded(case, choice, r, evidence)
        elif r.wrong:
            if guard_is_active(case, r):
                r.excused |= {n: "undecided" for n in r.wrong}
            else:
                findings += _wrong_at_kink(case, r, evidence)
    return told, findings


def _demanded(case: Case, choice: dict[str, Any], r: Round, evidence: Evidence) -> list[Finding]:
    findings = []
    for kind, want in case.demand.items():
        if kind in choice and choice[kind] != want:
            is_, should = in_words({kind: choice[kind]})[0], in_words({kind: want})[0]
            name = "relu' >= 0" if (kind, choice[kind]) == ("relu", 1.0) else "another convention at a kink"
            said = " (z >= 0 is written for z > 0)" if name == "relu' >= 0" else ""
            wrong = tuple(n for n in r.got if r.excused.get(n) == "convention") or tuple(r.got)
            chosen = Explanation(_chosen(touched_kinks(evidence), choice), tuple(evidence.got), evidence)
            line = backward_line(chosen, case.log(r))
            findings.append(Finding(name, f"{is_}{said}; demanded is: {should}", wrong, backward=line))
            r.excused |= {n: "wrong" for n in wrong if r.figures[n].rel_l2 > r.exact}
    return findings


def _wrong_at_kink(case: Case, r: Round, evidence: Evidence) -> list[Finding]:
    found, rest = find_mistakes(evidence)
    log = case.log(r)
    findings = [finding_of(case, e, r, log, 1) for e in found]
    if rest.wrong and not findings:
        findings.append(cannot_name(case, r, rest, log))
    told = f"generic points are right; it shows at {r.at.name!r} only"
    return [replace(f, evidence=(*f.evidence, told)) for f in findings]
