"""Drawings in strokes as datasets: those of some people are the test split."""

import json

import numpy as np

import jaxdoodle as jd
from jaxdoodle.data import synthetic

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
