"""Off-policy estimates of a release, on a log whose makers' chances and rewards are known."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from client import Recommender
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured, NotYet
from simulations.cli import app
from simulations.datasets import Dataset, export_dataset
from simulations.studies import evaluate_log
from tests.support.tiny import catalogue

PEOPLE, SHOWN, TOP = 60, 25, 5
ITEMS = list(catalogue())


EARNS = (0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5, 0.5)  # the chances of the first that the release would offer
ELSE = 0.1


@pytest.fixture(scope="module")
def release(tiny, tmp_path_factory):
    """A release with an interest to follow, its folder, and a recommender of it."""
    made, model = tiny.release()
    folder = tmp_path_factory.mktemp("release")
    made.save(folder)
    return folder, Recommender(made, model)


@pytest.fixture(scope="module")
def log(release):
    """Each did three things, and was then shown one item after the other at one moment, some likelier than others."""
    _, recommender = release
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(len(ITEMS), 5.0))
    people = {}
    for person in range(PEOPLE):
        met = rng.choice(len(ITEMS), 3, replace=False)
        events = [Event(float(place), EventKind.CLICK, ITEMS[row].id) for place, row in enumerate(met)]
        offers = recommender.recommend(events, len(EARNS))
        earns = dict(zip((offer.row for offer in offers), EARNS, strict=True))
        for row in rng.choice(len(ITEMS), SHOWN, p=chances):
            taken = rng.random() < earns.get(int(row), ELSE)
            kind = EventKind.CLICK if taken else EventKind.SKIP
            events.append(Event(9.0, kind, ITEMS[row].id, propensity=float(chances[row])))
        people[f"person {person}"] = events
    return Dataset.of("log", ITEMS, people)


def test_every_estimate_lies_about_the_truth_as_its_interval_says_and_the_log_itself_does_not(release, log):
    found = evaluate_log(release[0], log, top=TOP)
    expected = np.mean(EARNS[:TOP])
    assert expected > found["logged"]["high"] + 0.2
    for name in ("ips", "snips", "dr"):
        error = (found[name]["high"] - found[name]["low"]) / (2 * 1.96)
        assert abs(found[name]["value"] - expected) < 3 * error < 0.2  # over 40 such logs none is off in the mean
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert PEOPLE < found[name]["effective_events"] < found["events"]
    assert found["mean_weight"] == pytest.approx(1.0, abs=0.15)
    assert (found["events"], found["people"]) == (PEOPLE * SHOWN, PEOPLE)
    assert found["left_out"] == {"without propensity": 3 * PEOPLE}


def test_of_many_events_those_of_some_people_are_asked(release, log):
    found = evaluate_log(release[0], log, top=TOP, most_events=10 * SHOWN)
    assert (found["events"], found["people"]) == (10 * SHOWN, 10)
    assert found["left_out"]["of people not drawn"] == (PEOPLE - 10) * SHOWN


def changed(log, change):
    return Dataset.of("log", ITEMS, {person.id: change(person.events) for person in log.people})


def test_a_log_that_cannot_tell_is_refused_with_the_reason(release, log):
    folder, _ = release
    bare = changed(log, lambda events: [Event(e.time_seconds, e.kind, e.item) for e in events])
    with pytest.raises(Misconfigured, match=r"log: expected events with propensity.*got none \(1680 events without"):
        evaluate_log(folder, bare)
    chosen = changed(log, lambda events: [event for event in events if event.kind is EventKind.CLICK])
    with pytest.raises(Misconfigured, match="choices alone; without it every policy earns everything"):
        evaluate_log(folder, chosen)
    away = changed(log, lambda events: [*events[:3], Event(9.0, EventKind.SKIP, events[0].item, propensity=0.5)])
    with pytest.raises(NotYet, match="got none among its first 10 items"):  # what was met is never offered again
        evaluate_log(folder, away)


def test_the_command_prints_estimates_with_intervals(release, log, tmp_path):
    export_dataset(log, tmp_path / "log")
    line = ["evaluate-log", str(release[0]), f"events:{tmp_path / 'log'}", "--top", str(TOP)]
    found = json.loads(CliRunner().invoke(app, [*line, "--json"]).stdout)
    assert found["snips"].keys() == {"value", "low", "high", "effective_events"}
    assert "effective_events" in CliRunner().invoke(app, line).stdout
