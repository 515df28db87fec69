"""The schedule: rounds that the server orders by itself, by a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.home import Home, create_server, settings_of
from server.instance_lock import instance_lock
from server.training import scheduler as module
from server.training.jobs import TrainingProgress, complete_job, pending_job, read_progress, submit_job
from server.training.scheduler import Scheduler, read_schedule
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.files import write_atomically

HOUR = 3600.0
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


class Day:
    """A server that is up, whose clock, devices and training a test moves."""

    def __init__(self, home: Home) -> None:
        self.home, self.now = home, MIDNIGHT
        self.here = 60
        self.brings = True
        self.away = False
        self.ordered: list[float] = []
        self.restart()

    def restart(self) -> None:
        self.scheduler = Scheduler(Home.open(self.home.directory), self._devices_here, lambda: self.now)

    def _devices_here(self) -> int:
        if self.away:
            raise NotYet("SuperLink: away")
        return self.here

    def pass_hours(self, hours: float, each=lambda day: None) -> None:
        """Look every five minutes; what is ordered is done ten minutes later."""
        for _ in range(round(hours * 12)):
            each(self)
            order = pending_job(self.home)
            if order is not None and self.now - self.ordered[-1] >= 600:
                done = read_progress(self.home)
                skipped = done.skipped + (0 if self.brings else 1)
                after = TrainingProgress(round=order.until, skipped=skipped)
                write_atomically(self.home.training / "progress.json", after.model_dump_json().encode())
                complete_job(self.home, order)
            before = pending_job(self.home)
            self.scheduler.step()
            if before is None and pending_job(self.home) is not None:
                self.ordered.append(self.now)
            self.now += 300

    @property
    def hours(self) -> list[float]:
        return [round((then - MIDNIGHT) / HOUR, 2) for then in self.ordered]

    @property
    def waits_for(self) -> str:
        return read_schedule(self.home).waits_for


@pytest.fixture
def make_day(tmp_path: Path) -> Iterator:
    locks = []

    def make(**schedule: object) -> Day:
        home = create_server(tmp_path / "server", settings_of({"schedule": schedule}))
        home.chain.write_bytes(b"a link\n")
        lock = instance_lock(home)
        lock.__enter__()
        locks.append(lock)
        return Day(home)

    yield make
    for lock in locks:
        lock.__exit__(None, None, None)


def test_without_a_schedule_nothing_is_ordered(make_day):
    day = make_day()
    day.pass_hours(24)
    assert day.ordered == []
    assert not day.home.schedule_state.exists()


def test_a_round_is_ordered_every_so_many_hours(make_day):
    day = make_day(every_hours=6)
    day.pass_hours(24)
    assert day.hours == [0, 6, 12, 18]
    assert read_progress(day.home).round == 4


@pytest.mark.parametrize(
    ("from_hour", "until_hour", "expected"), [(9, 12, [9, 10, 11]), (22, 2, [0, 1, 22, 23]), (0, 24, list(range(24)))]
)
def test_rounds_begin_in_the_hours_that_are_set(make_day, from_hour, until_hour, expected):
    day = make_day(every_hours=1, from_hour=from_hour, until_hour=until_hour)
    day.pass_hours(24)
    assert [int(hour) for hour in day.hours] == expected


def test_a_round_waits_until_enough_devices_are_here(make_day):
    day = make_day(every_hours=1, devices=100)
    day.pass_hours(2)
    assert day.ordered == []
    assert day.waits_for == "100 devices, of which 60 are here"
    day.here = 100
    day.pass_hours(0.5)
    assert day.hours == [2]


def test_a_round_waits_for_as_many_devices_as_it_needs_whatever_the_schedule_says(make_day):
    day = make_day(every_hours=1, devices=1)
    day.here = day.home.federation().round.minimum_answers - 1
    day.pass_hours(2)
    assert day.ordered == []
    day.here += 1
    day.pass_hours(0.5)
    assert day.hours == [2]


def test_no_more_rounds_a_day_than_are_allowed(make_day):
    day = make_day(every_hours=1, rounds_per_day=3)
    day.pass_hours(48)
    assert day.hours == [0, 1, 2, 24, 25, 26]
    assert "3 rounds were ordered within a day" in day.waits_for


def test_rounds_that_bring_nothing_come_ever_later_and_one_that_does_ends_that(make_day):
    day = make_day(every_hours=2)
    day.brings = False
    day.pass_hours(40)
    assert day.hours == [0, 4, 12, 28]  # 2 x 2, 4 x 2, 8 x 2; then 24 at most
    assert "after 4 scheduled without a sum" in day.waits_for
    day.brings = True
    day.pass_hours(20)
    assert day.hours[4:] == [52, 54, 56, 58]


def test_a_paused_schedule_orders_nothing_until_it_goes_on(make_day):
    day = make_day(every_hours=1)
    day.home.schedule_pause.touch()
    day.pass_hours(3)
    assert day.ordered == []
    assert "hushrec-server resume" in day.waits_for
    day.home.schedule_pause.unlink()
    day.pass_hours(1)
    assert day.hours == [3]


def test_a_server_that_starts_again_orders_nothing_twice(make_day):
    day = make_day(every_hours=6)
    day.pass_hours(24, each=lambda day: day.restart())
    assert day.hours == [0, 6, 12, 18]


def test_a_training_that_is_over_and_a_superlink_that_is_away_are_waited_out(make_day):
    day = make_day(every_hours=1)
    day.away = True
    with pytest.raises(NotYet):
        day.scheduler.step()
    day.away = False
    last = day.home.federation().training.rounds
    write_atomically(day.home.training / "progress.json", TrainingProgress(round=last).model_dump_json().encode())
    day.pass_hours(2)
    assert day.ordered == []
    assert "training.rounds" in day.waits_for


def test_a_day_with_devices_that_come_and_go(make_day):
    """At night 80 devices are connected, by day 20; at five the network is gone for an hour; a round brings nothing."""
    day = make_day(every_hours=2, devices=50, from_hour=20, until_hour=8, rounds_per_day=5)

    def each(day: Day) -> None:
        hour = datetime.fromtimestamp(day.now, UTC).hour
        day.here = 0 if hour == 5 else 80 if hour >= 21 or hour < 7 else 20
        day.brings = hour != 2

    day.pass_hours(24, each)
    # 2 brings nothing: four hours later, not two; 20 has too few devices; the fifth of a day comes at 23
    assert day.hours == [0, 2, 6, 21, 23]


def test_a_server_that_is_killed_while_it_orders_orders_nothing_twice(make_day, monkeypatch):
    day = make_day(every_hours=6)

    def killed(home: Home, count: int) -> None:
        submit_job(home, count)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "submit_job", killed)
    with pytest.raises(KeyboardInterrupt):
        day.scheduler.step()
    monkeypatch.undo()
    day.ordered.append(day.now)
    day.restart()
    day.pass_hours(13)
    assert day.hours == [0, 6, 12]


def test_what_is_no_schedule_is_named():
    with pytest.raises(Misconfigured, match=r"schedule\.every_hours: expected"):
        settings_of({"schedule": {"every_hours": -1}})
    with pytest.raises(Misconfigured, match=r"schedule\.every: expected a known key.*schedule\.every_hours"):
        settings_of({"schedule": {"every": 6}})


def test_a_damaged_state_is_named_and_not_taken_for_none(make_day):
    day = make_day(every_hours=1)
    day.home.schedule_state.write_text('{"ordered_seconds": "yesterday"}')
    with pytest.raises(Corrupt, match=r"schedule\.json.*remove it"):
        day.restart()
