"""What an argument may be, by its name and what its function says of it."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.submissions.reading.source import counts, index_of, source_text, source_tree, told_of, words_compared
from jaxdoodle.submissions.reading.words import english

Option = Callable[[np.random.Generator], Any]


def normal(*shape: int) -> Option:
    return lambda rng: rng.normal(size=shape)


def whole(high: int, *shape: int) -> Option:
    """The highest is among them: every class counts."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        values = rng.integers(0, high, shape)
        values.flat[0] = high - 1
        return values

    return draw


def one_hot(rows: int, columns: int) -> Option:
    return lambda rng: np.eye(columns)[(np.arange(rows) - 1) % columns]


def mask(*shape: int) -> Option:
    """With both of its values: a count of all that is kept would be one of all."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        values = (rng.random(shape) < 0.7).astype(float)
        values.flat[0], values.flat[-1] = 0, 1
        return values

    return draw


def _between(*shape: int) -> Option:
    """Probabilities."""
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def just(value: Any) -> Option:
    return lambda rng: value


def _counts(*shape: int) -> Option:
    """How often something was seen; never, too."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        values = rng.integers(0, 16, shape)
        values.flat[0] = 0
        return values

    return draw


#: Sizes: 4 examples, 5 features, 3 units; images 7 x 6 and 6 x 4 with 3 channels, kernels 3 x 2, 2 filters.
_X = [normal(*s) for s in ((4, 5), (5, 4), (4, 3), (2, 7, 6, 3), (2, 3, 7, 6), (2, 3, 6, 4), (2, 6, 4, 3), (4, 3, 5),
                            (5, 1), (5,), (6, 6), (4,))]  # fmt: skip
_NUMBER: list[Option] = [just(0.3), just(2), just(1)]
_SIZE: list[Option] = [just(2), just(1), just(3), just(0), just((1, 1)), just((2, 2))]
_OPTIONS: dict[str, list[Option]] = {
    "x": [*_X, whole(3, 4), whole(3, 2, 4)],
    "w": [normal(*s) for s in ((5, 3), (3, 5), (3, 3), (3, 2, 3, 2), (2, 3, 3, 2), (5, 12), (3, 12), (5, 9), (3, 9),
                                (3, 2), (5,), (3,))],
    "b": [*(normal(*s) for s in ((3,), (3, 1), (1, 3), (2,), (2, 1), (1, 1, 1, 2), (12,), (9,))), just(0.3)],
    "intercept": [just(np.float64(0.7)), normal(5, 3), normal(3, 5), normal(3)],
    "gamma": [normal(*s) for s in ((5,), (5, 1), (1, 5), (3,), (1, 3, 1, 1))] + [just(np.float64(0.7))],
    "y": [one_hot(4, 5), one_hot(5, 4), whole(3, 4), normal(4, 5), normal(4), normal(5), mask(1, 4),
          mask(4, 1), mask(4), one_hot(4, 3), one_hot(2, 3)],
    "p": [_between(*s) for s in ((4, 5), (4, 3), (1, 4), (4, 1), (4,), (5,), (5, 4))],
    "mask": [mask(4, 5), mask(5, 4), mask(2, 7, 6, 3), mask(4), mask(4, 3)],
    "ids": [whole(3, 4), whole(3, 2, 4), whole(3, 5), just(1)],
    "h": [normal(4, 3), normal(3, 4), normal(3, 1), normal(3)],
    "counts": [_counts(4, 5), _counts(4), _counts(5)],
    "vector": [normal(5), normal(3), normal(4, 5)], "vectors": [normal(4, 5), normal(3, 5), normal(4, 3), normal(5)],
    "size": _SIZE,
    "number": [just(np.float64(0.3)), *_NUMBER, normal(5), normal(4, 5), normal(3)],
    "any": [just(np.float64(0.3)), normal(5), normal(4, 5), normal(5, 3), normal(3, 5), normal(3), normal(4, 1),
            just(2), whole(3, 4), normal(2, 7, 6, 3), just(True)],
}  # fmt: skip
#: Arrays of one size, by kind: of rows, of columns, of one vector.
SQUARE: tuple[dict[str, Option], ...] = tuple(
    {"x": normal(*x), "h": normal(*x), "w": normal(3, 3), "b": normal(*b), "gamma": normal(*b)}
    for x, b in (((4, 3), (3,)), ((3, 4), (3, 1)), ((3,), (3,)), ((2, 4, 3), (3,)))
)
#: Those of cells whose weights multiply input and state side by side, with four gates or none: of rows, of columns.
CELLS: tuple[dict[str, Option], ...] = tuple(
    {"x": normal(*x), "h": normal(*h), "w": normal(*w), "b": normal(*b)}
    for x, h, w, b in (
        ((4, 5), (4, 3), (8, 12), (12,)), ((5, 4), (3, 4), (12, 8), (12, 1)),
        ((4, 5), (4, 3), (8, 3), (3,)), ((5, 4), (3, 4), (3, 8), (3, 1)),
    )
)  # fmt: skip
#: Those of attention: two heads of two entries each, as at one entry its root shows no mistake.
HEADS: dict[str, list[Option]] = {
    "x": [normal(2, 3, 4), normal(3, 4)], "w": [normal(4, 12), normal(4, 4)], "b": [normal(12), normal(4)],
    "size": [just(2)], "mask": [just(np.tril(np.ones((3, 3))))],
}  # fmt: skip
IS_HEADS = re.compile(r"((num|n)_?)?heads?")
#: Numbers as the parameters of a regression on vectors.
LINE: dict[str, Option] = {"x": normal(6), "y": normal(6), "w": just(np.float64(0.7)), "b": just(np.float64(-0.2)),
                           "intercept": just(np.float64(-0.2))}  # fmt: skip
_MATRICES, _VECTORS = [normal(*s) for s in ((4, 3), (3, 4), (4, 4), (3, 3))], [normal(4), normal(3)]
#: Arrays of any two sizes, by kind, where there are too many parameters to try all options of each.
TWO_SIZES: dict[str | None, list[Option]] = {
    "x": [*_MATRICES, *_VECTORS], "h": [*_MATRICES, *_VECTORS], "w": [*_MATRICES, *_VECTORS], "b": [*_VECTORS],
    "intercept": [just(np.float64(0.7)), *_VECTORS, *_MATRICES], "gamma": _VECTORS,
    "counts": [_counts(*s) for s in ((4, 3), (4, 4), (3, 3), (4,))],
    "mask": [mask(*s) for s in ((4, 3), (4, 4), (3, 3), (4,))], "ids": [whole(3, 4), whole(4, 3)],
    None: [*_MATRICES, *_VECTORS, just(np.float64(0.3)), whole(3, 4)],
}  # fmt: skip
_KINDS = (
    ("w", r"w|[wu]_?[a-z]{1,2}|w_?(qkv|fc|proj|out)|weights?|kernels?|filters?|k|theta|u|v|table|embeddings?|e"),
    ("b", r"b|bias(es)?|b_?[a-rt-z]"),
    ("gamma", r"gamma|beta|scale|shift|gain"),
    ("y", r"y|t|targets?|labels?|y_?true|truth|answers?"),
    ("p", r"y_?(pred\w*|hat)|probs?|probabilit\w+|pred(s|ict\w*)?|al|confidences?"),
    ("mask", r"\w*mask|seen|observed|valid"),
    ("ids", r"ids?|idx|ind(ex|ices)|tokens?|order|positions?|\w+_(ids?|idx)"),
    ("vector", r"\w*vec(tor)?"),
    ("vectors", r"\w*(vecs|vectors)"),
    ("word", r"(\w+_)?(name|kind|mode|layer|part)"),
    ("lengths", r"(\w+_)?(len(gth)?s|seq_?len)"),
    ("counts", r"(\w+_)?(counts?|freqs?|frequenc(y|ies)|co_?oc\w*)"),
    ("h", r"h|h0|h_?prev|prev_?[hc]|c_?prev|c|state"),
    ("size", r"stride\w*|pad\w*|size|\w+_size|[fhw]_?size|pool\w*|n|axis|dim|groups|heads|num_\w+|n_\w+"),
    ("number", r"alpha|slope|eps(ilon)?|lr|lam\w*|reg\w*|p|\w*rate|keep_?prob|momentum|temp\w*|margin|delta|tau|power"
               r"|sigma|learning_rate|drop\w*|ratio|weight_decay"),
    ("x", r"x|inputs?|a|z|data|x_?in|a_?prev|images?|logits|scores|q"),
)  # fmt: skip
_DICTIONARY = re.compile(r"\w*(param|params|parameters|config|options|dict|cfg|hparams)", re.I)
#: Values of keys and of parameters that go by these names.
_KNOWN: dict[str, Any] = {
    "mode": "train", "stride": 1, "pad": 1, "padding": 1, "pool_height": 2, "pool_width": 2, "pool_size": 2, "size": 2,
    "f": 2, "k": 2, "kernel": 2, "kernel_size": 2, "eps": 1e-5, "epsilon": 1e-5, "momentum": 0.9, "p": 0.7, "seed": 0,
    "keep_prob": 0.7, "num_groups": 1, "g": 1, "training": True, "train": True, "reg": 0.1,
}  # fmt: skip


@functools.lru_cache(4096)
def kind_of(name: str) -> str | None:
    name = english(name)
    if name in ("wd", "P"):  # of weight decay, where Wd is a weight; a matrix, where p is a probability
        return "number" if name == "wd" else None
    if name in ("w0", "w_0", "intercept"):
        return "intercept"
    plain = name.lower().rstrip("0123456789_") or name.lower()
    return next((k for k, names in _KINDS if re.fullmatch(names, plain) or re.fullmatch(names, name.lower())), None)


class Probe(dict):
    """A dictionary that makes an entry for every key that is asked for, by its name."""

    def __init__(self, rng: np.random.Generator, columns: bool, stride: int, **entries: Any):
        super().__init__(entries)
        self.rng, self.columns, self.stride = rng, columns, stride
        self.asked: dict[Any, Any] = {}  # what the function writes into the dictionary is not among it

    def __missing__(self, key: Any) -> Any:
        self[key] = self.asked[key] = self._value(str(key))
        return self[key]

    def _value(self, key: str) -> Any:
        if key.lower() in ("stride",):
            return self.stride
        if key.lower() in _KNOWN:
            return _KNOWN[key.lower()]
        layer = re.fullmatch(r"([a-z]+)_?(\d)", key.lower())
        if layer is not None and int(layer[2]) > 0:
            return self.rng.normal(size=chain_shape(layer[1], int(layer[2]), self.columns)) * 0.5
        if "activation" in key.lower():
            return "relu"
        return _OPTIONS[kind_of(key) or "number"][0](self.rng)


#: A layer's weights or bias, and its number.
LAYER = re.compile(r"([wb])_?(\d)")
#: Sizes of the layers of a network whose weights are called W1, W2, ...
CHAIN = (5, 4, 3, 2, 3)


def chain_shape(letter: str, k: int, columns: bool) -> tuple[int, ...]:
    before, after = CHAIN[(k - 1) % len(CHAIN)], CHAIN[k % len(CHAIN)]
    if letter.startswith("w"):
        return (after, before) if columns else (before, after)
    return (after, 1) if columns else (1, after) if letter != "b" else (after,)


def is_dictionary(function: Any, name: str) -> bool:
    tree = source_tree(function)
    return _DICTIONARY.fullmatch(name) is not None or any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and (isinstance(node.slice, ast.JoinedStr) or isinstance(getattr(node.slice, "value", None), str))
        for node in ast.walk(tree or ast.Module([], []))
    )


#: Kinds of which whole numbers are among the options, where they belong, or that a dictionary is asked for.
_HAS_INDICES = ("x", "y", "ids", "mask", "size", "word")
#: What says of whole numbers, after the word, that there are several.
_MANY = re.compile(r"\W*(nd|np\W)?(array|vector|matri|label|list|tuple|class|ind)", re.I)


def options_of(function: Any, parameter: inspect.Parameter, first: bool, shapes: dict, columns: bool) -> list[Option]:
    name = parameter.name
    if parameter.default is not parameter.empty:
        return [just(parameter.default)]
    words = words_compared(function, name)
    if words:
        return [just(w) for w in dict.fromkeys(words)]
    if is_dictionary(function, name):
        return [lambda rng: Probe(rng, columns, 1), lambda rng: Probe(rng, columns, 2)]
    if name == "key":
        import jax

        return [just(jax.random.key(0))]
    if is_generator(parameter):
        return [lambda rng: np.random.default_rng(0), lambda rng: np.random.RandomState(0)]
    layer = LAYER.fullmatch(name.lower())
    kind = kind_of(name)
    if name == "p" and any(kind_of(other.name) == "y" for other in parameters(function)):  # a prediction beside labels
        kind = "p"
    if kind == "p" and "log(" not in source_text(function):
        kind = "x"
    options = _OPTIONS.get(kind or "any", _OPTIONS["any"])
    if first and kind not in ("w", "intercept", "ids", "h", "p", "vector", "vectors"):
        options = _OPTIONS["x"]
    if kind == "h":
        options = [*_like_globals(function), *options]
    if layer:
        options = [normal(*chain_shape(layer[1], int(layer[2]), columns)), *options[:2]]
    if not first and counts(function, name):
        return [just(2), just(3)]  # 1 is no size to find a mistake by
    one = kind == "ids" and re.fullmatch(r"\w+_(idx|index|id)", name) is not None  # ``word_idx``, of one word
    index = index_of(function, name) if one or kind not in _HAS_INDICES else None
    if index is not None:
        several = index == "several" or name.endswith("s")
        options = [*([just([2, 0, 2])] if several else [_place]), whole(3, 4), *options]
    annotation = str(parameter.annotation)
    about = told_of(function)
    told = re.search(rf"\b{re.escape(name)}\W{{1,4}}(an? )?int(eger)?\b(.*)", inspect.getdoc(function) or "", re.I)
    if told is not None and not _MANY.match(told[3]):
        return [*_SIZE[:3], *options[:3]]
    plain = re.search(
        rf"\b{re.escape(name)}( is|\s*[:(]|\s*--?) *((an?|python|scalar|positive) )*float\b(.*)", about, re.I
    )
    plain = None if plain and (name in shapes or _MANY.match(plain[4])) else plain
    if plain or annotation in ("float", "<class 'float'>"):
        return [just(0.3)]
    if annotation in ("int", "<class 'int'>"):
        return _SIZE[:3]
    if kind == "lengths":
        return [_lengths_of_first, *_SIZE]
    known = [just(_KNOWN[name.lower()])] if name.lower() in _KNOWN and kind in ("size", "number") else []
    if name in shapes:
        documented = [mask(*shapes[name]) if kind == "mask" else normal(*shapes[name])]
        return [whole(3, *shapes[name]), *documented] if kind in ("ids", "y") else [*documented, *options]
    if not first and (kind in ("b", "gamma", "w", "number", None) or name == "n"):  # what is negative, too
        options = [options[0], _like_first, *([_row_of_first] if kind == "b" else ()), *options[1:]]
    if not first and kind == "mask":
        options = [_mask_of_first, *options]
    if not first and kind == "y":
        options = [*options, _labels_of_first]
    return [*known, *options]


def _like_globals(function: Any) -> list[Option]:
    """States of the sizes of the weights that a function finds in its module: columns, vectors and rows."""
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    held = [v for n in names if isinstance(v := getattr(function, "__globals__", {}).get(n), np.ndarray)]
    sizes = dict.fromkeys(size for v in held if v.dtype.kind == "f" for size in v.shape if size > 1)
    return [normal(*shape) for size in sizes for shape in ((size, 1), (size,), (1, size))]


def is_generator(parameter: inspect.Parameter) -> bool:
    """Is it a generator of NumPy's, by its name or annotation?"""
    told = re.search(r"random\.(Generator|RandomState)|\bGenerator\b", str(parameter.annotation))
    return parameter.name in ("rng", "generator", "random_state") or told is not None


def made(choice: Sequence[Option]) -> list[Any]:
    rng = np.random.default_rng(0)
    values: list[Any] = []
    for make in choice:
        shape: tuple[int, ...] = np.shape(values[0]) if values else ()
        if make is _mask_of_first:
            make = mask(*shape[:-1])
        if make is _row_of_first:
            make = normal(*shape[-1:])
        if make is _labels_of_first:
            make = whole(shape[-1], *shape[:-1]) if len(shape) > 2 else whole(3, 4)
        if make is _lengths_of_first:
            make = whole(shape[1] + 1, shape[0]) if len(shape) > 1 else whole(3, 4)
        if make is _place:
            make = just((2 - sum(type(v) is int for v in values)) % 3)
        values.append(rng.normal(size=np.shape(values[0])) if make is _like_first else make(rng))
    return values


def _like_first(rng: np.random.Generator) -> Any:
    """An array of the shape of the first argument."""
    raise NotImplementedError


def _row_of_first(rng: np.random.Generator) -> Any:
    """A vector of the length of the last axis of the first argument."""
    raise NotImplementedError


def _place(rng: np.random.Generator) -> Any:
    """An index, another for each parameter."""
    raise NotImplementedError


def _mask_of_first(rng: np.random.Generator) -> Any:
    """A mask over all axes of the first argument but the last."""
    raise NotImplementedError


def _labels_of_first(rng: np.random.Generator) -> Any:
    """A label for each entry of the first argument, over all axes but the last, that of classes."""
    raise NotImplementedError


def _lengths_of_first(rng: np.random.Generator) -> Any:
    """For each row of the first argument, how many of its entries count."""
    raise NotImplementedError
