"""The machine and the packages that figures were measured with."""

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from simulations.processors import processors

_PACKAGES = ("hushrec", "torch", "numpy", "flwr", "cryptography")


def machine_facts() -> dict[str, Any]:
    """What figures of time depend on besides the code, and when they were taken (UTC)."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": processors(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
