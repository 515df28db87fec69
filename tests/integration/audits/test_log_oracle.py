"""Nothing but the sum depends on the log: an active server that only looks at whether and how devices answer learns
nothing, and the same attack on a device whose failures get out finds the item.

Time is looked at by the audit `log-independence`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import client.device
from client.contributing import Contributor
from shared.behaviour import Event, EventKind
from shared.privacy import quantise_rows
from shared.release.release import Release
from shared.tasks import TASKS
from tests.integration.audits.server import Seen, Server, Victim, found_by_halving
from tests.support.tiny import Log, Tiny, events

LEVELS = ("user", "both")
HELD_OUT, MET = "music-3", "cycling-2"  # the last event, and one among those before it
SECRET = Log(events(["garden-0", MET, "garden-2", "garden-4"]), events([HELD_OUT]))
Make = Callable[[Sequence[str]], Release]


class Leaking(Contributor):
    """Lets out what goes wrong over the log, and that an update took no gradient: the control."""

    def contribution(self, request: Any, installed: Any, vector: Any, dimension: int, clip_norm: float) -> Any:
        made = self._computed(request, installed, vector)
        made.check(dimension)
        if request.task == "update" and not made.vector.any():
            raise RuntimeError("nothing moved")
        return made


@pytest.fixture(scope="module", params=LEVELS)
def server(request: pytest.FixtureRequest, tiny: Tiny) -> Server:
    return Server.of(tiny, request.param)


def made_by(server: Server, way: str) -> Make:
    return {"catalogue": server.with_catalogue_of, "index": server.with_index_of}[way]


# By name: the task that is asked for, what the server makes of its releases, and what it is after.
ATTACKS = {
    "oracle": ("evaluation", "catalogue", HELD_OUT),
    "moved": ("update", "index", MET),
}


def suspects_of(server: Server) -> list[str]:
    """All items but the garden's, which no release of an attack shows: one suspect alone then makes the difference."""
    return [item for item in server.items if not item.startswith("garden")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_control_whose_failures_get_out_is_read_exactly(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    task, way, expected = ATTACKS[attack]
    monkeypatch.setattr(client.device, "Contributor", Leaking)
    victim, make = Victim(server, tmp_path, SECRET), made_by(server, way)
    assert found_by_halving(lambda items: victim.advertise(make(items), task), suspects_of(server)) == expected
    assert victim.rounds <= 2 + 5  # 18 items by halving
    assert victim.charges() == []


@pytest.mark.parametrize("way", ["catalogue", "index"])
@pytest.mark.parametrize("task", TASKS)
def test_a_device_as_shipped_answers_alike_whatever_the_releases_hold(
    server: Server, tmp_path: Path, task: str, way: str
) -> None:
    victim, make, seen = Victim(server, tmp_path, SECRET), made_by(server, way), set()

    def ask(items: Sequence[str]) -> Seen:
        seen.add(look := victim.advertise(make(items), task))
        return look

    suspects = suspects_of(server)
    assert found_by_halving(ask, suspects) is None
    for one in (HELD_OUT, MET, "music-2"):  # and with either half of the way there, to the single item
        for shown in ([one], [item for item in suspects if item != one]):
            ask(shown)
    ((kind, fields, _),) = seen
    assert (kind, fields) == ("train.join", (("sum", ("message",)),))


@pytest.mark.parametrize("task", TASKS)
def test_an_attack_that_goes_through_whole_rounds_is_charged_for_each(
    server: Server, tmp_path: Path, task: str
) -> None:
    victim, made = Victim(server, tmp_path, SECRET), server.with_catalogue_of([])
    looks = [victim.whole_round(made, task) for _ in range(2)]
    assert looks[0] == looks[1]
    assert [seen[0] for seen in looks[0]] == ["train.join", "query.share", "query.mask", "query.agree", "query.unmask"]
    charged = victim.charges()
    assert {number for _, number, _ in charged} == {"statistics": {0}, "evaluation": {0, 1}, "update": {1, 2}}[task]
    assert set(Counter(event for _, _, event in charged).values()) == {2}  # what each round cost, twice


def test_a_persons_device_makes_all_draws_of_its_rounding(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many draws a vector needs depends on the log, and so does the time that they take."""
    drawn = []

    def counted(*given: Any) -> Any:
        drawn.append(given[-1])
        return quantise_rows(*given)

    monkeypatch.setattr("client.secagg.encode.quantise_rows", counted)
    Victim(server, tmp_path, SECRET).whole_round(server.with_catalogue_of([]), "update")
    assert drawn == [True, False, False, False]  # those of the server's own beside it need not


# --- made-up logs

ODD_ITEMS = [None, "garden-0", "garden-1", "music-3", "kitchen-5", "decoy-1", "withdrawn", "", "🪴", "a" * 300]


@st.composite
def odd_events(draw: st.DrawFn) -> Event:
    """An event as the store could hold it: unknown items, words in any script, empty things, numbers at their ends."""
    item = draw(st.sampled_from(ODD_ITEMS))
    text = draw(st.sampled_from(["", "rose", "膝盖疼", "\x00\u202e", "a " * 200, "[UNK]"]))
    return Event(
        draw(st.sampled_from([0.0, -1e18, 1.5, 1e18, 1e300])),
        draw(st.sampled_from(list(EventKind))),
        item or (None if text else "withdrawn"),
        text,
        value=draw(st.sampled_from([None, 0.0, 5.0, -1e30])),
        context=draw(st.sampled_from([(), (("hour", "20"),), (("hour", "no hour"), ("place", "Thule"))])),
        shown=tuple(draw(st.lists(st.sampled_from(["garden-0", "music-1", "withdrawn"]), max_size=3))),
        propensity=draw(st.sampled_from([None, 1.0, 1e-30])),
    )


class Unreadable:
    """A log of which nothing can be had."""

    def events(self) -> Sequence[Event]:
        raise OSError("knee pain")

    held_out = events


LOGS = st.one_of(
    st.builds(Log, st.lists(odd_events(), max_size=14), st.lists(odd_events(), max_size=2)),
    st.builds(Log, st.just([]), st.just([])),
    st.builds(Unreadable),
)


@pytest.mark.parametrize("task", TASKS)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(log=LOGS)
def test_whatever_is_in_the_log_all_phases_and_charges_are_those_of_an_empty_one(
    server: Server, tmp_path_factory: pytest.TempPathFactory, task: str, log: Any
) -> None:
    looks, charges = [], []
    for one in (Log([]), log):
        victim = Victim(server, tmp_path_factory.mktemp("device"), one)
        looks.append(victim.whole_round(server.release, task))
        charges.append(victim.charges())
    assert looks[0] == looks[1]
    assert charges[0] == charges[1] != []


def test_the_same_property_catches_the_control(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.device, "Contributor", Leaking)
    seen = {
        name: Victim(server, tmp_path / name, log).advertise(server.release, "update")
        for name, log in (("enough", SECRET), ("empty", Log([])), ("unreadable", Unreadable()))
    }
    assert [seen[name][1] for name in ("enough", "empty")] == [(("sum", ("message",)),), (("answer", ("status",)),)]
    assert str(seen["unreadable"][1]).startswith("RuntimeError: ")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parameters_of_the_servers_choice_that_blow_up_change_nothing_either(server: Server, tmp_path: Path) -> None:
    """Finite numbers, as large as they may be: what comes of them on a device is not finite, for some logs."""
    huge = replace(server.release, vector=np.full_like(server.release.vector, 3e38))
    for task in TASKS:
        empty = Victim(server, tmp_path / f"{task} empty", Log([]))
        full = Victim(server, tmp_path / f"{task} full", SECRET)
        assert empty.whole_round(huge, task) == full.whole_round(huge, task)
        assert empty.charges() == full.charges()
