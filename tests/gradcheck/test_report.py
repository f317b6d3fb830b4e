"""A report as data, as text and as JSON."""

import json
from dataclasses import replace

import numpy as np

from jaxdoodle.gradcheck import check

X = np.random.default_rng(0).normal(size=(3, 4))


def report_of(factor):
    return check(lambda x: (np.sin(x), x), lambda x, dy: factor * dy * np.cos(x), (X,), title="[sine]")


def test_a_report_is_true_where_every_gradient_is_right():
    assert report_of(1) and report_of(1).passed and not report_of(2)


def test_json_holds_plain_values_and_the_lines_of_a_finding():
    data = json.loads(report_of(-1).to_json())
    assert (data["title"], data["passed"]) == ("[sine]", False)
    assert data["findings"][0]["name"] == "sign flipped"
    assert data["findings"][0]["backward"]["file"] == __file__
    assert data["test_points"][0]["name"] == "as given"
    assert data["leaves"][0]["shape"] == [3, 4]


def test_text_shows_title_figures_and_finding():
    text = str(report_of(-1))
    assert text.startswith("✗ [sine]: 1 of 1 gradients are wrong")
    assert "1. sign flipped" in text
    assert "test points: as given ✗" in text


def test_wrong_gradients_are_kept_beside_the_right_ones():
    returned, right = report_of(3).arrays["x"]
    np.testing.assert_allclose(returned, 3 * right)
    assert not report_of(1).arrays


def test_of_several_points_a_decided_result_is_shown_however_large_the_others_are():
    report = report_of(1)
    first, second = report.test_points[:2]
    large = replace(second.leaves[0], verdict="undecided", figures=replace(second.leaves[0].figures, rel_l2=1e9))
    (shown,) = replace(report, test_points=(replace(first, leaves=(large,)), second)).leaves
    assert shown is second.leaves[0]
