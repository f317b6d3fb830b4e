"""Drawings in strokes as datasets: in every format, and those of some people as the test split."""

import csv
import json
import struct

import numpy as np
import pytest

import jaxdoodle as jd
from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset, synthetic
from jaxdoodle.preprocessing import MNIST

NAMES = synthetic.CLASSES[:2]


def lines(drawers, count=3):
    rng = np.random.default_rng(0)
    for drawer in drawers:
        for name in NAMES:
            for _ in range(count):
                drawing = [
                    [list(map(float, xs)), list(map(float, ys))] for xs, ys in synthetic.generate_drawing(name, rng)
                ]
                yield json.dumps({"word": name, "drawer": drawer, "drawing": drawing})


def test_a_score_is_of_people_who_were_not_learned_from(tmp_path):
    people = [f"person {i}" for i in range(5)]
    (tmp_path / "drawings.ndjson").write_text("\n".join(lines(people)))
    splits = jd.load_dataset(str(tmp_path / "drawings.ndjson"))
    assert len(splits.test) == 6 and len(splits.train) + len(splits.validation) == 24
    assert "the test split is the drawings of 1 of 5 people ('person " in splits.notes[0]
    assert set(splits.test.digests).isdisjoint(splits.train.digests)


def test_without_names_or_with_one_the_drawings_are_divided_by_their_hash(tmp_path):
    for drawers in ([""], ["Ann"], ["", "Ann"]):
        (tmp_path / "drawings.ndjson").write_text("\n".join(lines(drawers, 12)))
        splits = jd.load_dataset(str(tmp_path / "drawings.ndjson"))
        assert "people" not in splits.notes[0] and len(splits.test) > 0


STROKES = {"cross": [[[0, 9, 255], [0, 9, 255]], [[255, 9, 0], [0, 200, 255]]], "line": [[[0, 5, 255], [9, 9, 9]]]}


def record(word, i, recognized=True):
    drawing = [[[x + i % 7 for x in xs], [y + i for y in ys]] for xs, ys in STROKES[word]]
    return {"word": word, "recognized": recognized, "drawing": drawing}


def words(folder):
    lines = [json.dumps(record(word, i, i > 2)) for i in range(20) for word in STROKES]
    (folder / "mine.ndjson").write_text("\n".join(lines))
    return folder / "mine.ndjson"


def kaggle_strokes(folder):
    header = ["countrycode", "drawing", "recognized", "word"]
    for word in STROKES:
        found = [record(word, i, i > 2) for i in range(20)]
        rows = [["DE", json.dumps(one["drawing"]), one["recognized"], word] for one in found]
        with open(folder / f"{word}.csv", "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return folder


def binary(folder):
    for word in STROKES:
        (folder / word).mkdir()
        content = b""
        for i in range(20):
            one = record(word, 0, i > 2)
            content += struct.pack("<Q2sbIH", i, b"DE", one["recognized"], 0, len(one["drawing"]))
            for xs, ys in one["drawing"]:
                content += struct.pack("<H", len(xs)) + bytes(xs) + bytes(ys)
        (folder / word / "full_binary.bin").write_bytes(content)
    return folder


@pytest.mark.parametrize("write", [words, kaggle_strokes, binary])
def test_strokes_are_training_data(write, tmp_path):
    path = write(tmp_path)
    splits = load_dataset(path)
    assert splits.classes == ("cross", "line") and sum(map(len, splits.sets.values())) == 40
    assert sum(map(len, load_dataset(path, recognized_only=True).sets.values())) == 34
    assert load_dataset(path, preprocessing="mnist").preprocessing == MNIST
    assert sum(map(len, load_dataset(path, per_class=5).sets.values())) == 10


def test_sketch_rnn_s_files_keep_their_splits(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        parts = {}
        for split, count in (("train", 9), ("valid", 3), ("test", 4)):
            parts[split] = np.empty(count, object)
            for row in range(count):
                parts[split][row] = np.c_[rng.integers(-30, 30, (12, 2)), np.arange(12) == 11].astype(np.int16)
        np.savez_compressed(tmp_path / f"{name}.npz", **parts)
    splits = load_dataset(tmp_path)
    assert splits.classes == ("cat", "dog")
    assert [len(splits.sets[name]) for name in ("train", "validation", "test")] == [18, 6, 8]


def test_tables_of_drawings_are_read_from_folders_and_those_without_a_word_left_out(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("ant", "bat"):
        rows = [f'"[[[0, {i + 9}], [0, 99]]]",{name}' for i in range(9)]
        (tmp_path / "train" / f"{name}.csv").write_text("\n".join(["drawing,word", *rows]))
    (tmp_path / "test.csv").write_text('drawing\n"[[[0, 9], [0, 99]]]"\n')
    with pytest.warns(DataWarning, match="left out test.csv, which has no labels"):
        splits = load_dataset(tmp_path)
    assert splits.classes == ("ant", "bat") and sum(map(len, splits.sets.values())) == 18
