"""``project.js``: classes and samples, and every change taken back."""

import json

import pytest

from jaxdoodle.core.validation import fits_in_name, is_blank
from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

BEGIN = """(() => {
  const p = new it.Project(), drawing = [[[0, 9], [0, 9]]];
  const sample = (label, drawer = "Ann") => ({ label, drawer, time: 0, drawing });
  const other = { drawer: "", time: 0, drawing: [[[0, 9], [0, 8]]] };
  const state = () => JSON.stringify([p.classes, [...p.samples.values()].sort((a, b) => a.id - b.id)]);
  const cat = p.addClass("cat"), dog = p.addClass("dog"), [one, two] = p.add([sample(cat.id), sample(dog.id)]);
"""

CHANGES = {
    "add a class": "p.addClass('tree')",
    "rename a class": "p.rename(cat, 'lion')",
    "remove a class": "p.removeClass(cat)",
    "put a class back": "p.removeClass(cat), p.addClass('cat')",
    "add drawings": "p.add([sample(dog.id), sample(cat.id, 'Ben')])",
    "bring drawings and classes": "p.bring([{ ...sample(0), word: 'cat' }, { ...other, word: 'tree' }])",
    "bring drawings of a removed class": "p.removeClass(cat), p.bring([{ ...other, word: 'cat' }])",
    "delete a drawing": "p.remove(one)",
    "say that it was another class": "p.move(one, dog.id)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_told_and_taken_back(change):
    program = f"""{BEGIN}
      const before = state(); let told = 0;
      p.addEventListener("change", () => told++);
      {CHANGES[change]};
      const after = state(), last = p.last;
      p.undo();
      if ({json.dumps("p.removeClass(cat), " in CHANGES[change])}) p.undo();
      return {{ changed: before !== after, back: before === state(), told, last }};
    }})"""
    found = ask("teach/project.js", f"() => {program}()")
    assert found["back"] and found["told"] >= 2 and found["last"]
    assert found["changed"] or change == "put a class back"


def test_what_is_brought_twice_is_there_once_and_what_there_is_no_room_for_is_counted():
    program = (
        BEGIN
        + """
      const line = (word, y) => ({ ...other, word, drawing: [[[0, 9], [0, y]]] });
      const twice = p.bring([line("cat", 3), line("cat", 3), line("cat", 9)]);
      const classes = p.bring(Array.from({ length: 600 }, (_, i) => line(`c${i}`, 1)));
      const drawings = p.bring(Array.from({ length: 20_001 }, (_, i) => line("cat", i + 10)));
      const full = [() => p.addClass("more"), () => p.add([sample(cat.id)])].map((change) => {
        try { change(); } catch (error) { return String(error); }
      });
      return [twice, classes, drawings, full, p.classes.length, p.samples.size];
    })"""
    )
    twice, classes, drawings, full, *sizes = ask("teach/project.js", f"() => {program}()")
    assert twice == {"added": 1, "classes": 1, "known": 2, "left": 0}
    assert classes == {"added": 498, "classes": 498, "known": 0, "left": 102} and sizes == [500, 20_000]
    assert drawings["left"] == 20_001 - drawings["added"] and drawings["added"] == 20_000 - 2 - 1 - 498
    assert full == ["RangeError: there are at most 500 classes", "RangeError: there are at most 20000 drawings"]


def test_a_removed_class_keeps_its_drawings_until_it_is_put_back():
    program = (
        BEGIN
        + """p.removeClass(cat);
      const while_removed = [p.active.map(({ name }) => name), p.samples.size];
      return [...while_removed, p.addClass("cat").id === cat.id, p.of(cat.id).length];
    })"""
    )
    assert ask("teach/project.js", f"() => {program}()") == [["dog"], 2, True, 1]


def test_after_a_reload_new_ids_differ_from_old_ones():
    program = (
        BEGIN
        + """
      const again = new it.Project();
      again.restore({ classes: p.classes, samples: [...p.samples.values()] });
      const ids = [...p.classes, ...p.samples.values()].map(({ id }) => id);
      return [ids.includes(again.addClass("tree").id), ids.includes(again.add([sample(cat.id)])[0].id), again.last];
    })"""
    )
    assert ask("teach/project.js", f"() => {program}()") == [False, False, "added a drawing"]


def test_what_the_library_refuses_as_a_name_the_page_refuses():
    names = ["cat", "a b", "\u00e9t\u00e9", "\u732b", "a\u200db", "a\u00a0b", "<b>", "x" * 255]
    names += ["", "  ", "\u200b", "a\x00b", "a\nb", "a\u202eb", "a\u2028b", "x" * 256, "\u00a0"]
    found = ask("teach/project.js", "(names) => names.map(it.nameFault)", names)
    expected = [fits_in_name(name) and not is_blank(name) and len(name) <= 255 for name in names]
    assert [fault is None for fault in found] == expected


@pytest.mark.parametrize("change", ["p.remove(one)", "p.move(one, dog.id)"])
def test_a_drawing_that_is_gone_is_not_changed(change):
    program = f"""{BEGIN}
      p.remove(one);
      const before = state(), {{ last }} = p; let told = 0;
      p.addEventListener("change", () => told++);
      {change};
      const same = before === state() && p.last === last && one.label === cat.id;
      p.undo();
      return [same, told, p.samples.has(one.id)];
    }})"""
    assert ask("teach/project.js", f"() => {program}()") == [True, 1, True]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("p.addClass(' ')", "RangeError: a name is not blank"),
        ("p.rename(cat, 'dog')", "RangeError: there is a class dog"),
        ("p.add([{ ...sample(cat.id), drawing: [[[1], [1]]] }])", "RangeError: the strokes are a single dot"),
        ("p.add([{ ...sample(cat.id), drawing: 'no' }])", "RangeError: a drawing is a list of strokes"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(change, fault):
    program = (
        BEGIN
        + f"const before = state(); try {{ {change}; }} catch (e) {{ return [String(e), before === state()]; }} }})"
    )
    found, same = ask("teach/project.js", f"() => {program}()")
    assert found.startswith(fault) and same
