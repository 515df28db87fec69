"""The learning curve in pixels and as a picture."""

import struct

from simulations.report.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw_curve, picture
from simulations.report.result import CurvePoint


def test_the_first_and_last_round_stand_at_the_edges_and_values_inside_the_axes() -> None:
    drawing = draw_curve(
        [CurvePoint(10, {"ndcg@10": 0.1}), CurvePoint(20, {"ndcg@10": 0.3}), CurvePoint(30, {"ndcg@10": 0.2})]
    )
    assert drawing is not None
    (line,) = drawing.lines
    assert [x for x, _ in line.dots] == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    ys = [y for _, y in line.dots]
    assert ys[1] < ys[2] < ys[0], "higher values stand higher"
    assert all(TOP <= y <= HEIGHT - BOTTOM for y in ys)
    assert line.last == 0.2


def test_a_metric_that_was_not_measured_in_a_round_has_no_dot_there() -> None:
    drawing = draw_curve([CurvePoint(1, {"a": 1.0, "b": None}), CurvePoint(2, {"a": 2.0, "b": 1.0})])
    assert drawing is not None
    assert {line.name: len(line.dots) for line in drawing.lines} == {"a": 2, "b": 1}


def test_one_point_and_equal_points_can_be_drawn() -> None:
    assert draw_curve([CurvePoint(5, {"a": 0.0})]) is not None
    assert draw_curve([CurvePoint(5, {"a": 0.5}), CurvePoint(6, {"a": 0.5})]) is not None


def test_nothing_is_drawn_without_a_measured_round() -> None:
    assert draw_curve([]) is None
    assert draw_curve([CurvePoint(1, {"a": None})]) is None


def test_the_picture_is_a_png_even_without_a_curve_and_with_a_formula_in_its_title() -> None:
    for curve in ([], [CurvePoint(1, {"a": 0.5}), CurvePoint(2, {"a": 0.6})]):
        png = picture(curve, "events:$_x$")
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", png[16:24]) == (1440, 720)
