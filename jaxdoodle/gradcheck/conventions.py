"""What is wrong as a derivative and right by a convention that its author may declare."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from jaxdoodle.gradcheck.diagnosis.catalogue import MISSING_MEAN
from jaxdoodle.gradcheck.diagnosis.evidence import Case, Round, batch_of, evidence_of
from jaxdoodle.gradcheck.diagnosis.neighbors import is_admissible, only_at_the_kink
from jaxdoodle.gradcheck.report import Finding
from jaxdoodle.gradcheck.setup.leaves import leaves
from jaxdoodle.gradcheck.setup.line_trace import line_of
from jaxdoodle.gradcheck.setup.problem import CheckError, Problem, run_forward
from jaxdoodle.gradcheck.setup.test_points import KINKS

#: What code may follow on purpose, declared by ``conventions``; "mean of some": "batch mean", or the sum for some;
#: "passed through": "straight through", entry by entry the incoming gradient or nothing; "batch sum": of a mean;
#: "reversed": of what is passed on, times a negative number, as domain adversarial training has it (Ganin 2016);
#: "rule": the function has a rule of its own; where it is the identity, that may be there for its gradient alone.
CONVENTIONS = ("batch mean", "batch sum", "mean of some", "straight through", "passed through", "reversed", "ties",
               "rule")  # fmt: skip
KINK = "kink"
#: Convention -> what the report says of it.
_MEANING = {
    "batch mean": "the mean over the batch is taken in this backward, as some courses write it",
    "batch sum": "the gradient is that of the sum over the batch, where the forward takes the mean",
    "straight through": "the gradient passes a step straight through",
    "surrogate": "what is there in place of a step's derivative, which is 0, is not checked",
    "reversed": "the gradient is reversed",
    "rule": "what an identity has in place of its gradient is not checked",
    "ties": "at a tie, every largest entry takes the whole gradient",
}

#: Convention -> what it is called, and what is said, where it is not declared.
_MISTAKEN = {
    "batch mean": ("double 1/m", "the gradient of {} is divided by the number of examples; right is the sum over them"),
    "no batch mean": (
        MISSING_MEAN, "the gradient of {} is the sum over the batch, where that of other parameters is the mean"),
    "straight through": (
        "gradient of a step", "the forward is a step in {}: its derivative is 0, and backward passes a gradient"),
}  # fmt: skip


def by_convention(case: Case, declared: Collection[str]) -> dict[str, list[str]]:
    """What is wrong as a derivative and right by a convention: excused where that is declared (or where it shows at
    ties alone). Gives the remarks for the report under ``""``, and by leaf the conventions that could be declared."""
    conventions = _Conventions(case, frozenset(declared))
    for name in dict.fromkeys(n for r in case.rounds for n in r.wrong if r.got[n].shape == r.want[n].shape):
        if conventions.is_wrong_everywhere(name):
            conventions.look_for_one(name)
        elif not any(name in r.wrong for r in conventions.generic):
            conventions.look_at_kinks(name)
    conventions.refuse_identities()
    conventions.refuse_surrogates()
    return conventions.with_means()


class _Conventions:
    """The conventions by which one check is right; ``told`` is what ``by_convention`` gives."""

    def __init__(self, case: Case, declared: frozenset[str]):
        self.case, self.declared = case, declared
        self.generic = [r for r in case.rounds if not r.at.special and r.at.name != "as given"] or case.rounds
        self.told: dict[str, list[str]] = {}
        self.passes_steps = False  # a gradient of a step is the incoming one, and declared so
        self.means: dict[str, list[Round]] = {}

    def is_wrong_everywhere(self, name: str) -> bool:
        """At every generic point but those where it cannot be: of one example, of which a mean is the sum."""
        sizes = self._sizes(name)
        return all(name in r.wrong or sizes.get(id(r)) == 1 or self._is_step(name) for r in self.generic)

    def look_for_one(self, name: str) -> None:
        """Excuse what a declared convention explains; else tell which would."""
        wrong, offer = self._rounds_wrong(name), self._offer(name)
        if offer == "batch mean" and {offer, "mean of some"} & self.declared:
            self.means[name] = wrong  # whether of all is known when all were looked at
        elif (convention := self._declared_one(name, offer)) is not None:
            self._excuse(wrong, name, convention)
        elif offer == "straight through" and "passed through" in self.declared and _passed_on(self.generic, name):
            self._excuse(wrong, name, offer)
            self.passes_steps = True
        elif offer is not None:
            self.told[name] = [offer]

    def look_at_kinks(self, name: str) -> None:
        """Excuse what is wrong at kinks alone, and there a gradient that inputs beside them give."""
        at_kink = partial(only_at_the_kink, self.case, name)
        found = [r for r in self._rounds_wrong(name) if at_kink(r, r.at.name not in KINKS)]
        if found and all(is_admissible(self.case, r, name) for r in found):
            for r in found:
                r.excused[name] = "convention"
            told = f"{self.case.problem.short(name)}: at a kink, a value between those beside it"
            self.told.setdefault(KINK, []).append(told)
        elif found and not self.case.demand and all(at_kink(r, True) for r in found):
            self._excuse(found, name, "ties")
            if "ties" not in self.declared:
                self.told[""][-1] += ' (declare conventions=("ties",), or demand={"max": "first"} to refuse it)'

    def refuse_identities(self) -> None:
        """Raise ``CheckError`` if all that is left to say is that an identity has a rule."""
        told = [text for text in self.told.get("", ()) if text.endswith(_MEANING["rule"])]
        if told and not self._left():
            raise CheckError(f"{self.case.problem.title}: {told[0]}")

    def refuse_surrogates(self) -> None:
        """Raise ``CheckError`` if all that is wrong has to do with what stands in place of a step's derivative."""
        left, problem = self._left(), self.case.problem
        steps = {
            n for n, found in self.told.items() if found == ["straight through"] and _factor(self.generic, n) is None
        }
        if not left or not (self.passes_steps or steps) or problem.straight or "passed through" not in self.declared:
            return
        for name in steps:
            del self.told[name]
            self._excuse(self._rounds_wrong(name), name, "surrogate")
        behind = _behind_steps(self.case, left - steps - self.told.keys())
        if left <= steps | behind:
            short = " and ".join(map(problem.short, sorted(left)))
            declare = "" if behind else ': declare conventions=("straight through",)'
            raise CheckError(
                f"{problem.title}: the gradient of {short} passes a step; whether what is there in place of its "
                f"derivative, which is 0, is meant so cannot be told{declare}"
            )

    def with_means(self) -> dict[str, list[str]]:
        """What is told, when it is known of which parameters a backward takes the mean over the batch."""
        parameters = {n for n in self.case.problem.differentiated if n not in self.case.axes}
        never_wrong = parameters - self._left()
        sums = {n for n in never_wrong for r in self.generic if n in r.got and r.want[n].any()}
        for name, wrong in self.means.items():
            self._excuse(wrong, name, "batch mean")
        if self.means and sums and "mean of some" not in self.declared:
            self.told |= {n: ["no batch mean"] for n in sums}
        of_all = {n for n, found in self.told.items() if "batch mean" in found} == parameters
        if of_all and len(parameters) > 1:
            return self.told
        return {n: [c for c in found if c != "batch mean"] for n, found in self.told.items()}  # of one: a mistake

    def _offer(self, name: str) -> str | None:
        if _off_by(self.generic, name, self._sizes(name), 1) and not self.case.problem.scalar:
            return "batch mean"  # where a loss does not say what is divided by the batch
        through = self._is_step(name) and any(np.any(r.got.get(name, 0)) for r in self.generic)
        return "straight through" if through else None

    def _declared_one(self, name: str, offer: str | None) -> str | None:
        problem = self.case.problem
        holds: dict[str, Callable[[], bool]] = {
            "batch sum": lambda: _off_by(self.generic, name, self._sizes(name), -1),
            "reversed": lambda: all(_is_reversed(problem, r, name) for r in self.generic),
            "rule": lambda: all(_is_returned(problem, r, name) for r in self.generic),
        }
        found = (convention for convention, of in holds.items() if convention in self.declared and of())
        return next(found, offer if offer in self.declared else None)

    def _sizes(self, name: str) -> dict[int, int | None]:
        case = self.case
        return {id(r): batch_of(case.problem, case.axes, r.at.point) for r in self.generic if name in r.got}

    def _is_step(self, name: str) -> bool:
        return not any(np.any(np.nan_to_num(r.want[name])) for r in self.generic if name in r.got)  # nan: not measured

    def _rounds_wrong(self, name: str) -> list[Round]:
        return [r for r in self.case.rounds if name in r.wrong]

    def _left(self) -> set[str]:
        return {n for r in self.case.rounds for n in r.wrong}

    def _excuse(self, found: list[Round], name: str, convention: str) -> None:
        for r in found:
            r.excused[name] = "convention"
        self.told.setdefault("", []).append(f"{self.case.problem.short(name)}: {_MEANING[convention]}")


def _behind_steps(case: Case, names: Collection[str]) -> set[str]:
    """Those whose gradient is another one where steps pass on what comes in; all, where the forward is not traced."""
    evidence = evidence_of(case, case.generic[-1])
    straight = evidence.tape.leaf_values(evidence.tape.straight().reverse(evidence.seeds))
    untold = {n for n in names if n not in evidence.got or not evidence.children}
    return untold | {n for n in {*names} - untold if not np.array_equal(straight[n], evidence.want[n])}


def _off_by(rounds: list[Round], name: str, sizes: dict[int, int | None], power: int) -> bool:
    """Is the gradient the right one times the batch size to a power, at several sizes?"""
    return len(set(sizes.values()) - {None}) > 1 and all(
        (m := sizes[id(r)]) is not None
        and r.got[name].shape == r.want[name].shape
        and np.allclose(r.got[name] * float(m) ** power, r.want[name], rtol=1e-6, atol=1e-9 * r.floor)
        for r in rounds
    )


def _is_returned(problem: Problem, r: Round, name: str) -> bool:
    """Does the forward return a leaf as it is?"""
    outputs = [y for _, y in leaves(run_forward(problem, r.at.point.args))]
    return len(outputs) == 1 and np.array_equal(outputs[0], problem.arrays(r.at.point.args)[name], equal_nan=True)


def _is_reversed(problem: Problem, r: Round, name: str) -> bool:
    """Is the gradient of what is returned as it is the incoming one times a negative number?"""
    return name in r.got and _is_returned(problem, r, name) and (_factor([r], name) or 0) < 0


def _passed_on(rounds: list[Round], name: str) -> bool:
    """Is every entry of the gradient that of the incoming one, or nothing?"""
    pairs = [(np.asarray(r.got[name]), np.asarray(r.at.point.cotangent)) for r in rounds]
    return all(g.shape == dy.shape and bool(((g == dy) | (g == 0)).all()) for g, dy in pairs)


def _factor(rounds: list[Round], name: str) -> float | None:
    """The number by which the gradient is the incoming one, wherever there is one; else ``None``."""
    given = [r for r in rounds if name in r.got]
    got = np.concatenate([np.ravel(r.got[name]) for r in given])
    dy = np.concatenate([np.ravel(y) for r in given for _, y in leaves(r.at.point.cotangent)])
    if got.shape != dy.shape or not dy.any():
        return None
    factor = float(np.vdot(got, dy) / np.vdot(dy, dy))
    return factor if np.allclose(got, factor * dy) else None


def offered(offers: dict[str, list[str]], case: Case) -> list[Finding]:
    """What a convention would explain, as mistakes, each with the declaration that makes it right."""
    findings = []
    for convention, (bug, sentence) in _MISTAKEN.items():
        names = tuple(n for n, found in offers.items() if convention in found)
        if not names:
            continue
        told = sentence.format(" and ".join(map(case.problem.short, names)))
        r = next((r for r in case.rounds if set(names) <= set(r.wrong)), case.rounds[0])
        line = line_of(np.asarray(r.got[names[0]]), case.log(r))
        means = _MEANING.get(convention)
        evidence = () if means is None else (f'if it is meant so ({means}), declare it: conventions=("{convention}",)',)
        findings.append(Finding(bug, told, names, backward=line.where if line else None, evidence=evidence))
    return findings
