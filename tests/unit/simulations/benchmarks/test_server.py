"""What is made of the figures of idle devices: computed by hand."""

import pytest

from shared.errors import Misconfigured
from simulations.benchmarks import BENCHMARKS
from simulations.benchmarks.server import Costs, figures
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
