"""Frozen classes behave as frozen dataclasses do; each property is compared with a dataclass of the same fields."""

import copy
import inspect
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
class Color:
    name: str = "red"


@frozen
class Nothing:
    pass


def test_an_object_is_made_like_that_of_a_dataclass():
    for values, named in [((1,), {}), ((1, 3), {}), ((1,), {"y": 3}), ((), {"y": 3, "x": 1}), ((1, 2, {"a": 1}), {})]:
        made, model = Point(*values, **named), Model(*values, **named)
        assert repr(made) == repr(model).replace("Model", "Point")
        assert [f.name for f in fields(made)] == [f.name for f in fields(model)] and is_dataclass(made)
    assert Point("7").x == 7
    assert Point(1).tags is not Point(1).tags


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [
        ((), {}, "Point() missing a required argument: 'x'"),
        ((1, 2, {}, 4), {}, "Point() takes 3 arguments (x, y, tags) but 4 were given"),
        ((1,), {"x": 2}, "Point() got multiple values for argument 'x'"),
        ((1,), {"z": 2}, "Point() got an unexpected keyword argument 'z'."),
        ((1,), {"tag": {}}, "Point() got an unexpected keyword argument 'tag'; did you mean tags?"),
    ],
)
def test_what_cannot_be_made_is_said(values, named, message):
    with pytest.raises(TypeError) as error:
        Point(*values, **named)
    assert str(error.value) == message
    with pytest.raises(TypeError):
        Model(*values, **named)


def test_objects_compare_and_hash_by_class_and_values():
    assert Point(1) == Point(1) != Point(2) and Color() == Color("red") and hash(Color()) == hash(Color("red"))
    assert Nothing() == Nothing() != Color() and len({Nothing(), Nothing(), Color(), Color("blue")}) == 3
    assert Point(1) != Model(1)


def test_an_object_does_not_change():
    color = Color()
    with pytest.raises(FrozenInstanceError, match="Color does not change"):
        color.name = "blue"
    with pytest.raises(FrozenInstanceError):
        del color.name
    with pytest.raises(FrozenInstanceError):
        color.size = 3
    assert replace(color, name="blue") == Color("blue") and color == Color()


def test_an_object_survives_pickle_and_copy():
    for made in (Point(1, 3, {"a": 1}), Color("blue"), Nothing()):
        assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made


def test_notebooks_and_editors_see_the_arguments():
    assert list(inspect.signature(Point).parameters) == list(inspect.signature(Model).parameters) == ["x", "y", "tags"]
    assert inspect.signature(Point).parameters["y"].default == 2
