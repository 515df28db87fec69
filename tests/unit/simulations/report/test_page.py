"""The page: self-contained, escaped, honest about what is missing, in two languages, and with intervals."""

import re
from functools import lru_cache
from html.parser import HTMLParser

import pytest

from simulations.options import Language
from simulations.report.language import Words
from simulations.report.notes import Note
from simulations.report.page import render
from simulations.report.sentences import cards, in_sentences
from tests.support.sample import TITLE, sample

CHARTS = ("ladder-sampled", "ladder-full", "curve", "newcomers", "strips", "concepts", "journey", "fairness")
ENGLISH = Words("en")


class Page(HTMLParser):
    """Collects what a browser would fetch, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.styles = ""
        self.shown: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_style = tag == "style"
        pointed = [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.fetched += [target for target in pointed if not target.startswith("#")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data
            self._in_style = False
        elif data.strip():
            self.shown.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.shown)


@lru_cache
def usual(language: Language = "en") -> str:
    """The page of the sample, drawn once."""
    return render(sample(), language=language)


def described(text: str, chart: str) -> str:
    """What a chart is to who does not see it."""
    found = re.search(rf'<desc id="{chart}-words">(.*?)</desc>', text)
    assert found, chart
    return found[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_fetches_nothing_and_runs_nothing(language) -> None:
    text = usual(language)
    page = Page(text)
    assert page.fetched == []
    assert not {"script", "link", "iframe", "img", "image", "object", "base"} & set(page.tags)
    assert "prefers-color-scheme: dark" in page.styles
    assert "@media print" in page.styles
    assert "url(" not in page.styles
    assert "@import" not in page.styles
    assert "http" not in text.replace(TITLE, "").replace("http-equiv", "").replace("http://example.org/film", "")
    assert sorted(page.ids) == sorted(set(page.ids))
    targets = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', text)
    assert {name for target in targets for name in target.split()} <= set(page.ids)


def test_markup_in_a_title_is_shown_and_not_obeyed() -> None:
    text = render(sample(data="<i>demo</i>", notes=[Note.told("<u>note</u>")]))
    page = Page(text)
    assert "<script" not in text
    assert not {"u", "b"} & set(page.tags)
    assert page.tags.count("i") == text.count("<i style=")
    assert any(TITLE in shown for shown in page.shown)


def test_a_figure_that_was_not_computed_is_a_dash() -> None:
    nothing = {"sampled": {"hr@10": None}, "full": None}
    some = {"sampled": {"hr@10": 0.4}, "full": None}
    text = render(sample(metrics=nothing, baselines={"popularity": some}, cost={}, learnt={}, curve=[], device=None))
    assert "<td>–</td>" in text
    assert "None" not in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_the_best_figure_of_a_column_is_bold_and_no_other() -> None:
    text = usual()
    assert "<strong>0.420</strong>" in text
    assert "<strong>0.225</strong>" not in text


def test_the_first_sentence_is_made_of_the_records_figures() -> None:
    lead = in_sentences(sample(), ENGLISH)
    assert lead == [
        "Training on 300 people's devices brought nDCG@10 from 0.310 to 0.420: +0.110, 95 % interval +0.080 to +0.140.",
        "Privacy spent: epsilon 3.15 for each window of events.",
    ]
    assert lead[0].replace("95 %", "95\u00a0%") in Page(usual()).text.replace("95 %", "95\u00a0%")
    unsure = sample(
        learnt={"sampled": {"ndcg@10": 0.01, "low": -0.01, "high": 0.03}},
        without_privacy={"sampled": {"ndcg@10": 0.525}},
        kept={"mean": 0.8, "low": 0.75, "high": 0.85},
        privacy={"user": None, "event": None},
    )
    lead = in_sentences(unsure, ENGLISH)
    assert lead[0].endswith("which is not surely more than nothing.")
    assert "reaches 0.525; this one keeps 80 % (75 % to 85 %) of it" in lead[1]
    assert lead[2] == "Nothing is promised to anybody in this run."
    below = sample(without_privacy={"sampled": {"ndcg@10": 0.2}}, kept={"mean": 2.1, "low": 2.0, "high": 2.2})
    assert "shows no price of privacy" in in_sentences(below, ENGLISH)[1]


def test_four_cards_stand_above_all() -> None:
    user = {"epsilon": 7.991, "delta": 1e-6}
    told = cards(sample(privacy={"user": user, "event": {"epsilon": 5.4, "delta": 1e-6}}), ENGLISH)
    assert [(card.value, card.below) for card in told] == [
        ("0.420", "95 % interval 0.390 to 0.450"),
        ("+0.110", "95 % interval +0.080 to +0.140"),
        ("ε 8.00", "and ε 5.40 for each window of events"),
        ("240.0 kB", "and 21 ms of its work"),
    ]
    assert cards(sample(privacy={"user": None, "event": None}), ENGLISH)[2].value == "none"


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_has_a_title_and_words_with_its_figures(chart) -> None:
    text = usual()
    assert f'role="img" aria-labelledby="{chart}-title {chart}-words"' in text
    assert re.search(rf'<title id="{chart}-title">[^<]{{10,}}</title>', text)
    assert re.search(r"\d", described(text, chart))
    assert not re.search("nan|None|inf", described(text, chart))


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ("ladder-sampled", "this run 0.420 (0.390 to 0.450)"),
        ("ladder-full", "untrained 0.070 (0.050 to 0.090)"),
        ("curve", "this run from 0.050 (0.030 to 0.070) to 0.090 (0.070 to 0.110)"),
        ("curve", "told by devices from 0.085 (0.065 to 0.105)"),
        ("curve", "rule at 0.050: untrained"),
        ("curve", "rule at 0.075: EASE"),
        ("newcomers", "frozen texts from 0.250 (0.150 to 0.350)"),
        ("fairness", "few events 0.310 (0.210 to 0.410)"),
        ("journey", "war &amp; drama from 10 % to 62 %"),
        ("concepts", "war &amp; drama leads to comedy"),
        ("strips", "with its share of the noise (largest 2.500)"),
    ],
)
def test_what_is_measured_is_drawn_with_its_interval(chart, told) -> None:
    assert told in described(usual(), chart)


def test_a_rule_is_drawn_for_the_best_by_id_alone() -> None:
    assert "ItemKNN" not in described(usual(), "curve")


def test_colours_are_the_pages_own_and_every_one_has_two() -> None:
    text = usual()
    light, rest = text.split("prefers-color-scheme: dark", 1)
    dark, printed = rest.split("@media print", 1)
    named = set(re.findall(r"var\(--(\w+)\)", text))
    for part in (light, dark, printed[: printed.index("}")]):
        assert named <= set(re.findall(r"--(\w+):", part))
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"#[0-9a-f]{6}\b", drawn.replace("url(#", "").replace('href="#', "")), "a colour that is fixed"


def test_letters_are_of_one_size_in_all_charts() -> None:
    sizes = {float(size) for size in re.findall(r"font-size: ([0-9.]+)px", usual())}
    assert sizes <= {9.5, 11.0}
    assert set(re.findall(r'viewBox="0 0 (\d+) ', usual())) == {"360"}, "drawn as wide as a phone shows them"


def test_a_run_without_rounds_examples_losses_and_notes_still_makes_a_page() -> None:
    bare = sample(
        curve=[], rounds_table=[], load_losses=[], examples=[], notes=[], federation_toml="", baselines={},
        cold_start={}, cold_start_curve=[], answers=[], journey=None, concept_map=None, fairness=[], device=None,
        intervals={}, rules={}, versions={},
    )  # fmt: skip
    shown = Page(render(bare)).shown
    assert "No round was evaluated." in shown
    assert "Every row was used." in shown
    assert "No sum of this run was masked, so that there is no masked vector to show." in shown
    assert "One person through time" not in shown


def test_the_privacy_statement_names_unit_neighbours_loss_and_observer() -> None:
    shown = Page(usual()).text
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


def test_who_could_learn_what_follows_from_the_terms() -> None:
    user = {"epsilon": 8.0, "delta": 1e-6, "epsilon_alone": 376.28}
    shown = Page(render(sample(privacy={"user": user, "event": None}))).text
    assert "the server, with up to 10 % of a cohort in league masked vectors, and of them the sum" in shown
    assert "by a factor of 2,981 at most" in shown, "e to the power 8 is 2980.96"
    assert "epsilon 376.28, no promise; the registry that certifies devices is trusted" in shown
    ideal = sample(privacy={"user": user, "event": None}, federation_toml='[sum]\nmode = "ideal"\n')
    shown = Page(render(ideal)).text
    assert (
        "noised vectors without masks: a study what its own share of the noise does not hide: epsilon 376.28" in shown
    )
    openly = sample(privacy={"user": None, "event": None}, federation_toml='[sum]\nmode = "plain"\n')
    shown = Page(render(openly)).text
    assert "each vector as it is whatever the vectors tell: nothing stands before it no" in shown
    assert "by a factor of" not in shown


def test_what_left_a_device_is_counted() -> None:
    shown = Page(usual()).shown
    # 90 and 95 devices sent 240,000 bytes each time, and one round was skipped; an evaluation's 70 as much
    at = shown.index("update: how the model should change")
    assert shown[at + 1 : at + 5] == ["2", "–", "–", "2.5 kB"]
    at = shown.index("evaluation: how well it ranked")
    assert shown[at + 1 : at + 5] == ["1", "–", "–", "3.4 kB"]
    assert "statistics: which items were chosen" not in shown, "no count was held"
    assert "join: keys and commitment" in shown
    assert "Numbers 9 to 11 of the 400 that one simulated device" in " ".join(shown)


def test_an_epsilon_that_protects_nobody_is_called_so() -> None:
    shown = Page(render(sample(privacy={"user": None, "event": {"epsilon": 72.4, "delta": 1e-6}}))).text
    assert "take it for no protection" in shown
    assert "million" not in shown


def test_rounds_are_summed_up() -> None:
    shown = Page(usual()).shown
    # in training 90, 3 and 95 answered: fewest 3, median 90, most 95; one was skipped; an evaluation is no such round
    assert shown[shown.index("rounds of training") + 1] == "3"
    assert "3, 90, 95" in shown
    assert shown[shown.index("evaluations") + 1] == "1"
    assert shown[shown.index("skipped, too few answers") + 1] == "1"


def test_what_each_model_sees_stands_beside_it() -> None:
    rows = {row["model"]: row["sees"] for row in sample(baselines={"ease": {}, "zero-shot": {}}).table()}
    assert rows == {
        "hushrec": "sums, or what each device sends",
        "untrained": "the public catalogue",
        "ease": "everybody's raw logs; no new items",
        "zero-shot": "the public catalogue",
    }


@pytest.mark.parametrize(
    "part",
    ["2 May, 09:00", "62 %", "your interest in war & drama (70 %)", "how often others choose it (30 %)", "up 1", "new"],
)
def test_an_example_person_is_shown_with(part: str) -> None:
    assert part in Page(usual()).text


def test_audits_beside_a_run_are_shown() -> None:
    outcome = {
        "pass": True, "control_caught": False, "statistic": 0.5, "interval": None, "bar": 1.0, "sentence": "It held.",
    }  # fmt: skip
    shown = Page(render(sample(), {"membership": outcome})).shown
    at = shown.index("membership")
    assert shown[at + 1 : at + 7] == ["yes", "no", "0.500", "–", "1.000", "It held."]
    assert any("No audit results lie beside this run." in one for one in Page(usual()).shown)


def test_a_reader_without_eyes_gets_names_for_charts_and_tables() -> None:
    text = usual()
    assert '<html lang="en">' in text
    assert text.count("<h1>") == 1
    assert 'scope="col"' in text
    assert 'scope="row"' in text


def test_a_chinese_page_says_the_same_figures_and_leaves_no_english_sentence() -> None:
    english, chinese = (Page(usual(language)).text for language in ("en", "zh"))
    assert '<html lang="zh-Hans">' in usual("zh")
    assert "nDCG@10 从 0.310 升到 0.420" in chinese
    assert "有 1 轮因回答的设备太少而跳过。" in chinese
    assert "1 rounds were skipped" in english
    for figure in ("+0.110", "23.1", "0.390", "3, 90, 95".replace(", ", "、")):
        assert figure in chinese
    told = re.sub(r'<(\w+)[^>]* lang="en".*?</\1>|<pre>.*?</pre>', "", usual("zh"), flags=re.DOTALL)
    sentence = re.compile(r"[a-z]+ [a-z]+ [a-z]+ [a-z]+")
    assert sentence.findall(Page(told).text) == []
    assert sentence.findall(english)
