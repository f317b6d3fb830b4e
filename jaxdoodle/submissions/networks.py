"""Networks of the user's that are one class: Nielsen's ``backprop``, cs231n's ``loss(X, y)``."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import required
from jaxdoodle.gradcheck.setup.leaves import is_floating
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.functions import Finder
from jaxdoodle.submissions.objects import objects_of


def check_network(finder: Finder, cls: type, **options: Any) -> Report:
    """A network with lists of weights: ``feedforward(a)`` and ``backprop(x, y)``, one column a sample."""
    for thing in objects_of(finder, cls):
        backprop = getattr(thing, "backprop", None) or thing.back_prop
        predict = next(getattr(thing, n) for n in ("feedforward", "forward", "predict") if hasattr(thing, n))
        names = [n for n, v in vars(thing).items() if isinstance(v, list) and v and all(map(is_floating, v))]
        rng = np.random.default_rng(0)
        if not names:
            continue
        for rows in (np.shape(getattr(thing, n)[0])[-1] for n in reversed(names)):
            x = rng.normal(size=(rows, 1))
            try:
                y = (rng.random(np.shape(predict(x))) < 0.5).astype(float)
                returned = backprop(x, y)
            except Exception:  # any exception of the user's code: other sizes
                continue
            order = _order_of(returned, [getattr(thing, n) for n in names])
            if order is None:
                continue
            names = [names[i] for i in order]
            return _check_backprop(thing, cls, names, predict.__name__, backprop.__name__, x, y, options)
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its backprop(x, y)")


def _order_of(returned: Any, held: list[Any]) -> list[int] | None:
    """Which list of arrays each returned list belongs to, by shapes."""
    shapes = [[np.shape(a) for a in each] for each in held]
    try:
        return [shapes.index([np.shape(g) for g in each]) for each in returned]
    except (ValueError, TypeError):
        return None


def _costs(thing: Any) -> Iterator[Callable[[Any, Any], Any]]:
    cost = getattr(thing, "cost", None)
    if cost is not None and callable(getattr(cost, "fn", None)):
        yield cost.fn
    yield lambda a, y: 0.5 * ((a - y) ** 2).sum()
    yield lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum()
    yield lambda a, y: ((a - y) ** 2).sum()
    yield lambda a, y: -(y * np.log(a)).sum()


def _check_backprop(
    thing: Any, cls: type, names: list[str], predict: str, backprop: str, x: Any, y: Any, options: dict[str, Any]
) -> Report:
    def placed(lists: tuple) -> Any:
        other = copy.copy(thing)
        for name, values in zip(names, lists, strict=True):
            setattr(other, name, list(values))
        return other

    def gradient(*args: Any) -> Any:
        return getattr(placed(args[: len(names)]), backprop)(*args[len(names) :])

    reports: list[tuple[int, int, Report]] = []
    for cost in _costs(thing):

        def value(*args: Any, cost: Any = cost) -> Any:
            return cost(getattr(placed(args[: len(names)]), predict)(args[-2]), args[-1])

        value.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in (*names, "x", "y")]
        )
        args = (*(getattr(thing, n) for n in names), x, y)
        report = check_gradient(value, gradient, args, argnums=tuple(range(len(names))), title=cls.__name__, **options)
        wrong = sum(leaf.verdict == "wrong" for leaf in report.leaves)
        reports.append((wrong, len(reports), report))
        if report.passed or wrong < len(report.leaves):
            break  # the last layer is right: this is the cost
    return min(reports, key=lambda r: r[:2])[2]


def check_loss_method(finder: Finder, cls: type, **options: Any) -> Report:
    """A network with ``self.params`` and ``loss(X, y) -> (loss, grads)``, both dictionaries."""
    for thing in objects_of(finder, cls):
        params = getattr(thing, "params", None)
        if not isinstance(params, dict) or not params:
            continue

        def loss(params: Any, X: Any, y: Any, thing: Any = thing) -> Any:
            other = copy.copy(thing)
            other.params = params
            return other.loss(X, y)

        widths = dict.fromkeys(np.shape(w)[0] for w in params.values() if np.ndim(w) == 2)
        for width in widths:
            for x in (np.random.default_rng(0).normal(size=(4, width)),):
                y = np.array([0, 1, 1, 0])
                try:
                    value, grads = loss(params, x, y)
                except Exception:  # any exception of the user's code: another width
                    continue
                if np.size(value) == 1 and isinstance(grads, dict):
                    return check_value_and_grad(
                        lambda *a: loss(*a)[0], loss, (params, x, y), argnums=0, title=cls.__name__, **options
                    )
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its loss(X, y)")
