"""What devices cost a server and their network, idle and in a round: all real on this machine but for the training.

The devices are threads of this process, each with a folder of its own; what is measured are the server's processes, and
how long a sum takes in all.
"""

import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from server.home import Home, Limits, ServerSettings, create_server, federation_text
from shared.errors import Misconfigured
from simulations.benchmarks.counted_link import CountedLink
from simulations.benchmarks.light_devices import join_light, running
from simulations.benchmarks.phases import phase_seconds
from simulations.datasets import export_dataset, load
from simulations.deployment import Deployment, Unexpected, free_port
from simulations.report import Progress

DEVICES = 300
_FIRST = 8
_SMALLEST_COHORT = 4
_SETTINGS = (
    f"round.minimum_answers={_SMALLEST_COHORT}",
    "round.answer_seconds.update=1.0",
    "training.rounds=20",
    'training.groups=["dense"]',
    "model.dense_width=148",
    "model.popularity=false",
    "evaluation.every_rounds=0",
    "sum.dropout_share=0.3",
    "sum.phase_seconds=600.0",
)
_ROUND_SECONDS = 1800.0
_FEW_ROUNDS = 3  # of eight devices; the first is not counted
_ALONE_SECONDS = 10.0
_SETTLING_SECONDS = 120.0  # a device looks after itself twice when it begins, and asks more often
_MEASURED_SECONDS = 90.0
_STARTING_SECONDS = 120.0
_DAY_SECONDS = 86_400.0
_SCALE = 1000
_MEGABYTE = 10**6
_MOST_MEGABYTES = 700.0
_PARTS = {"up": "hushrec-server", "superlink": "server.flower.superlink", "superexec": "server.flower.superexec"}
_PARTS |= {"gateway": "server.gateway"}


def benchmark_server(progress: Progress, devices: int = DEVICES) -> dict[str, Any]:
    """What idle devices cost, what a server runs out of first, and how long a sum over all of them takes."""
    if devices < 1:
        raise Misconfigured(f"devices: expected at least 1, got {devices}")
    logging.getLogger("client").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, Deployment(Path(place)) as there:
        link = CountedLink(there.port)
        with progress.stage("starting a server"), link:
            home = _start(there, link.port, devices)
            alone = Costs.of(there, link, _ALONE_SECONDS)
            homes = []
            with progress.stage("joining", total=devices) as stage:
                for number in range(devices):
                    homes.append(join_light(home, Path(place) / "devices" / str(number), _SMALLEST_COHORT))
                    stage.advance()
            few = min(_FIRST, devices)
            with running(homes[:few]), progress.stage(f"rounds of {few}"):
                _sums(there, home, few, _FEW_ROUNDS)
                with running(homes[few:]):
                    with progress.stage("measuring idle devices"):
                        there.wait(lambda: _online(home) >= devices, _STARTING_SECONDS, "devices to connect")
                        time.sleep(_SETTLING_SECONDS)
                        idle = Costs.of(there, link, _MEASURED_SECONDS)
                        online = _online(home)
                    with progress.stage(f"a round of {devices}"):
                        (sum_of_all,) = _sums(there, home, devices, 1)
            by_few = phase_seconds(there.server, lambda number: 1 < number <= _FEW_ROUNDS)
            by_all = phase_seconds(there.server, lambda number: number > _FEW_ROUNDS)
    if online < devices:
        raise Unexpected(f"expected {devices} devices online all the time, got {online}: this machine is too slow")
    return figures(devices, alone, idle) | round_figures(devices, sum_of_all, by_few, by_all)


class Costs:
    """What the server's processes and the link have used in a while.

    Attributes:
        shares: of one core, by process.
        bytes_per_second: on the link, both ways.
        megabytes: resident memory by process at the end, pages shared with others counted in part.
    """

    def __init__(self, shares: Mapping[str, float], bytes_per_second: float, megabytes: Mapping[str, float]) -> None:
        self.shares, self.bytes_per_second, self.megabytes = shares, bytes_per_second, megabytes

    @classmethod
    def of(cls, there: Deployment, link: CountedLink, seconds: float) -> "Costs":
        """What is used within so many seconds from now."""
        pids = {part: there.pids(words) for part, words in _PARTS.items()}
        began, carried, used = time.monotonic(), link.total_bytes(), _processor_seconds(pids)
        time.sleep(seconds)
        wall = time.monotonic() - began
        shares = {part: (now - used[part]) / wall for part, now in _processor_seconds(pids).items()}
        megabytes = {part: sum(map(there.resident_bytes_of, found)) / _MEGABYTE for part, found in pids.items()}
        return cls(shares, (link.total_bytes() - carried) / wall, megabytes)


def _start(there: Deployment, link_port: int, devices: int) -> Home:
    """A server that devices reach through the link, with room for all of them at one address."""
    settings = ServerSettings(
        port=there.port,
        superlink_port=free_port(),
        public_url=f"https://127.0.0.1:{link_port}",
        limits=Limits(requests_per_minute=10**6, joins_per_minute=10**6, connections_per_address=4096),
    )
    federation = federation_text(settings=(*_SETTINGS, f"training.clients_per_round={devices}"))
    home = create_server(there.server, settings, federation)
    export_dataset(load("demo"), there.folder / "data", 1)
    there.call("server", "catalogue", there.server, there.folder / "data" / "items.jsonl")
    there.start("server", "server", "up", home.directory)
    there.call("server", "status", home.directory, "--wait", int(_STARTING_SECONDS))
    return home


def _sums(there: Deployment, home: Home, devices: int, rounds: int) -> list[dict[str, Any]]:
    """Rounds with so many devices, and what became of their sums."""
    there.wait(lambda: _online(home) >= devices, _STARTING_SECONDS, "devices to connect")
    there.command_seconds = _ROUND_SECONDS
    done = there.json("server", "rounds", there.server, "--count", rounds)["sums"][-rounds:]
    return list(done)


def _online(home: Home) -> int:
    """How many devices the SuperLink takes for present."""
    database = sqlite3.connect(f"{home.superlink_database.as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        found = database.execute(
            "SELECT count(*) FROM node WHERE status = 'online' AND online_until > ?", (time.time(),)
        )
        return int(found.fetchone()[0])
    finally:
        database.close()


def _processor_seconds(pids: Mapping[str, list[int]]) -> dict[str, float]:
    return {part: sum(map(_used_seconds, found)) for part, found in pids.items()}


def _used_seconds(pid: int) -> float:
    """Processor time of a process: fields 14 and 15 of proc_pid_stat(5), behind the name, which may hold anything."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures(devices: int, alone: Costs, idle: Costs) -> dict[str, Any]:
    """Figures for a thousand devices: what a server needs without any, and a thousand times what one adds.

    Args:
        devices: that were there.
        alone: what was used before they came.
        idle: what was used while they had nothing to do.
    """

    def scaled(without: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
        return {part: without[part] + (measured[part] - without[part]) / devices * _SCALE for part in measured}

    shares, megabytes = scaled(alone.shares, idle.shares), scaled(alone.megabytes, idle.megabytes)
    return {
        "devices": devices,
        "alone_core_share": sum(alone.shares.values()),
        "idle_core_share": sum(idle.shares.values()),
        "idle_core_share_per_1000": sum(shares.values()),
        "idle_bytes_per_device_day": idle.bytes_per_second / devices * _DAY_SECONDS,
        "server_rss_mb": sum(idle.megabytes.values()),
        "server_rss_mb_per_1000": sum(megabytes.values()),
        "what_binds": _binding(devices, alone, idle),
        "rows": [
            {
                "process": part,
                "core share alone": alone.shares[part],
                "core share": idle.shares[part],
                "core share, 1,000 devices": shares[part],
                "MB alone": alone.megabytes[part],
                "MB": idle.megabytes[part],
            }
            for part in _PARTS
        ],
    }


def round_figures(
    devices: int, row: Mapping[str, Any], by_few: Mapping[str, Sequence[float]], by_all: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """How long sums took.

    Args:
        devices: in the sum of all.
        row: what became of it.
        by_few: seconds of each phase in sums of eight devices.
        by_all: the same of the sum of all.
    """
    whole = row["answered"] == devices
    later = [seconds for name, taken in by_few.items() if not name.endswith(".join") for seconds in taken]
    return {
        "round_answered": row["answered"],
        "round_seconds": row["seconds"],
        "round_300_seconds": row["seconds"] if devices == DEVICES and whole else None,
        "phase_8_seconds": median(later) if later else None,
        "phases": [
            {
                "phase": name,
                f"seconds, {_FIRST} devices": median(by_few[name]) if name in by_few else None,
                f"seconds, {devices} devices": max(taken),
            }
            for name, taken in by_all.items()
        ],
    }


def _binding(devices: int, alone: Costs, idle: Costs) -> str:
    """What ends first when idle devices are added: one process's core, memory, or connections as shipped."""
    ends = {"connections in server.toml": float(Limits().connections)}
    for part, share in idle.shares.items():
        each = (share - alone.shares[part]) / devices
        if each > 0:
            ends[f"the core that {part} runs on"] = (1 - alone.shares[part]) / each
    each = (sum(idle.megabytes.values()) - sum(alone.megabytes.values())) / devices
    if each > 0:
        ends[f"{_MOST_MEGABYTES:.0f} MB of memory"] = (_MOST_MEGABYTES - sum(alone.megabytes.values())) / each
    what, count = min(ends.items(), key=lambda end: end[1])
    return f"{what}, at about {count:.0f} devices"
