"""What a device costs its owner, and how quickly phases follow each other, in a real deployment on this machine."""

import os
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from simulations.benchmarks.phases import phase_seconds
from simulations.deployment import Deployment
from simulations.federation_of_processes import start_federation
from simulations.report import Progress

_DEVICES = 8
_ROUNDS = 2
_SETTINGS = (
    f"round.minimum_answers={_DEVICES // 2}",
    f"training.clients_per_round={_DEVICES}",
    f"evaluation.clients={_DEVICES}",
    "evaluation.every_rounds=2",
    "sum.dropout_share=0.3",
)
_IDLE_SECONDS = 20.0
_SAMPLE_SECONDS = 1.0
_MEBIBYTE = 2**20


def deployment(progress: Progress) -> dict[str, Any]:
    """Seconds from the first message of a phase to its last answer, with eight devices, and memory of one device."""
    with tempfile.TemporaryDirectory() as folder, Deployment(Path(folder)) as there:
        with progress.stage("starting a server and devices", total=_DEVICES) as stage:
            homes, parts = start_federation(there, _DEVICES, _SETTINGS, stage.advance)
        time.sleep(_IDLE_SECONDS)
        idle = max(map(there.resident_bytes, parts))
        with progress.stage("a round whose memory is measured"), _Peak(there, parts) as peak:
            there.json("server", "rounds", there.server, "--count", 1)
        with progress.stage("rounds whose phases are timed"):  # looking at memory takes a processor's time
            done = there.json("server", "rounds", there.server, "--count", _ROUNDS)
        there.json("device", "recommend", homes[0], "-n", 10)
        ranking = there.resident_bytes(parts[0])
        phases = phase_seconds(there.server, lambda number: number > 1)
    return {
        "devices": _DEVICES,
        "rounds": done["rounds"],
        "cores": os.cpu_count(),
        "rows": [
            *(
                {"what": f"{name}, seconds", "median": median(times), "largest": max(times), "times": len(times)}
                for name, times in phases.items()
            ),
            {"what": "device idle, MiB", "largest": idle / _MEBIBYTE},
            {"what": "device with its ranking in memory, MiB", "largest": ranking / _MEBIBYTE},
            {"what": "device in training, MiB", "largest": peak.bytes / _MEBIBYTE},
        ],
    }


class _Peak:
    """The most memory that any device held while this was open."""

    def __init__(self, there: Deployment, parts: list[str]) -> None:
        self._there, self._parts = there, parts
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, *map(self._there.resident_bytes, self._parts))
