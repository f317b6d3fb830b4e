"""The tables: means over the seeds, of the report's recipe and of the best of the others."""

import numpy as np
from scipy import stats

from experiments import table
from jaxdoodle.core.record import Record


def variant(name, *correct, sets=("validation", "test")):
    scores = ({set_name: {"correct": n, "total": 200} for set_name in sets} for n in correct)
    return Record(name, extra={"parameters": 1234}, runs=tuple(Record(scores=one) for one in scores))


def rows(tmp_path, *variants, reported=None):
    record = Record("some", extra={"reported": reported or {}}, runs=variants)
    record.write(tmp_path / "some" / "record.json")
    return table.results_table(tmp_path).splitlines()[2:]


def test_a_row_has_the_mean_and_the_range_of_the_seeds(tmp_path):
    (row,) = rows(tmp_path, variant("report", 100, 103), reported={"test": 0.5})
    assert row == "| `some` | report | 1,234 | test | 50.00 % | 101.5 of 200: 50.75 % | 50.00 to 51.50 |  | 2 |"


def test_the_mean_recall_comes_from_the_record_or_from_its_counts_by_class(tmp_path):
    said = {"correct": 150, "total": 200, "mean_recall": 0.25}
    counted = {"correct": 150, "total": 200, "correct_by_class": [150, 0, 0], "total_by_class": [150, 50, 0]}
    for score, shown in ((said, "25.00 %"), (counted, "50.00 %")):
        one = Record("report", extra={"parameters": 1}, runs=(Record(scores={"test": score}),))
        assert rows(tmp_path, one)[0].split(" | ")[7] == shown


def test_the_row_of_a_network_has_what_it_keeps_and_what_it_refuses_by_kind():
    extra = {"own": {"kept": 95, "total": 100}, "refused": {"scribbles": {"refused": 3, "total": 4}}}
    runs = tuple(Record(scores={"test": {"correct": n, "total": 100}}, extra=extra) for n in (97, 98))
    lines = {"lines": {"refused": 1, "total": 1}}
    other = Record("b", runs=(Record(scores=runs[0].scores, extra=extra | {"refused": lines}),))
    found = table.outliers_table(Record("outliers", runs=(Record("a", runs=runs), other))).splitlines()
    assert found[0] == "| network | accuracy | own kept | scribbles | lines | n |"
    assert found[2:] == ["| a | 97.50 % | 95.0 % | 75.0 % |  | 2 |", "| b | 97.00 % | 95.0 % |  | 100.0 % | 1 |"]


def test_a_change_of_a_recipe_is_told_by_pairs_of_seeds():
    record = Record("ablation", runs=(variant("whole", 180, 184, 188), variant("less", 178, 183, 184)))
    first, second = table.ablation_table(record).splitlines()[2:]
    assert first == "| whole | 92.00 % | 3 |  |"
    gains = [-1.0, -0.5, -2.0]  # of 200
    reach = stats.t.ppf(0.975, 2) * stats.sem(gains)
    middle = np.mean(gains)
    assert second == f"| less | 90.83 % | 3 | {middle:+.2f} ({middle - reach:+.2f} to {middle + reach:+.2f}) |"


def test_of_the_others_the_best_on_validation_is_shown(tmp_path):
    found = rows(tmp_path, variant("report", 190), variant("worse", 100), variant("better", 150))
    assert [row.split(" | ")[1] for row in found] == ["report", "better"]


def test_a_choice_on_the_test_set_is_marked_as_such(tmp_path):
    variants = [variant(name, n, sets=("test",)) for name, n in (("report", 190), ("a", 100), ("b", 150))]
    assert [row.split(" | ")[1] for row in rows(tmp_path, *variants)] == ["report", "b (chosen on test)"]
    assert [row.split(" | ")[1] for row in rows(tmp_path, *variants[:2])] == ["report", "a"]


def test_records_that_hold_no_variants_have_no_row(tmp_path):
    Record("worked", extra={"reported": {"conv": [[1]]}}).write(tmp_path / "worked" / "record.json")
    assert rows(tmp_path, variant("report", 1)) == table.results_table(tmp_path).splitlines()[2:]
    assert len(table.results_table(tmp_path).splitlines()) == 3
