"""The command that everybody runs first, on a larger demo: from the command to the report, in a process of its own."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulations.report import Progress

PEOPLE = 2000


def benchmark_demo(progress: Progress) -> dict[str, Any]:
    """The default run with 2,000 people: seconds from the command to the report, and the largest resident memory."""
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, progress.stage(f"a run of {PEOPLE:,} people"):
        command = [sys.executable, "-c", "from simulations.cli import main; main()", "run"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        started = time.perf_counter()
        options = ["--data", f"demo?people={PEOPLE}", "--out", str(Path(place) / "run")]
        subprocess.run([*command, *options], check=True, capture_output=True)  # noqa: S603
        seconds = time.perf_counter() - started
        if not (Path(place) / "run" / "report.html").exists():
            raise RuntimeError("bench demo: expected a report, got none")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "people": PEOPLE,
        "seconds": seconds,
        "CPU seconds": used.ru_utime - before,
        "memory_bytes": unit * used.ru_maxrss,  # of the largest child there was
    }
