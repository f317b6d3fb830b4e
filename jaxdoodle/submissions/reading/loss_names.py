"""Names of functions that give a loss or a gradient, and of which loss a gradient is by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from jaxdoodle.gradcheck.setup.binding import required

#: Names of functions that give a loss, and of those that give a gradient.
LOSS = re.compile(
    r"loss|cost|entropy|error|objective|nll|likelihood|log_?lik|verlust|kosten|fehler|erreur|p[eé]rdida"
    r"|(^|_)(mse|bce|xent|ce|j|rss|sse|misfit|deviance|stress|energy|pertes?|co[uû]ts?|perdas?|custos?)(_|$)",
    re.I,
)
GRADIENT = re.compile(
    r"(^|_)(d|derivatives?|deriv|grads?|gradients?|prime|der|jac|jacobian)(_|$)|(grads?|gradients?|prime)$"
    r"|^(d|grad|gradient)(?=[A-Z])"
)

#: Names of functions that give a Hessian; that give a Jacobian; what a Jacobian alone is of.
HESSIAN, JACOBIAN = (re.compile(rf"(^|[_.]){word}(_|$)") for word in ("hess(ian)?", "jac(obian)?"))
#: What a gradient is called by that does not tell of what it is.
_TELLS_NOTHING = re.compile(r"|compute|calculate|calc|get|the|function|func|fn|manual|hand|my|analytic(al)?")
_RESIDUALS = re.compile(r"resid(ual)?s?|res|r|f|fun|func|model|predict|h")


def of_the_gradient(name: str, gradient: Callable, free: dict[str, Any]) -> Iterator[Any]:
    """Functions whose gradient or derivative it may be, by its name: ``mse`` of ``mse_prime``, ``cost`` of ``grad``."""
    if re.search("(^|_)score(_|$)", name):  # of a model, its accuracy; of a likelihood, the gradient
        yield from (f for n, f in free.items() if re.search("log_?lik", n) and required(f) == required(gradient))
    if HESSIAN.search(name):
        own = HESSIAN.sub("_", name).strip("_").lower()
        yield from (f for n, f in free.items() if required(f) == required(gradient) and n.lower() != own
                    and own == without_gradient(n))  # fmt: skip
    if not GRADIENT.search(name):
        return
    head = re.sub("(grads?|gradients?)$", "", name)  # ``d_`` of a discriminator's ``d_loss`` and ``d_grad``
    yield from (f for n, f in free.items() if head.endswith("_") and n.startswith(head)
                and LOSS.fullmatch(n[len(head):]) and required(f) == required(gradient))  # fmt: skip
    stem = without_gradient(name)
    others = {n: f for n, f in free.items() if f is not gradient and not GRADIENT.search(n)}
    takes = required(gradient)
    for n, f in others.items():
        same = required(f) == takes or len(takes) == len(required(f)) == 1
        if (
            n.lower() in (stem, f"{stem}s")
            and same
            or required(f) == takes[: len(required(f))]
            and without_loss(n) == stem
        ):
            yield f
        elif JACOBIAN.search(name) and not stem and required(f) == takes and _RESIDUALS.fullmatch(n):
            yield f
    for n, f in others.items():
        of_any = _TELLS_NOTHING.fullmatch(stem) or f"_{stem}_" in f"_{_words(n)}_"
        if of_any and LOSS.search(n) and set(required(f)) == set(takes) and len(takes) > 1:
            yield f


def without_gradient(name: str) -> str:
    return re.sub("(^|_)score(_|$)", "_", GRADIENT.sub("_", name)).strip("_").lower()


def _words(name: str) -> str:
    """``mse_loss`` for ``mseLoss``, too."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def without_loss(name: str) -> str:
    return re.sub("_+", "_", LOSS.sub("", name)).strip("_").lower()
