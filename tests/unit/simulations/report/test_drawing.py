"""Charts inside a page: text as text, colours of the page, nothing that reaches beyond them."""

import re
from xml.etree import ElementTree

from simulations.report.drawing import QUIET, SERIES, apart, draw
from simulations.report.rows_chart import shortened


def chart(name="one", label="<b> & $x$ 概念"):
    def content(figure):
        axes = figure.add_axes((0, 0, 1, 1))
        axes.plot([0, 1], [0, 1], color=SERIES[0], marker="o")
        axes.text(0.5, 0.5, label, color=QUIET)

    return draw(name, "A <title>", "0.1 & more", 100, content)


def test_text_stays_text_and_is_escaped() -> None:
    root = ElementTree.fromstring(chart().svg)
    assert "<b> & $x$ 概念" in [element.text for element in root.iter("text")]
    assert [root.find("title").text, root.find("desc").text] == ["A <title>", "0.1 & more"]
    assert "font-family" not in chart().svg


def test_colours_are_custom_properties() -> None:
    assert "stroke: var(--c0)" in chart().svg
    assert "fill: var(--quiet)" in chart().svg
    assert "#0102" not in chart().svg


def test_two_charts_share_no_name_and_style_nothing_outside() -> None:
    names = [set(re.findall(r' id="([^"]+)"', chart(name).svg)) for name in ("one", "two")]
    assert names[0]
    assert not names[0] & names[1]
    assert "<style" not in chart().svg
    assert "http" not in chart().svg


def test_equal_charts_are_equal_byte_for_byte() -> None:
    assert chart().svg == chart().svg


def test_labels_keep_their_distance_and_their_order() -> None:
    assert apart([0.5, 0.5, 0.9], 0.2) == [0.4, 0.6, 0.9]
    assert apart([0.3, 0.1], 0.1) == [0.3, 0.1]
    # four at one place stand around it
    assert apart([1.0, 1.0, 1.0, 1.0], 1.0) == [-0.5, 0.5, 1.5, 2.5]
    assert apart([], 1.0) == []


def test_a_long_label_is_cut_where_there_is_no_more_room() -> None:
    assert shortened("popularity") == "popularity"
    assert shortened("a" * 30, 10) == "a" * 9 + "…"
    assert len(shortened("概念" * 10, 10)) <= 6
