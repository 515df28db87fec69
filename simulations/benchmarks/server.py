"""What idle devices cost a server and their network: real TLS, keys and signatures on this machine, and no training.

The devices are threads of this process, each with a folder of its own; what is measured are the server's processes.
"""

import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from client import Home as DeviceHome
from client import Membership, create_home, enroll, prepare, run_node
from client.maintenance import MaintenanceLoop
from server.home import Home, Limits, ServerSettings, create_server
from shared.enrolment import Invitation, fingerprint
from shared.errors import Misconfigured
from simulations.benchmarks.counted_link import CountedLink
from simulations.deployment import Deployment, Unexpected, free_port
from simulations.report import Progress

DEVICES = 100
_ALONE_SECONDS = 10.0
_SETTLING_SECONDS = 120.0  # a device looks after itself twice when it begins, and asks more often
_MEASURED_SECONDS = 90.0
_BETWEEN_STARTS_SECONDS = 0.05
_STARTING_SECONDS = 120.0
_INVITATION_HOURS = 24.0
_DAY_SECONDS = 86_400.0
_SCALE = 1000
_MEGABYTE = 10**6
_MOST_MEGABYTES = 700.0
_PARTS = {"up": "hushrec-server", "superlink": "server.flower.superlink", "superexec": "server.flower.superexec"}
_PARTS |= {"gateway": "server.gateway"}


def benchmark_server(progress: Progress, devices: int = DEVICES) -> dict[str, Any]:
    """Processor time, memory and traffic that idle devices cost, and what a server runs out of first."""
    if devices < 1:
        raise Misconfigured(f"devices: expected at least 1, got {devices}")
    logging.getLogger("client").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, Deployment(Path(place)) as there:
        link = CountedLink(there.port)
        with progress.stage("starting a server"), link:
            home = _start(there, link.port)
            alone = Costs.of(there, link, _ALONE_SECONDS)
            with progress.stage("joining", total=devices) as stage:
                homes = [
                    _joined(home, Path(place) / "devices" / str(number), stage.advance) for number in range(devices)
                ]
            with _running(homes), progress.stage("measuring"):
                there.wait(lambda: _online(home) >= devices, _STARTING_SECONDS, "devices to connect")
                time.sleep(_SETTLING_SECONDS)
                idle = Costs.of(there, link, _MEASURED_SECONDS)
                online = _online(home)
    if online < devices:
        raise Unexpected(f"expected {devices} devices online all the time, got {online}: this machine is too slow")
    return figures(devices, alone, idle)


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


def _start(there: Deployment, link_port: int) -> Home:
    """A server that devices reach through the link, with room for all of them at one address."""
    settings = ServerSettings(
        port=there.port,
        superlink_port=free_port(),
        public_url=f"https://127.0.0.1:{link_port}",
        limits=Limits(requests_per_minute=10**6, joins_per_minute=10**6, connections_per_address=4096),
    )
    home = create_server(there.server, settings)
    there.start("server", "server", "up", home.directory)
    there.call("server", "status", home.directory, "--wait", int(_STARTING_SECONDS))
    return home


def _joined(server: Home, folder: Path, advance: Any) -> DeviceHome:
    """A device that has joined as every device does, but for the person's yes."""
    device = create_home(folder, keyring=False)
    now = time.time()
    with server.registry() as registry:
        code = registry.invite(now, _INVITATION_HOURS)
    key = server.operator_key().public_key().public_bytes_raw()
    expires = int(now + 3600 * _INVITATION_HOURS)
    enroll(device, prepare(device, Invitation(server.settings.url, fingerprint(key), code, expires).encode()))
    advance()
    return device


@contextmanager
def _running(homes: list[DeviceHome]) -> Iterator[None]:
    """Every device answers its server and is looked after, as under `hushrec-device up`."""
    stop = threading.Event()
    for home in homes:
        time.sleep(_BETWEEN_STARTS_SECONDS)  # what a thousand cost that come at once is another question
        for part in (run_node, _look_after):
            threading.Thread(target=part, args=(home, stop), daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _look_after(home: DeviceHome, stop: threading.Event) -> None:
    identity, membership = home.keys.identity(), Membership.load(home.membership)
    with membership.gateway(identity) as gateway:
        MaintenanceLoop(home, identity, membership, gateway).run(stop)


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
