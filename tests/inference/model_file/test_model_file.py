import contextlib
import dataclasses
import os
import random
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Flatten, GlobalAvgPool2D, MaxPool2D, ModelSpec, ReLU
from jaxdoodle.preprocessing.config import Preprocessing
from tests.inference.attacks import make
from tests.inference.attacks.make import ATTACKS, GOOD, pack, unpack

SPEC = ModelSpec(
    [Conv2D(2, 3), BatchNorm(), ReLU(), MaxPool2D(), Flatten(), Dense(3)], (6, 5, 1), ("cat", "clock", "é")
)
PREPROCESSING = Preprocessing((6, 5, 1), 4, "box", (2.5, 2.0))


def build(**changes):
    rng = np.random.default_rng(0)
    params = [
        {name: rng.random(shape).astype(np.float32) - np.float32(name == "w") / 2 for name, shape in shapes.items()}
        for shapes in SPEC.param_shapes
    ]
    inputs = rng.integers(0, 256, (4, 6, 5, 1), dtype=np.uint8)
    logits = Network(SPEC, params, PREPROCESSING.divisor).logits(inputs)
    return dataclasses.replace(ModelFile(SPEC, params, PREPROCESSING, inputs, logits), **changes)


def same(a, b):
    for x, y in zip(a.params, b.params, strict=True):
        assert x.keys() == y.keys()
        for name in x:
            np.testing.assert_array_equal(x[name], y[name])
            assert x[name].dtype == y[name].dtype
    np.testing.assert_array_equal(a.golden_inputs, b.golden_inputs)
    np.testing.assert_array_equal(a.golden_logits, b.golden_logits)
    plain = ("spec", "preprocessing", "temperature", "abstain_below", "provenance")
    return all(getattr(a, name) == getattr(b, name) for name in plain)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"temperature": 1.7, "abstain_below": -2.5, "provenance": {"dataset": "é", "correct": [991, 1000], "x": None}},
    ],
    ids=["bare", "full"],
)
def test_a_model_survives_the_file(tmp_path, changes):
    model = build(**changes)
    model_file.write(tmp_path / "model.npz", model)
    assert same(model_file.read(tmp_path / "model.npz"), model)
    assert os.listdir(tmp_path) == ["model.npz"]


def int8(**changes):
    """``build()`` with weights of whole multiples, -127 to 127, of a number for each output."""
    rng, model, params, scales = np.random.default_rng(1), build(), [], {}
    for i, layer in enumerate(model.params):
        params.append(dict(layer))
        for name, w in layer.items():
            if w.ndim > 1:
                scales[f"layers/{i}/{name}.npy"] = scale = rng.random(w.shape[-1], np.float32) / 100 + np.float32(1e-4)
                params[-1][name] = rng.integers(-127, 128, w.shape).astype(np.float32) * scale
    logits = Network(SPEC, params, PREPROCESSING.divisor).logits(model.golden_inputs)
    changed = {"params": params, "scales": scales, "golden_logits": logits} | changes
    return dataclasses.replace(model, **changed)


def test_weights_in_int8_survive_the_file_to_the_bit():
    model = int8()
    data = model_file.encode(model)
    read = model_file.decode(data)
    assert same(read, model) and model_file.encode(read) == data
    _, members = unpack(data)
    levels = np.rint(read.params[0]["w"] / read.scales["layers/0/w.npy"]).astype("i1")
    assert members["layers/0/w.npy"][128:] == levels.tobytes()
    assert b"<f4" in members["layers/1/scale.npy"], "vectors stay as they are"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params": build().params}, "layers/0/w.npy is not what int8 and its scales give; quantize the model anew."),
        ({"scales": {}, "params": [{}] * 6}, "layers/0/b.npy is missing; "),
        ({"scales": {"layers/0/w.npy": int8().scales["layers/0/w.npy"]}}, "layers/5/w.scale.npy is missing; "),
    ],
    ids=["other weights", "no weights", "a scale too few"],
)
def test_int8_that_would_not_be_read_is_not_written(changes, message):
    with pytest.raises(InputError) as refused:
        model_file.encode(int8(**changes))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("axes, version", [("hwc", 1), ("whc", 2), ("chw", 2)])
def test_what_older_programs_would_read_wrongly_is_of_a_later_version(axes, version):
    model = build(preprocessing=dataclasses.replace(PREPROCESSING, flat_axes=axes))
    data = model_file.encode(model)
    assert same(model_file.decode(data), model) and unpack(data)[0]["version"] == version


@pytest.mark.parametrize("value", [False, 1, None, "true"], ids=repr)
def test_a_header_says_int8_as_true_or_not_at_all(value):
    header, members = unpack(model_file.encode(int8()))
    assert header["version"] == 2 and header["int8"] is True
    for change in ({"int8": value}, {"version": 1}):
        with pytest.raises(InputError, match="header.json has the keys"):
            model_file.decode(pack(header | change, members))


@pytest.mark.parametrize("scale", [0, -1e-3, np.nan, np.inf])
def test_scales_are_positive_numbers(scale):
    header, members = unpack(model_file.encode(int8()))
    name = "layers/5/w.scale.npy"
    values = np.frombuffer(members[name], "<f4", offset=128).copy()
    values[-1] = scale
    with pytest.raises(InputError, match="layers/5/w"):
        model_file.decode(pack(header, members | {name: members[name][:128] + values.tobytes()}))


def test_the_same_model_gives_the_same_bytes():
    data = model_file.encode(build())
    assert data == model_file.encode(build())
    assert data == model_file.encode(model_file.decode(data))


def test_version_1_stays_as_it_is_to_the_byte():
    pinned = GOOD.read_bytes()
    assert model_file.encode(model_file.decode(pinned)) == pinned


def test_numpy_reads_the_arrays_too(tmp_path):
    model_file.write(tmp_path / "model.npz", build())
    with np.load(tmp_path / "model.npz") as arrays:
        np.testing.assert_array_equal(arrays["layers/0/w"], build().params[0]["w"])
        np.testing.assert_array_equal(arrays["goldens/inputs"], build().golden_inputs)


def test_a_file_packed_elsewhere_by_the_description_is_read():
    assert same(model_file.decode(pack(*unpack(model_file.encode(build())))), build())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    model_file.write(path, build())
    old = path.read_bytes()

    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(InputError, match=r"model\.npz: No space left on device\."):
        model_file.write(path, build(temperature=2.0))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]


def _nan(array):
    array = np.array(array)
    array.flat[0] = np.nan
    return array


def _params(layer, name, value):
    params = [dict(p) for p in build().params]
    params[layer][name] = value
    return params


def _off(number):
    """The golden logits, one image's off by 1."""
    logits = build().golden_logits.copy()
    logits[number] += 1
    return logits


W = build().params[0]["w"]
#: Finite, but the outputs overflow.
HUGE = [{name: np.full_like(value, 3e38) for name, value in layer.items()} for layer in build().params]
UNWRITABLE = [
    ({"params": _params(0, "w", _nan(W))}, "layers/0/w holds NaN or infinite values."),
    ({"params": _params(0, "w", W * np.float32(np.inf))}, "layers/0/w holds NaN or infinite values."),
    ({"params": _params(1, "var", -np.ones(2, np.float32))}, "layers/1/var holds a negative variance."),
    ({"params": _params(0, "w", W.astype(float))}, "layers/0/w.npy is float64 (3, 3, 1, 2); expected <f4"),
    ({"params": _params(0, "w", W[:2])}, "layers/0/w.npy is float32 (2, 3, 1, 2); expected <f4 (3, 3, 1, 2)."),
    ({"params": _params(0, "v", W)}, "'layers/0/v.npy' is not in the spec; expected its 10 arrays and no more."),
    ({"params": build().params[:-1]}, "layers/5/b.npy is missing; the spec has 10 arrays, 2 are missing."),
    ({"golden_logits": build().golden_logits + 1}, "the golden logits do not come out: off by 1, allowed is 0.00019."),
    *(({"golden_logits": _off(number)}, "the golden logits do not come out: off by 1") for number in range(4)),
    ({"params": HUGE}, "the golden logits do not come out: off by nan"),
    ({"golden_logits": _nan(build().golden_logits)}, "goldens/logits.npy holds NaN or infinite values."),
    ({"golden_inputs": np.zeros((4, 6, 5, 1))}, "goldens/inputs.npy is float64 (4, 6, 5, 1); expected |u1"),
    ({"golden_inputs": build().golden_inputs[:0], "golden_logits": build().golden_logits[:0]},
     "goldens/inputs.npy holds 0 images; expected 1 to 64."),
    ({"preprocessing": Preprocessing()}, "preprocessing gives images of (28, 28, 1); the spec takes (6, 5, 1)."),
    ({"spec": dataclasses.replace(SPEC, classes=())}, "the spec names no classes; a model file names each output."),
    ({"spec": dataclasses.replace(SPEC, classes=("a", "b", "\x1b[2J"))}, r"class names are printable; got '\x1b[2J'."),
    ({"temperature": 0}, "temperature is a positive number; got 0."),
    ({"temperature": True}, "temperature is a positive number; got True."),
    ({"abstain_below": float("nan")}, "abstain_below is a number or null; got nan."),
    ({"provenance": ["mnist"]}, "provenance is a mapping; got ['mnist']."),
    ({"provenance": {"loss": float("nan")}}, "provenance holds JSON values only; "),
    ({"provenance": {"when": object()}}, "provenance holds JSON values only; "),
    ({"provenance": {"log": "x" * (1 << 20)}}, "the header takes "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    UNWRITABLE,
    ids=[f"{number} {message[:40]}" for number, (_, message) in enumerate(UNWRITABLE)],
)
def test_what_would_not_be_read_is_not_written(tmp_path, changes, message):
    with pytest.raises(InputError) as error:
        model_file.write(tmp_path / "model.npz", build(**changes))
    assert str(error.value).startswith(f"{tmp_path / 'model.npz'}: {message}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_file_is_refused_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    attack, message = ATTACKS[name]
    (tmp_path / "bad.npz").write_bytes(attack(GOOD.read_bytes()))
    with pytest.raises(InputError) as error:
        model_file.read("bad.npz")
    assert str(error.value).startswith("bad.npz: ")
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 450
    assert os.listdir(tmp_path) == ["bad.npz"]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_file_takes_little_memory(name):
    data = ATTACKS[name][0](GOOD.read_bytes())
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            model_file.decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * len(data) + (1 << 22)


def test_a_small_file_with_large_activations_takes_little_memory():
    """Each of its 64 goldens takes up two million values, 8 MB."""
    spec = ModelSpec([Conv2D(60_000, 1), ReLU(), GlobalAvgPool2D(), Dense(3)], (4, 4, 1), ("a", "b", "c"))
    params = [{name: np.zeros(shape, np.float32) for name, shape in shapes.items()} for shapes in spec.param_shapes]
    inputs, logits = np.zeros((64, 4, 4, 1), np.uint8), np.zeros((64, 3), np.float32)
    data = model_file.encode(ModelFile(spec, params, Preprocessing((4, 4, 1), 3, "box", (1.5, 1.5)), inputs, logits))
    tracemalloc.start()
    try:
        model_file.decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 26


def damaged(rng):
    """A good file with one to three changes: bits flipped, bytes overwritten, pieces cut, doubled or exchanged."""
    data = bytearray(GOOD.read_bytes())
    for _ in range(rng.randint(1, 3)):
        kind, at, size = rng.randrange(5), rng.randrange(len(data)), rng.randint(1, 60)
        piece, other = data[at : at + size], rng.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + size] = rng.choice([b"\0" * size, b"\xff" * size, rng.randbytes(size)])
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[other:other] = piece
        else:
            data[at : at + size], data[other : other + size] = data[other : other + size], piece
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_noticed_or_changes_nothing(seed):
    rng, good = random.Random(seed), model_file.decode(GOOD.read_bytes())
    for _ in range(150):
        data = damaged(rng)
        try:
            read = model_file.decode(data)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert same(read, good)


def test_a_flipped_bit_is_noticed():
    """All but those that no two places keep: who made a member, and what its owner may do with it."""
    data, model = model_file.encode(build()), build()
    unnoticed = set()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        with contextlib.suppress(InputError):
            assert same(model_file.decode(bytes(flipped)), model)
            unnoticed.add(position)
    entries = [found.start() for found in re.finditer(b"PK\1\2", data)]
    assert unnoticed <= {entry + byte for entry in entries for byte in (4, 5, 36, 37, 38, 39, 40, 41)}


def test_every_cut_is_noticed():
    data = model_file.encode(build())
    for length in range(len(data)):
        with pytest.raises(InputError):
            model_file.decode(data[:length])


def test_the_attacks_can_be_written_to_be_looked_at(tmp_path):
    script = Path(make.__file__)
    done = subprocess.run([sys.executable, script, tmp_path / "attacks"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (tmp_path / "attacks").iterdir()} == set(ATTACKS)


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.npz", r"absent\.npz: No such file"), (".", r"\./model\.npz: Is a directory")]
)
def test_what_is_no_file_is_named(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    Path("model.npz").mkdir()
    with pytest.raises(InputError, match=reason):
        model_file.read(name)
    with pytest.raises(InputError, match=r"absent/model\.npz: No such file"):
        model_file.write("absent/model.npz", build())


NAMES = ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f680", "ice\u00a0cream")


def test_joiners_and_no_break_spaces_are_part_of_a_name():
    spec = dataclasses.replace(SPEC, classes=NAMES)
    model_file.refuse_unfit(spec)
    assert model_file.decode(model_file.encode(build(spec=spec))).spec.classes == NAMES


REFUSED = {
    "": "class names are not blank; got ''.",
    " \u3000": "class names are not blank",
    "\u200b\u200d": "class names are not blank",
    "a" * 256: "class names have at most 255 characters; 'aaaaaaaaaaaaaaaaaaaa'... has 256.",
    "a\nb": "class names are printable; got 'a\\nb'.",
    "\udcff": "class names are printable",
    "\u202egnp.tac": "class names are printable",
    "a\u2028b": "class names are printable",
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_no_class_has_is_refused_before_training(name, refusal):
    assert REFUSED[name] in refusal(model_file.refuse_unfit, dataclasses.replace(SPEC, classes=("a", "b", name)))


def test_names_that_overfill_the_header_are_refused_before_training(refusal):
    classes = tuple(f"{number:04}" + "\u2603" * 250 for number in range(1000))
    spec = ModelSpec([Flatten(), Dense(1000)], (6, 5, 1), classes)
    assert "the names of 1,000 classes take more" in refusal(model_file.refuse_unfit, spec)


def test_the_header_has_room_for_provenance_beside_the_names(refusal):
    room = model_file.MAX_HEADER_BYTES - model_file.PROVENANCE_BYTES
    count = room // len(f'"{0:0250}", ')
    assert "take more than the header" in refusal(model_file.refuse_unfit, named(count + 10))
    model_file.refuse_unfit(named(count - 10))
    assert room == 15 * 2**16, "a sixteenth is for what a run says of itself"


def named(count):
    return ModelSpec([Flatten(), Dense(count)], (6, 5, 1), tuple(f"{number:0250}" for number in range(count)))


def test_more_parameters_than_a_file_holds_are_refused(refusal):
    spec = ModelSpec([Dense(4096), Dense(4096), Dense(2)], (64,))
    assert "parameters; a model file has room for 16 million" in refusal(model_file.refuse_unfit, spec)
