"""A run goes on while there is an order: one at a time, again at once when its process is gone, slower if it fails."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.disk import DiskSpace
from server.flower import Run, SetAside
from server.home import Home, create_server
from server.instance_lock import instance_lock
from server.registry import Registry
from server.status_file import read_status
from server.supervisor import run_controller as module
from server.supervisor import up
from server.supervisor.run_controller import RunController
from server.training.jobs import TrainingJob, pending_job
from shared.errors import Misconfigured, NotYet, StorageFailed
from tests.support.asking_gateway import Person


class FakeControl:
    """A SuperLink whose runs end when a test says so."""

    def __init__(self) -> None:
        self.found: dict[int, Run] = {}
        self.configurations: list[dict[str, str]] = []
        self.stopped: list[int] = []
        self.away = False
        self.connected = 0

    def online(self) -> frozenset[int]:
        self._answer()
        return frozenset(range(self.connected))

    def nodes(self) -> frozenset[int]:
        self._answer()
        return frozenset()

    def register(self, key: str) -> int:
        self._answer()
        raise Misconfigured("node: unregistered")

    def runs(self) -> tuple[Run, ...]:
        self._answer()
        return tuple(self.found.values())

    def start_run(self, configuration: dict[str, str]) -> int:
        self._answer()
        number = 100 + len(self.found)
        self.found[number] = Run(number, "running", "")
        self.configurations.append(configuration)
        return number

    def run_status(self, number: int) -> Run | None:
        self._answer()
        return self.found.get(number)

    def stop_run(self, number: int) -> None:
        self._answer()
        self.stopped.append(number)
        self.end(number, "stopped")

    def end(self, number: int, outcome: str, why: str = "") -> None:
        self.found[number] = Run(number, "finished", outcome, why)

    def _answer(self) -> None:
        if self.away:
            raise NotYet("away")


class World:
    """A server's folder with a clock and a ServerApp that tests move."""

    def __init__(self, home: Home, registry: Registry) -> None:
        self.home, self.control, self.registry = home, FakeControl(), registry
        self.now = 1000.0
        self.serverapp: int | None = None
        self.conductor = RunController(home, self.control, registry)  # type: ignore[arg-type]

    def order(self, until: int) -> TrainingJob:
        order = TrainingJob(until=until, ordered_seconds=float(until))
        (self.home.training / "order.json").write_text(order.model_dump_json())
        return order

    def trained(self, rounds: int) -> None:
        (self.home.training / "progress.json").write_text(f'{{"round": {rounds}}}')

    def pass_seconds(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.2
            self.conductor.step()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    home = create_server(tmp_path / "server")
    with home.registry() as registry:
        made = World(home, registry)
        monkeypatch.setattr(module.time, "monotonic", lambda: made.now)
        monkeypatch.setattr(module, "serverapp_pid", lambda _: made.serverapp)
        yield made


def test_without_an_order_nothing_runs(world: World) -> None:
    world.pass_seconds(5)
    assert world.control.found == {}
    assert world.conductor.state.run is None


def test_an_order_is_one_run_and_done_when_it_completes(world: World) -> None:
    order = world.order(2)
    world.pass_seconds(1)
    assert list(world.control.found) == [100]
    assert world.control.configurations == [{"home": str(world.home.directory)}]
    assert (world.conductor.state.run, world.conductor.state.order) == (100, order)
    world.serverapp = 7
    world.pass_seconds(60)
    assert world.conductor.state.serverapp == 7
    world.control.end(100, "completed")
    world.serverapp = None
    world.pass_seconds(2)
    assert pending_job(world.home) is None
    assert (world.conductor.state.run, world.conductor.state.order) == (None, None)
    world.pass_seconds(60)
    assert list(world.control.found) == [100]


def test_an_order_that_came_during_a_run_gets_a_run_of_its_own(world: World) -> None:
    world.order(2)
    world.pass_seconds(1)
    later = world.order(5)
    world.control.end(100, "completed")
    world.pass_seconds(3)
    assert list(world.control.found) == [100, 101]
    assert world.conductor.state.order == later


def test_a_killed_serverapp_is_replaced_within_seconds(world: World) -> None:
    world.order(2)
    world.pass_seconds(1)
    world.serverapp = 7
    world.pass_seconds(4)
    world.serverapp = None  # without a word to the SuperLink, where its run goes on
    world.pass_seconds(1.0)
    assert world.control.stopped == [100]
    world.pass_seconds(1.0)
    assert list(world.control.found) == [100, 101]
    assert world.conductor.state.runs == 2


def test_a_serverapp_that_dies_while_the_superlink_is_away_is_replaced_when_it_is_back(world: World) -> None:
    world.order(2)
    world.pass_seconds(1)
    world.serverapp = 7
    world.pass_seconds(4)
    world.serverapp, world.control.away = None, True
    for _ in range(3):
        with pytest.raises(NotYet):
            world.pass_seconds(1)
    world.control.away = False
    world.pass_seconds(2)
    assert list(world.control.found) == [100, 101]


def test_a_serverapp_that_never_starts_is_given_up(world: World) -> None:
    world.order(2)
    world.pass_seconds(170)
    assert world.control.stopped == []
    world.pass_seconds(20)
    assert world.control.stopped == [100]
    assert world.conductor.state.why == "its ServerApp did not start"


def failures_within(world: World, seconds: float, rounds_each: int = 0) -> int:
    for _ in range(int(seconds / 0.2)):
        world.pass_seconds(0.2)
        if (run := world.conductor.state.run) is not None and not world.control.found[run].ended:
            world.trained(world.conductor.state.runs * rounds_each)
            world.control.end(run, "failed", "because")
    return world.conductor.state.failures


def test_a_run_that_fails_again_and_again_is_tried_ever_slower(world: World) -> None:
    world.order(2)
    failures = failures_within(world, 300)
    assert 8 <= failures <= 13  # 0.5, 1, 2 ... 60, 60 s
    assert world.conductor.state.why == "because"


def test_a_run_that_fails_after_a_new_round_is_tried_at_once(world: World) -> None:
    world.order(1000)
    failures_within(world, 60, rounds_each=1)
    assert world.conductor.state.runs > 20


def test_a_superlink_that_is_away_changes_nothing(world: World) -> None:
    world.order(2)
    world.serverapp = 7
    world.pass_seconds(3)
    world.control.away = True
    for _ in range(50):
        with pytest.raises(NotYet):
            world.pass_seconds(10)
    world.control.away = False
    world.pass_seconds(3)
    assert (world.conductor.state.run, list(world.control.found)) == (100, [100])


def test_a_superlink_that_forgot_the_run_gets_a_new_one(world: World) -> None:
    world.order(2)
    world.pass_seconds(1)
    world.control.found = {99: Run(99, "finished", "completed")}
    world.pass_seconds(4)
    assert world.conductor.state.runs == 2


def test_runs_that_an_earlier_start_left_are_ended_first(world: World) -> None:
    world.control.found = {5: Run(5, "running", ""), 6: Run(6, "finished", "failed")}
    world.order(2)
    world.pass_seconds(1)
    assert world.control.stopped == [5]
    assert world.conductor.state.run == 102


def test_a_schedule_orders_a_round_once_enough_devices_are_connected(world: World) -> None:
    text = world.home.settings_path.read_text()
    world.home.settings_path.write_text(text.replace("every_hours = 0.0", "every_hours = 6.0"))
    world.home.chain.write_bytes(b"a link\n")
    with instance_lock(world.home), world.home.registry() as registry:
        world.conductor = RunController(Home.open(world.home.directory), world.control, registry)
        world.control.connected = world.home.federation().round.minimum_answers - 1
        world.pass_seconds(30)
        assert world.control.found == {}
        world.control.connected += 1
        world.pass_seconds(30)
    order = pending_job(world.home)
    assert (order.until, list(world.control.found)) == (1, [100])


def test_a_serverapp_that_outlasts_its_run_is_not_taken_for_that_of_the_next(world: World) -> None:
    world.order(2)
    world.serverapp = 7
    world.pass_seconds(3)
    world.control.end(100, "completed")
    world.pass_seconds(1.5)
    world.order(4)
    world.pass_seconds(1)
    assert list(world.control.found) == [100, 101]
    assert world.conductor.state.serverapp is None
    world.serverapp = None
    world.pass_seconds(3)
    world.serverapp = 8
    world.pass_seconds(3)
    assert world.control.stopped == []
    assert world.conductor.state.serverapp == 8


def test_a_half_unpacked_bundle_does_not_spoil_the_next_run(world: World) -> None:
    left = world.home.flower_home / "apps" / "hushrec.hushrec.0.1.0.abcdef01"
    left.mkdir(parents=True)
    world.order(2)
    world.pass_seconds(1)
    assert not left.exists()


def test_a_device_that_flower_does_not_take_keeps_no_run_from_starting(world: World) -> None:
    person, now = Person(), time.time()
    request = person.request(world.registry.invite(now, 1))
    world.registry.join(request.code, request.device_key, request.node_key, now, 1, world.home.certify)
    world.order(2)
    world.pass_seconds(1)
    assert list(world.control.found) == [100]
    assert world.conductor.state.set_aside == (SetAside(person.device, "node: unregistered"),)


def test_a_full_disk_keeps_runs_from_starting_until_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    space = DiskSpace(1, 2)
    monkeypatch.setattr(module, "disk_space", lambda home: space)
    world.order(2)
    world.pass_seconds(60)
    assert world.control.found == {}
    assert "no device is asked" in world.conductor.state.why
    assert len([record for record in caplog.records if "disk-full" in record.getMessage()]) == 1
    space = DiskSpace(2, 2)
    world.pass_seconds(11)
    assert list(world.control.found) == [100]
    assert world.conductor.state.why == ""


def test_a_report_that_cannot_be_written_ends_nothing_and_is_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StorageFailed("full")

    report = up._Report(world.home)
    with monkeypatch.context() as failing:
        failing.setattr(up, "write_atomically", full)
        for _ in range(3):
            report.write([], world.conductor.state)
    assert read_status(world.home) is None
    assert len([record for record in caplog.records if "status-not-written" in record.getMessage()]) == 1
    report.write([], world.conductor.state)
    assert (read_status(world.home) or {})["set_aside"] == []
