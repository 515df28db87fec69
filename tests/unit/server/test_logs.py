"""Lines of the log, for people and for machines."""

import json
import logging

import pytest

from server.logs import formatter, log_line


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    with caplog.at_level(logging.INFO, "hushrec.server"):
        log_line("phase", logging.WARNING, task="update", failed={2: 1}, devices=("a", "b"), why="two words", none=None)
        logging.getLogger("hushrec.server").info("of another %s", "library")
    return caplog.records


def test_a_line_for_people_is_words_and_figures(records):
    line = formatter("text").format(records[0])
    assert line.endswith('WARNING phase task=update failed=2:1 devices=a,b why="two words" none=None')


def test_a_line_for_machines_is_one_object_whose_event_is_a_code(records):
    first, second = (json.loads(formatter("json").format(record)) for record in records)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "warning", "event": "phase", "task": "update", "failed": {"2": 1}, "devices": ["a", "b"],
        "why": "two words", "none": None,
    }  # fmt: skip
    assert (second["event"], second["message"]) == ("message", "of another library")


def test_a_line_for_machines_stays_one_line(caplog):
    with caplog.at_level(logging.INFO, "hushrec.server"):
        log_line("run ended", why="one\ntwo")
    line = formatter("json").format(caplog.records[0])
    assert "\n" not in line
    assert json.loads(line)["why"] == "one\ntwo"
