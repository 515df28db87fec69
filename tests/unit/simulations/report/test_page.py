"""The page: self-contained, escaped, honest about what is missing."""

import re
from html.parser import HTMLParser

import pytest

from simulations.report.curve import draw_curve, of_headline
from simulations.report.formatting import in_sentences
from simulations.report.page import render
from tests.support.sample import TITLE, sample


class Page(HTMLParser):
    """Collects what a browser would fetch, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.styles = ""
        self.shown: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_style = tag == "style"
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data
            self._in_style = False
        else:
            self.shown.append(" ".join(data.split()))


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    page = Page(render(sample()))
    assert page.fetched == []
    assert not {"script", "link", "iframe", "img", "object", "base"} & set(page.tags)
    assert "prefers-color-scheme: dark" in page.styles
    assert "url(" not in page.styles
    assert "@import" not in page.styles


def test_markup_in_a_title_is_shown_and_not_obeyed() -> None:
    text = render(sample(data="<i>demo</i>", notes=["<u>note</u>"]))
    page = Page(text)
    assert "<script" not in text
    assert not {"i", "u", "b"} & set(page.tags)
    assert any(TITLE in shown for shown in page.shown)


def test_a_figure_that_was_not_computed_is_a_dash() -> None:
    nothing = {"sampled": {"hr@10": None}, "full": None}
    some = {"sampled": {"hr@10": 0.4}, "full": None}
    text = render(sample(metrics=nothing, baselines={"popularity": some}, cost={}))
    assert "<td>–</td>" in text
    assert "None" not in text
    assert "nan" not in Page(text).shown


def test_the_best_figure_of_a_column_is_bold_and_no_other() -> None:
    text = render(sample())
    assert "<strong>0.420</strong>" in text
    assert "<strong>0.225</strong>" not in text


def test_the_first_events_of_new_people_are_drawn_with_a_line_per_model() -> None:
    text = render(sample())
    assert 'role="img" aria-labelledby="newcomers newcomers-words"' in text
    words = " ".join(Page(text).shown)
    assert "events so far" in words
    assert "hushrec, last 0.410" in words
    assert "zero-shot, last 0.250" in words
    drawn = text[text.index('id="newcomers"') : text.index('id="newcomers-words"')]
    assert drawn.count("<polyline") == 2
    assert 'id="newcomers"' not in render(sample(cold_start_curve=()))


def test_a_run_without_rounds_examples_losses_and_notes_still_makes_a_page() -> None:
    bare = sample(
        curve=[],
        rounds_table=[],
        load_losses=[],
        examples=[],
        notes=[],
        federation_toml="",
        baselines={},
        cold_start={},
    )
    shown = Page(render(bare)).shown
    assert "No round was evaluated." in shown
    assert "Every row was used." in shown
    assert "Example people" not in shown


def test_the_privacy_statement_names_unit_neighbours_loss_and_observer() -> None:
    shown = " ".join(Page(render(sample())).shown)
    assert "one window of a person's events in a row" in shown
    assert "the same device with one window emptied" in shown
    assert "3.15" in shown, "epsilon 3.141 is rounded up, never down"
    assert "1.0e-05" in shown
    assert "whoever sees the sums or a release" in shown
    assert "23.1 times" in shown, "e to the power 3.141 is 23.13"
    assert "This run makes no promise for everything one person ever did." in shown


def test_what_a_run_says_about_its_promise_goes_before_the_default_words() -> None:
    event = {"epsilon": 1.0, "delta": 1e-6, "against": "the server alone"}
    assert "the server alone" in render(sample(privacy={"user": None, "event": event}))


def test_beside_a_promise_to_persons_stands_what_is_left_of_it_alone() -> None:
    user = {"epsilon": 8.0, "delta": 1e-6, "epsilon_alone": 376.28, "alone": "the registry's word"}
    shown = " ".join(Page(render(sample(privacy={"user": user, "event": None}))).shown)
    assert "with nobody else's noise epsilon 376.28, no promise: the registry's word" in shown
    alone = sample(privacy={"user": {"epsilon": 8.0, "delta": 1e-6}, "event": None})
    assert "nobody else's noise" not in " ".join(Page(render(alone)).shown)


def test_rounds_are_summed_up() -> None:
    shown = Page(render(sample())).shown
    # in training 90, 3 and 95 answered: fewest 3, median 90, most 95; one was skipped; an evaluation is no such round
    assert shown[shown.index("rounds of training") + 1] == "3"
    assert "3, 90, 95" in shown
    assert shown[shown.index("evaluations") + 1] == "1"
    at = shown.index("skipped, too few answers")
    assert shown[at + 1] == "1"


def test_the_first_sentences_say_what_was_learnt_and_what_it_rests_on() -> None:
    lead = in_sentences(sample().to_record())
    assert lead[0].startswith("Training on 300 people's devices brought +0.110 nDCG@10")
    assert lead[0].endswith("(95 % interval +0.080 to +0.140).")
    assert lead[1:] == ["Privacy spent: epsilon 3.15 for each window of events."]
    unsure = sample(
        learnt={"sampled": {"ndcg@10": 0.01, "low": -0.01, "high": 0.03}},
        without_privacy={"sampled": {"ndcg@10": 0.525}},
        privacy={"user": None, "event": None},
    )
    lead = in_sentences(unsure.to_record())
    assert lead[0].endswith("that is not surely more than nothing.")
    assert "reaches 0.525; this one keeps 80 % of it" in lead[1]
    assert lead[2] == "Nothing is promised to anybody in this run."
    assert all(sentence in Page(render(unsure)).shown for sentence in lead)


def test_what_each_model_sees_stands_beside_it() -> None:
    rows = {row["model"]: row["sees"] for row in sample(baselines={"ease": {}, "zero-shot": {}}).table()}
    assert rows == {
        "hushrec": "sums, or what each device sends",
        "untrained": "the public catalogue",
        "ease": "everybody's raw logs; no new items",
        "zero-shot": "the public catalogue",
    }


def test_an_epsilon_that_protects_nobody_is_called_so() -> None:
    shown = " ".join(Page(render(sample(privacy={"user": None, "event": {"epsilon": 72.4, "delta": 1e-6}}))).shown)
    assert "take it for no protection" in shown
    assert "million" not in shown


def test_every_line_of_a_chart_has_a_colour_of_its_own() -> None:
    text = render(sample())
    styles = dict(re.findall(r"\.(line\d) \{ stroke: (var\(--c\d\))", text))
    assert len(set(styles.values())) == len(styles) == 6
    assert set(re.findall(r'class="line (line\d)"', text)) <= set(styles)
    light, dark = (set(re.findall(r"--c\d(?=:)", part)) for part in text.split("prefers-color-scheme: dark", 1))
    assert light == dark == {f"--c{number}" for number in range(6)}


def test_the_curve_is_one_metric_from_round_zero_with_its_interval() -> None:
    drawing = draw_curve(of_headline(sample().curve))
    assert drawing is not None
    assert [line.name for line in drawing.lines] == ["sampled ndcg@10", "federated ndcg@10"]
    assert drawing.rounds[0].label == "0"
    assert len(drawing.band.split()) == 2 * 3


@pytest.mark.parametrize("part", ["Latest events", "Concepts", "Recommendations", "like your latest events (70 %)"])
def test_an_example_person_is_shown_with(part: str) -> None:
    assert any(part in shown for shown in Page(render(sample())).shown)


def test_a_reader_without_eyes_gets_names_for_charts_and_tables() -> None:
    text = render(sample())
    assert '<html lang="en">' in text
    assert 'role="img" aria-labelledby="curve curve-words"' in text
    assert text.count("<h1>") == 1
    assert 'scope="col"' in text
    assert 'scope="row"' in text
