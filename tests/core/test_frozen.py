"""Records behave as frozen dataclasses do; each property is compared with a dataclass of the same fields."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace

import pytest

from jaxdoodle.core.frozen import frozen


@frozen
class Point:
    x: int
    y: int = 2
    tags: dict = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "x", int(self.x))


@dataclass(frozen=True)
class Model:
    x: int
    y: int = 2
    tags: dict = field(default_factory=dict)


@frozen
class Colour:
    name: str = "red"


@frozen
class Nothing:
    pass


def test_a_record_is_made_like_a_dataclass():
    for values, named in [((1,), {}), ((1, 3), {}), ((1,), {"y": 3}), ((), {"y": 3, "x": 1}), ((1, 2, {"a": 1}), {})]:
        made, model = Point(*values, **named), Model(*values, **named)
        assert repr(made) == repr(model).replace("Model", "Point")
        assert [f.name for f in fields(made)] == [f.name for f in fields(model)] and is_dataclass(made)
    assert Point("7").x == 7
    assert Point(1).tags is not Point(1).tags


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        ((), {}, "Point needs x."),
        ((1, 2, {}, 4), {}, "Point has 3 values, x, y, tags; got 4."),
        ((1,), {"x": 2}, "Point has the values x, y, tags, each once; got x."),
        ((1,), {"z": 2}, "Point has the values x, y, tags, each once; got z."),
    ],
)
def test_what_cannot_be_made_is_said(values, named, message):
    with pytest.raises(TypeError) as error:
        Point(*values, **named)
    assert str(error.value) == message
    with pytest.raises(TypeError):
        Model(*values, **named)


def test_records_compare_and_hash_by_class_and_values():
    assert Point(1) == Point(1) != Point(2) and Colour() == Colour("red") and hash(Colour()) == hash(Colour("red"))
    assert Nothing() == Nothing() != Colour() and len({Nothing(), Nothing(), Colour(), Colour("blue")}) == 3
    assert Point(1) != Model(1)


def test_a_record_does_not_change():
    color = Colour()
    with pytest.raises(FrozenInstanceError, match="Colour does not change"):
        color.name = "blue"
    with pytest.raises(FrozenInstanceError):
        del color.name
    with pytest.raises(FrozenInstanceError):
        color.size = 3
    assert replace(color, name="blue") == Colour("blue") and color == Colour()


def test_a_record_survives_pickle_and_copy():
    for made in (Point(1, 3, {"a": 1}), Colour("blue"), Nothing()):
        assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
