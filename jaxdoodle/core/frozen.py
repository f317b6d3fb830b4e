"""Frozen classes: what ``dataclass(frozen=True)`` gives, without the code that it writes and compiles for each class.

Every process that predicts defines twenty such classes before its first answer, which took a tenth of its time.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

from jaxdoodle.core.errors import did_you_mean

T = TypeVar("T", bound=type)


@dataclass_transform(frozen_default=True)
def frozen(cls: T) -> T:
    """A class of named values, given in order or by name, that compare, hash and print, and never change.

    Fields, defaults and ``__post_init__`` are a dataclass's; ``dataclasses.fields`` and ``replace`` know it as one.
    A method that the class itself defines is kept.
    """
    for name, method in _METHODS.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    known: Any = dataclass(init=False, repr=False, eq=False)
    return known(cls)


class _Signature:
    """The constructor's signature, made when an editor or a notebook asks for it."""

    def __get__(self, instance: Any, cls: Any) -> Any:
        from inspect import Parameter, Signature

        def parameter(field: Any) -> Parameter:
            given = field.default_factory if field.default is MISSING else field.default
            default = Parameter.empty if given is MISSING else given
            return Parameter(field.name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=field.type)

        return Signature([parameter(field) for field in fields(cls)])


def _init(self: Any, *values: Any, **named: Any) -> None:
    call, names = f"{type(self).__name__}()", [field.name for field in fields(self)]
    if len(values) > len(names):
        raise TypeError(f"{call} takes {len(names)} arguments ({', '.join(names)}) but {len(values)} were given")
    given = dict(zip(names, values, strict=False))
    for name, value in named.items():
        if name not in names:
            raise TypeError(f"{call} got an unexpected keyword argument {name!r}{did_you_mean(name, names)}")
        if name in given:
            raise TypeError(f"{call} got multiple values for argument {name!r}")
        given[name] = value
    for field in fields(self):
        if field.name in given:
            value = given[field.name]
        elif field.default_factory is not MISSING:
            value = field.default_factory()
        elif (value := field.default) is MISSING:
            raise TypeError(f"{call} missing a required argument: {field.name!r}")
        object.__setattr__(self, field.name, value)
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self))


def _repr(self: Any) -> str:
    pairs = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
    return f"{type(self).__qualname__}({', '.join(pairs)})"


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash((type(self), *_values(self)))


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise FrozenInstanceError(f"{type(self).__name__} does not change; dataclasses.replace makes another.")


_METHODS = {
    "__signature__": _Signature(),
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
}
