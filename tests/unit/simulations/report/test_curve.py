"""The learning curve: what is drawn of it, and the picture."""

import struct

from simulations.report.curve import newcomers, of_headline, picture, rules_of, series
from simulations.report.parts import CurvePoint
from tests.support.sample import sample


def test_a_metric_that_was_not_measured_in_a_round_has_no_dot_there() -> None:
    found = series([CurvePoint(1, {"a": 1.0, "b": None}), CurvePoint(2, {"a": 2.0, "b": 1.0}, (0.5, 1.5))])
    assert found == {"a": [(1, 1.0, None), (2, 2.0, (0.5, 1.5))], "b": [(2, 1.0, (0.5, 1.5))]}


def test_the_curve_is_one_metric_from_round_zero_with_its_interval() -> None:
    found = of_headline(sample().curve)
    assert found == {
        "sampled ndcg@10": [(0, 0.05, (0.03, 0.07)), (2, 0.08, (0.06, 0.1)), (3, 0.09, (0.07, 0.11))],
        "federated ndcg@10": [(2, 0.085, (0.065, 0.105))],
    }
    lists = [CurvePoint(0, {"impressions auc": 0.6, "sampled ndcg@10": 0.1}), CurvePoint(0, {"federated auc": 0.5})]
    assert list(of_headline(lists)) == ["impressions auc", "federated auc"]
    assert of_headline([]) == {}


def test_the_rules_are_the_start_and_of_the_models_by_id_the_best() -> None:
    assert rules_of(sample()) == {"untrained": 0.05, "popularity": 0.04, "ease": 0.075}
    assert rules_of(sample(rules={})) == {"untrained": 0.05}


def test_new_people_have_a_line_per_model_without_what_was_not_measured() -> None:
    assert newcomers(sample().cold_start_curve) == {
        "hushrec": [(0.0, 0.21, (0.11, 0.31)), (5.0, 0.41, (0.31, 0.51))],
        "zero-shot": [(5.0, 0.25, (0.15, 0.35))],
    }


def test_the_picture_is_a_png_even_without_a_curve_and_with_a_formula_in_its_title() -> None:
    for curve in ([], [CurvePoint(1, {"a": 0.5}), CurvePoint(2, {"a": 0.6}, (0.5, 0.7))]):
        png = picture(series(curve), "events:$_x$")
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", png[16:24]) == (1440, 720)
