"""What is made of the figures of idle devices: computed by hand."""

import pytest

from shared.errors import Misconfigured
from simulations.benchmarks import BENCHMARKS
from simulations.benchmarks.phases import phase_seconds
from simulations.benchmarks.server import Costs, figures, round_figures
from simulations.report import Progress

PARTS = ("up", "superlink", "superexec", "gateway")


def costs(shares: list[float], megabytes: list[float], bytes_per_second: float) -> Costs:
    return Costs(dict(zip(PARTS, shares, strict=True)), bytes_per_second, dict(zip(PARTS, megabytes, strict=True)))


ALONE = costs([0.0, 0.02, 0.0, 0.01], [60, 120, 100, 60], 0.0)


def test_a_thousand_devices_cost_what_a_server_alone_does_and_a_thousand_times_what_one_adds() -> None:
    found = figures(100, ALONE, costs([0.0, 0.03, 0.0, 0.03], [60, 120, 100, 70], 1000.0))
    assert found["alone_core_share"] == pytest.approx(0.03)
    assert found["idle_core_share"] == pytest.approx(0.06)
    assert found["idle_core_share_per_1000"] == pytest.approx(0.03 + 10 * 0.03)
    assert found["idle_bytes_per_device_day"] == pytest.approx(10 * 86_400)
    assert found["server_rss_mb"] == pytest.approx(350)
    assert found["server_rss_mb_per_1000"] == pytest.approx(340 + 10 * 10)
    gateway = next(row for row in found["rows"] if row["process"] == "gateway")
    assert gateway["core share, 1,000 devices"] == pytest.approx(0.01 + 10 * 0.02)


def test_what_ends_first_is_named() -> None:
    by_core = figures(100, ALONE, costs([0.0, 0.51, 0.0, 0.02], [60, 120, 100, 61], 0.0))
    assert by_core["what_binds"] == "the core that superlink runs on, at about 200 devices"
    by_memory = figures(100, ALONE, costs([0.0, 0.02, 0.0, 0.011], [60, 120, 100, 160], 0.0))
    assert by_memory["what_binds"] == "700 MB of memory, at about 360 devices"
    by_count = figures(100, ALONE, ALONE)
    assert by_count["what_binds"] == "connections in server.toml, at about 4096 devices"


def test_without_devices_there_is_nothing_to_measure() -> None:
    with pytest.raises(Misconfigured, match="devices: expected at least 1, got 0"):
        BENCHMARKS["server"].measure(Progress(), 0)


def test_phases_after_the_work_are_told_apart_from_it_and_the_round_of_300_by_its_name() -> None:
    few = {"train.join": [9.0, 9.0], "query.share": [1.0, 3.0], "query.mask": [2.0, 2.0]}
    every = {"train.join": [20.0], "query.share": [30.0]}
    found = round_figures(300, {"seconds": 70.5, "answered": 300}, few, every)
    assert (found["round_300_seconds"], found["round_seconds"], found["phase_8_seconds"]) == (70.5, 70.5, 2.0)
    assert found["phases"][1] == {"phase": "query.share", "seconds, 8 devices": 2.0, "seconds, 300 devices": 30.0}
    for devices, answered in ((20, 20), (300, 299)):
        found = round_figures(devices, {"seconds": 5.0, "answered": answered}, {}, every)
        assert (found["round_seconds"], found["round_answered"]) == (5.0, answered)
        assert (found["round_300_seconds"], found["phase_8_seconds"]) == (None, None)


def test_phases_are_read_from_the_logs_round_by_round(tmp_path) -> None:
    logs = tmp_path / "run" / "logs"
    logs.mkdir(parents=True)
    line = "INFO phase round={} task=update name={} asked=8 through=8 seconds={}\n"
    rows = ((1, "train.join", 9), (2, "train.join", 7.5), (2, "query.share", 1.25), (3, "query.share", "2e-01"))
    (logs / "serverapp.log").write_text("other words\n" + "".join(line.format(*row) for row in rows))
    assert phase_seconds(tmp_path, lambda number: number > 1) == {"train.join": [7.5], "query.share": [1.25, 0.2]}
