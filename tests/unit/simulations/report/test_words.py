"""The words of the report: the same keys and figures in each language, none of them idle."""

import json
import re
from pathlib import Path
from typing import get_args

from client.recommender.reasons import Kind
from shared.behaviour import EventKind
from simulations.options import Language
from simulations.report.language import Words

FOLDER = Path(__file__).parents[4] / "simulations" / "report"
WORDS = json.loads((FOLDER / "templates" / "words.json").read_text(encoding="utf-8"))


def figures(sentence):
    return sorted(re.findall(r"{(\w+)}", sentence))


def test_every_language_says_the_same() -> None:
    assert WORDS.keys() == set(get_args(Language))
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.keys() == chinese.keys()
    assert {key for key in english if set(figures(english[key])) != set(figures(chinese[key]))} == set()
    untranslated = {key for key in english if english[key] == chinese[key]}
    assert untranslated == {
        "figure_with_interval", "model_item_knn", "model_ease", "model_ials", "model_bpr", "group_figure",
        "concept_share", "note_told",
    }  # fmt: skip


def test_no_sentence_is_idle() -> None:
    files = [path for path in FOLDER.rglob("*") if path.suffix in (".py", ".j2")]
    source = "".join(path.read_text(encoding="utf-8") for path in files).replace("'", '"')
    made = (
        "figure_", "model_", "group_", "message_", "event_", "reason_", "kind_", "sight_", "part_", "moved_", "cold_",
        "promise_user", "promise_event", "sees_server_", "tasks_", "lead_", "curve_", "note_",
        "stage_", "device_", "terminal_privacy_",
    )  # fmt: skip
    idle = {key for key in WORDS["en"] if not key.startswith(made) and f'"{key}"' not in source}
    assert idle == set()


def test_every_kind_of_event_and_reason_has_words() -> None:
    assert {f"event_{kind.value}" for kind in EventKind} <= WORDS["en"].keys()
    assert {f"reason_{kind}" for kind in (*get_args(Kind), "words")} <= WORDS["en"].keys()


def test_a_name_that_nobody_translated_stands_as_it_is() -> None:
    assert Words("zh").named("model", "own baseline") == "own baseline"
    assert Words("zh").named("model", "zero-shot") == "冻结的文本"
