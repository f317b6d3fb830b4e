"""Points without a derivative, in a check: conventions accepted or demanded, and what is wrong there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.diagnosis import conventions
from jaxdoodle.gradcheck.diagnosis.case import Case, Round, scene_of
from jaxdoodle.gradcheck.diagnosis.evidence import Hypothesis, Scene
from jaxdoodle.gradcheck.diagnosis.explain import cannot_name, finding_of
from jaxdoodle.gradcheck.diagnosis.locate import backward_line
from jaxdoodle.gradcheck.diagnosis.search import Explanation, diagnose
from jaxdoodle.gradcheck.report import UNNAMED, Finding


def at_kinks(case: Case, said: set[str]) -> tuple[list[str], list[Finding]]:
    """Blank input and ties: which convention, or which error."""
    told: list[str] = []
    findings: list[Finding] = []
    for r in case.rounds:
        if r.probe.name not in ("as given", "blank input", "ties"):
            continue
        wrong = [n for n in r.wrong if n not in said]
        if r.wrong and not wrong or not wrong and (r.probe.name == "as given" or not case.demand and case.by_jax):
            continue
        scene = scene_of(case, r)
        alike = [m for m in (*case.models, scene) if _same_program(m, scene)]
        if len(alike) < 2:
            if r.wrong:
                r.excused |= {n: "undecided" for n in r.wrong}
                told.append(f"undecided at {r.probe.name!r}: the forward could not be followed to its kinks")
            continue
        known = {(p.kind, p.y): p for m in reversed(alike) for p in m.found}
        scene = replace(scene, parts=list(known.values()))
        kinds = conventions.kinks(scene)
        choice = conventions.match(scene) if kinds else None
        if choice is not None:
            r.excused |= {n: "convention" for n in r.wrong}
            told += conventions.told(choice)
            findings += _demanded(case, choice, r, scene)
        elif r.wrong:
            more = _wrong_at_kink(case, r, scene)
            if _other_ties(scene) and all(f.name == UNNAMED for f in more):
                r.excused |= {n: "undecided" for n in r.wrong}
                told.append(f"undecided at {r.probe.name!r}: a kink of the forward is not known")
            else:
                findings += more
    return told, findings


def _other_ties(scene: Scene) -> bool:
    """Does a maximum, minimum or absolute value sit on its kink outside the parts that are known?"""
    inside = {i for p in scene.found for i in range(p.x + 1, p.y + 1)}
    for index, node in enumerate(scene.tape.nodes):
        if index in inside or not scene.tape.alive(index):
            continue
        if node.kind in ("maximum", "minimum") and np.any(node.inputs[0] == node.inputs[1]):
            return True
        if node.kind == "absolute" and np.any(node.inputs[0] == 0):
            return True
    return False


def _same_program(a: Scene, b: Scene) -> bool:
    return bool(a.children) and [n.kind for n in a.tape.nodes] == [n.kind for n in b.tape.nodes]


def _chosen(scene: Scene, choice: dict[str, Any]) -> Explanation:
    """The choice as a hypothesis, to look for its line."""
    changes = {n: s(choice[k]) for k, pairs in conventions.kinks(scene).items() if k in choice for n, s in pairs}
    return Explanation(Hypothesis("", "", 0, changes), tuple(scene.got), scene)


def _demanded(case: Case, choice: dict[str, Any], r: Round, scene: Scene) -> list[Finding]:
    findings = []
    for kind, want in case.demand.items():
        if kind in choice and choice[kind] != want:
            is_, should = conventions.told({kind: choice[kind]})[0], conventions.told({kind: want})[0]
            name = "relu' >= 0" if (kind, choice[kind]) == ("relu", 1.0) else "another convention at a kink"
            said = " (z >= 0 is written for z > 0)" if name == "relu' >= 0" else ""
            wrong = tuple(n for n in r.got if r.excused.get(n) == "convention") or tuple(r.got)
            scene_line = backward_line(_chosen(scene, choice), case.log(r))
            findings.append(Finding(name, f"{is_}{said}; demanded is: {should}", wrong, backward=scene_line))
            r.excused |= {n: "wrong" for n in wrong if r.figures[n].rel_l2 > r.exact}
    return findings


def _wrong_at_kink(case: Case, r: Round, scene: Scene) -> list[Finding]:
    for h in conventions.hypotheses(scene):
        pred = scene.predict(h)
        if all(scene.agrees(n, pred[n]) for n in scene.got):
            e = Explanation(h, tuple(r.wrong), scene)
            return [finding_of(case, e, r, case.log(r), 1)]
    found, rest = diagnose(scene)
    log = case.log(r)
    findings = [finding_of(case, e, r, log, 1) for e in found]
    if rest.wrong and not findings:
        findings.append(cannot_name(case, rest, log))
    return [
        replace(f, evidence=(*f.evidence, f"generic points are right; it shows at {r.probe.name!r} only"))
        for f in findings
    ]
