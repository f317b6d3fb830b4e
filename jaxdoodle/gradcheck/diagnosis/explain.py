"""Findings in words: the mistake that explains the wrong leaves, or the evidence where none does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxdoodle.core.time_limit import TimeOutError
from jaxdoodle.gradcheck.compare import compare
from jaxdoodle.gradcheck.diagnosis.catalogue import BROADCASTS, IMPRECISE, NO_TERM, NOT_FINITE, PRECISE, sentence
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Evidence, Round, evidence_of
from jaxdoodle.gradcheck.diagnosis.locate import backward_line, before_scaling, computes, culprit_of, last_right, proven
from jaxdoodle.gradcheck.diagnosis.repairs.repair import Repair, mended_by, repairs
from jaxdoodle.gradcheck.diagnosis.search import Explanation, find_mistakes, unexplained
from jaxdoodle.gradcheck.report import UNNAMED, Finding
from jaxdoodle.gradcheck.setup.line_trace import Assignment
from jaxdoodle.gradcheck.setup.problem import why_it_ended
from jaxdoodle.gradcheck.setup.test_points import KINKS, LARGER, OTHER_NUMBERS, OTHER_SHAPES


def explanations(case: Case, ill: list[Round], before: list[Finding]) -> list[Finding]:
    """Explain the wrong leaves of a generic point, and confirm it at another."""
    solved = frozenset(n for f in before if f.name not in (UNNAMED, NOT_FINITE, BROADCASTS) for n in f.leaves)
    ill = [r for r in ill if all(np.isfinite(np.asarray(r.got[n], float)).all() for n in r.wrong)]
    if not ill:
        return []
    only_sizes = all(r.at.name.startswith("batch of") or r.at.name in (OTHER_SHAPES, LARGER) for r in ill)
    ill = sorted(ill, key=lambda r: (not r.at.name.startswith("random"), r.at.name.startswith(("batch", "other"))))
    r = ill[0]
    if same := mended_by(case, r, [n for n in r.wrong if n not in solved], case.known):
        finding, repair = same
        return [replace(finding, leaves=repair.leaves, evidence=(_proof(case, repair),))]
    evidence = _at(case, r, solved)
    found, rest = find_mistakes(evidence)
    points = 1
    if found and len(ill) > 1:
        confirmed = all(_confirmed(case, o, solved, found, rest) for o in _other_points(r, ill))
        if not confirmed and evidence.batch is not None:  # a factor that happened to be the batch size
            first = found, rest
            found, rest = find_mistakes(replace(evidence, batch=None))
            confirmed = all(_confirmed(case, o, solved, found, rest, by_size=False) for o in _other_points(r, ill))
            if not confirmed and not any(e.hypothesis.factor for e in first[0]):
                found, rest = first  # a part may not be recognized in fewer examples
                confirmed = _confirmed(case, ill[1], solved, found, rest)
        if not confirmed:
            found, rest = [], evidence
        points = 2
    if only_sizes and all(e.hypothesis.factor is not None for e in found):
        told = _with_repairs(case, r, [Finding(UNNAMED, "", tuple(r.wrong))])
        if any(f.name == UNNAMED for f in told):
            return [_size_as_number(case, r)]
        return [replace(f, name=_SIZE) if f.name == "wrong constant" else f for f in told]
    log = case.log(r) if found or rest.wrong else []
    findings = [finding_of(case, e, r, log, points) for e in found]
    misshapen = [n for n in r.wrong if n not in evidence.got and n not in solved]
    if rest.wrong or misshapen:
        findings.append(Finding(UNNAMED, "", (*rest.wrong, *misshapen)))
    findings = _with_repairs(case, r, findings, proven(evidence, log, found))
    findings = [f for f in findings if f.name != UNNAMED or not set(f.leaves) <= set(misshapen)]  # said before
    return [cannot_name(case, r, rest, log) if f.name == UNNAMED else f for f in findings]  # what takes long comes last


def _at(case: Case, r: Round, solved: frozenset[str]) -> Evidence:
    """The evidence at a point, where some leaves are explained already, or right by a convention."""
    evidence = evidence_of(case, r)
    return replace(evidence, solved=(solved | r.excused.keys()) & evidence.got.keys())


#: What is right at the sizes given alone.
_SIZE = "size written as a number"
#: Other points at which a name is confirmed, beside one of another size.
_CONFIRMING = 2
#: Relative distance up to which two factors are the same one, in float64 and where only differences are the reference.
_SAME = 1e-4


def _other_points(r: Round, ill: list[Round]) -> list[Round]:
    """Other points at which it is wrong: one with other sizes (2 may be a factor or the batch), and some with other
    values (where all happen to be negative, abs is the negative)."""
    others = sorted((o for o in ill if o is not r), key=lambda o: o.at.name in KINKS)
    values = [o for o in others if o.want.keys() == r.want.keys()][:_CONFIRMING]
    shapes = {n: w.shape for n, w in r.want.items()}
    differ = (o for o in others if {n: w.shape for n, w in o.want.items()} != shapes or o.at.name.startswith("batch"))
    return list({id(o): o for o in (next(differ, others[0]), *values)}.values())


def _confirmed(
    case: Case, r: Round, solved: frozenset[str], found: list[Explanation], rest: Evidence, by_size: bool = True
) -> bool:
    """Do the same mistakes explain another point?"""
    other = _at(case, r, solved)
    other = other if by_size else replace(other, batch=None)
    again, left = find_mistakes(other, only=frozenset(e.name for e in found))
    shapes = [(e.evidence.want[n].shape, other.want[n].shape) for e in found for n in e.leaves if n in other.want]
    if not r.at.name.startswith("batch") and r.at.name != OTHER_NUMBERS and all(a == b for a, b in shapes):
        factors = [e.hypothesis.factor for e in again if e.hypothesis.factor is not None]
        if {e.hypothesis.constant for e in again} != {e.hypothesis.constant for e in found}:
            return False
        if not all(any(np.isclose(f, e.hypothesis.factor, _SAME) for f in factors)
                   for e in found if e.hypothesis.factor is not None):  # fmt: skip
            return False  # a number that is another one for other values is a coincidence
    if len(again) > len(found):
        return False  # one mistake is not another number of them: twice 2 is 4 by coincidence
    return {e.name for e in again} == {e.name for e in found} and len(left.wrong) <= len(rest.wrong)


def _with_repairs(
    case: Case, r: Round, findings: list[Finding], right: frozenset[tuple[str, int]] = frozenset()
) -> list[Finding]:
    """The findings with the line and the mended statement of the repair that undoes them, where there is one."""
    wrong = [n for f in findings for n in f.leaves if n in r.wrong]
    imprecise = any(f.name in IMPRECISE for f in findings)
    try:
        near = [f.backward for f in findings if f.backward is not None]
        mended = repairs(case, r, list(dict.fromkeys(wrong)), not imprecise, near, right)
    except (Exception, TimeOutError) as error:  # edited code may raise anything, and take long: the names stand
        return [replace(f, evidence=(*f.evidence, f"no repair was found: {why_it_ended(error)}")) for f in findings]
    findings = [part for f in findings for part in _parted(f, mended)]
    for repair in _by_line(mended):
        named = [f for f in findings if f.name != UNNAMED and set(f.leaves) <= set(repair.leaves)]
        if named:  # one mistake, which one name tells in part
            findings = [f for f in findings if f.name != UNNAMED or not set(f.leaves) <= set(repair.leaves)]
        own = [f for f in findings if set(f.leaves) & set(repair.leaves)]
        proof = _proof(case, repair)
        for k, f in enumerate(findings):
            if f not in own or not set(f.leaves) <= set(repair.leaves):
                continue
            evidence = (*f.evidence, proof)
            if f.name in IMPRECISE or repair.name in PRECISE:
                told = sentence(repair.name, repair.where.text, repair.mended)
                evidence = (proof,) if f.name == UNNAMED else (f.sentence, *evidence)
                f = replace(f, name=repair.name, sentence=told)
            findings[k] = replace(f, backward=repair.where, mended=repair.mended, evidence=evidence)
    return findings


def _proof(case: Case, repair: Repair) -> str:
    names = ", ".join(map(case.problem.short, repair.leaves))
    at = f"at {repair.points} points" if repair.points > 1 else "at the one point tried"
    return f"with `{repair.mended}` there, the gradient of {names} is right {at}"


def mended_at(case: Case, r: Round, finding: Finding) -> Finding:
    """A finding that shows at one point alone: with the edit that is right there and elsewhere, where there is one."""
    told = _with_repairs(case, r, [Finding(UNNAMED, "", finding.leaves)])
    if len(told) != 1 or told[0].name == UNNAMED:
        return finding
    return replace(told[0], evidence=(*told[0].evidence, finding.sentence))


def _parted(f: Finding, mended: list[Repair]) -> list[Finding]:
    """What has no name and is mended in several places was several mistakes."""
    parts = [tuple(n for n in f.leaves if n in repair.leaves) for repair in mended]
    rest = tuple(n for n in f.leaves if not any(n in part for part in parts))
    if f.name != UNNAMED or any(len(part) == len(f.leaves) for part in parts) or not any(parts):
        return [f]
    return [replace(f, leaves=part) for part in (*parts, rest) if part]


def _by_line(mended: list[Repair]) -> list[Repair]:
    """What is mended in several places of one line is one mistake: the last statement has all of them."""
    found: dict[tuple[str, int], Repair] = {}
    for repair in mended:
        old = found.get((repair.where.file, repair.where.line))
        more = repair if old is None else replace(repair, leaves=(*old.leaves, *repair.leaves))
        found[repair.where.file, repair.where.line] = more
    return list(found.values())


def finding_of(case: Case, e: Explanation, r: Round, log: list[Assignment], points: int) -> Finding:
    h, evidence, short = e.hypothesis, e.evidence, case.problem.short
    pred = evidence.predict(h)
    gap = max((compare(evidence.got[n], pred[n], evidence.floor).rel_l2 for n in e.leaves), default=0.0)
    names = ", ".join(short(n) for n in e.leaves)
    at = f" at {points} points" if points > 1 else ""
    told = f"recomputed with this mistake, the gradient of {names} is the returned one"
    reasons = [f"{told} to {max(gap, 1e-16):.0e}{at}"]
    exact = [n for n in evidence.right if all(evidence.first_use(n) > evidence.first_use(o) for o in e.leaves)]
    if exact:
        reasons.append(f"nearer the output all is exact ({', '.join(map(short, exact))})")
    node = h.node
    if node is None and e.leaves and evidence.first_use(e.leaves[0]) < len(evidence.tape.nodes):
        node = evidence.first_use(e.leaves[0])
    told = _short(case, evidence, h.sentence)
    live = (i for i, cotangent in enumerate(evidence.cotangents) if cotangent is not None)
    forward = {evidence.tape.nodes[i].where for i in live}  # not what a loss computes for its gradient
    shared = {a.function for a in log if a.where in forward}  # what forward runs too is not where it went wrong
    own = [a for a in log if a.function not in shared]
    beside = [a for a in log if a.where not in forward]
    # a penalty's gradient is added where forward may have run, too
    first = beside if h.name.endswith(NO_TERM) else own
    logs = [a for a in first if computes(a.where)], own, beside, log
    line = next((where for part in logs if (where := backward_line(e, part)) is not None), None)
    if h.factor is None and line is not None:
        line = before_scaling(line, own)
    return Finding(h.name, told, e.leaves, evidence.line(node), line, tuple(reasons))


def _short(case: Case, evidence: Evidence, text: str) -> str:
    """The text with the short names of leaves."""
    for n in sorted(evidence.got, key=len, reverse=True):
        text = text.replace(n, case.problem.short(n))
    return text


def cannot_name(case: Case, r: Round, evidence: Evidence, log: list[Assignment]) -> Finding:
    """The evidence, and the last line of the backward that is still right."""
    short = case.problem.short
    reasons = [_short(case, evidence, reason) for reason in unexplained(evidence)]
    right, wrong = last_right(evidence, log)
    if right is not None:
        reasons.append(f"still right: `{right.name}` at {right.where}  {right.where.text}")
    names = ", ".join(map(short, evidence.wrong))
    told = f"no known mistake reproduces the gradient of {names}"
    culprit = culprit_of(case, r, evidence, log)
    if culprit is not None:
        index, wrong = culprit
        node = evidence.tape.nodes[index]
        figures = compare(np.asarray(wrong.value, float), evidence.cotangents[index], evidence.floor)
        told += f"; but `{wrong.name}` at {wrong.where} is where it begins"
        reasons.append(
            f"taken as the gradient of `{node.where.text if node.where else node.kind}`, it gives every wrong leaf; "
            f"against the right one: cosine {figures.cosine:.4f}, norm ratio {figures.ratio:.4g}"
        )
    if evidence.steps.ran_out or case.lines.ran_out:
        reasons.append("the search ran out before every known mistake was tried: a run takes very many operations")
    start = evidence.line(evidence.first_use(evidence.wrong[0])) if evidence.children else None
    change = None if wrong is None else wrong.where
    return Finding(UNNAMED, told, tuple(evidence.wrong), start, change, tuple(reasons))


def _size_as_number(case: Case, r: Round) -> Finding:
    told = (
        f"right for the arguments as given, wrong at {r.at.name!r}: a size of the given ones seems to be written as a "
        "constant, or one size used for another"
    )
    names = ", ".join(map(case.problem.short, r.wrong))
    return Finding(_SIZE, told, tuple(r.wrong), evidence=(f"wrong there: {names}",))
