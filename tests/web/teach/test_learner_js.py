"""``learner.js``: what is learned from rows of features, and how it is judged."""

import numpy as np
import pytest

from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

#: Rows that the network { layers: [], cut: 0 } leaves as they are, grouped by drawing: a drawing and two copies of it.
FINISH = """const finish = (work) => { for (;;) { const { done, value } = work.next(); if (done) return value; } };
const network = { layers: [], cut: 0 };
const grouped = (rows) => rows.map((group) => group.map((row) => ({ features: Float32Array.from(row) })));
"""


def clusters(classes, drawings, size=6, seed=0):
    """Drawings around class means, ``(drawings of each class, 3 rows, size)``, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), drawings)
    means = 5 * np.eye(classes, size)
    rows = (
        means[labels][:, None] + rng.normal(0, 0.3, (len(labels), 1, size)) + rng.normal(0, 0.1, (len(labels), 3, size))
    )
    return (rows + 10).round(6), labels


def test_what_is_learned_tells_the_classes_apart_wherever_the_features_lie():
    rows, labels = clusters(3, 4)
    program = f"""([rows, labels]) => {{ {FINISH}
      const head = finish(it.learned(network, grouped(rows), labels, 3, false));
      return grouped(rows).flat().map((row) => [...it.logitsOf(network, head, row)]);
    }}"""
    logits = np.array(ask("teach/learner.js", program, [rows.tolist(), labels.tolist()]))
    assert (logits.argmax(axis=1) == np.repeat(labels, 3)).all()


def judge(rows, labels, classes):
    finished = f"finish(it.judge(network, grouped(rows), labels, {classes}, false))"
    program = f"([rows, labels]) => {{ {FINISH} return {finished}; }}"
    return ask("teach/learner.js", program, [rows.tolist(), labels.tolist()])


def test_each_drawing_is_judged_without_it():
    """A drawing among those of another class is judged to be of that class, though it is learned as its own."""
    rows, labels = clusters(2, 5)
    labels[0] = 1
    program = (
        f"""([rows, labels]) => {{ {FINISH} return finish(it.judge(network, grouped(rows), labels, 2, false)); }}"""
    )
    judged = ask("teach/learner.js", program, [rows.tolist(), labels.tolist()])
    assert sorted(one["index"] for one in judged) == list(range(10))
    assert all((np.argmax(one["logits"]) == one["label"]) == (one["index"] != 0) for one in judged)


def test_the_only_drawing_of_a_class_is_not_judged():
    rows, labels = clusters(2, 3)
    labels[0] = 2
    program = (
        f"""([rows, labels]) => {{ {FINISH} return finish(it.judge(network, grouped(rows), labels, 3, false)); }}"""
    )
    judged = ask("teach/learner.js", program, [rows.tolist(), labels.tolist()])
    assert [one["index"] for one in judged if one["logits"] is None] == [0]


def test_of_many_judged_drawings_some_are_enough_for_temperature_and_threshold():
    program = """(count) => {
      let seen = 0;
      const judged = Array.from({ length: count }, (_, i) => ({
        label: i % 3 && 1,
        get logits() { return seen++, [i % 7, i % 11]; },
      }));
      const { temperature, abstain_below } = it.calibrate(judged);
      return [temperature, abstain_below, seen];
    }"""
    few, many = (ask("teach/learner.js", program, count) for count in (2000, 20_000))
    assert many[:2] == pytest.approx(few[:2], rel=0.1) and many[2] < 2 * few[2]


def test_temperature_and_threshold_come_from_what_was_judged():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (40, 3)) + np.eye(3)[np.arange(40) % 3]
    found = []
    for scale in (1, 4):
        judged = [{"label": i % 3, "logits": (scale * row).tolist()} for i, row in enumerate(logits)]
        found.append(ask("teach/learner.js", "it.calibrate", judged))
    assert found[1]["temperature"] == pytest.approx(4 * found[0]["temperature"])
    energies = np.log(np.exp(logits).sum(axis=1))
    assert (energies < found[0]["abstain_below"]).mean() == 0.05
    assert ask("teach/learner.js", "it.calibrate", judged[:7]) == {"temperature": 1, "abstain_below": None}


def test_a_bent_drawing_has_the_same_strokes_and_another_form():
    drawing = [[[0, 500, 900], [0, 300, 100], [0, 9, 17]], [[100], [700]]]
    program = "([drawing, seed]) => [it.bend(drawing, it.generator(seed)), it.bend(drawing, it.generator(seed), true)]"
    bent, mirrored = ask("teach/learner.js", program, [drawing, 3])
    assert [[len(axis) for axis in stroke] for stroke in bent] == [[3, 3], [1, 1]]
    assert ask("teach/learner.js", program, [drawing, 3]) == [bent, mirrored]
    assert ask("teach/learner.js", program, [drawing, 4])[0] != bent
    assert bent[0][0][2] > bent[0][0][0] and mirrored[0][0][2] < mirrored[0][0][0]


def test_there_are_fewer_copies_of_many_drawings():
    found = ask("teach/learner.js", "(counts) => counts.map(it.copiesFor)", [1, 50, 400, 1000, 4000, 10_000])
    assert found == [9, 9, 9, 3, 0, 0]


def test_it_gives_way_at_each_drawing_that_it_looks_at_however_few_copies_there_are():
    program = """(copies) => {
      const contract = { longest_side: 20, image_shape: [28, 28], centring: "mass", centre: [14, 14] };
      const network = { layers: [], cut: 0, contract };
      return [...it.rowsOf(network, { id: 1, drawing: [[[0, 9], [0, 9]]] }, copies)].length;
    }"""
    assert [ask("teach/learner.js", program, copies) for copies in (0, 2)] == [1, 3]


def test_many_drawings_are_judged_in_fewer_parts():
    """Each part costs a learning from the others."""
    program = f"""(counts) => counts.map((count) => {{ {FINISH}
      const labels = Array.from({{ length: count }}, (_, i) => i % 2);
      const groups = grouped(labels.map((label) => [[label]]));
      const steps = [...it.judge(network, groups, labels, 2, false)].length - count;  // and one for each drawing
      return steps / [...it.learned(network, groups, labels, 2, false, 1 / 2)].length;
    }})"""
    assert ask("teach/learner.js", program, [6, 150, 900]) == [6, 24, 4]


def test_the_first_guesses_come_from_some_drawings_of_each_class():
    samples = [{"label": label, "id": i} for i, label in enumerate([7, 7, 5, 7, 5, 9])]
    found = ask("teach/worker.js", "(samples) => [it.someOf(samples, 2), it.someOf(samples, 0.5)]", samples)
    assert [[one["id"] for one in some] for some in found] == [[0, 1, 2, 4, 5], [0, 2, 5]]
