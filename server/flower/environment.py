"""What every process of Flower's gets: where its state lies, and that it calls nobody and installs nothing."""

import os
import sys
from pathlib import Path

from server.home import Home

HOST = "127.0.0.1"  # the Control API knows no passwords: nothing but this machine may reach it
TASK_POLL_SECONDS = 0.2

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def superlink_address(home: Home) -> str:
    """HOST:PORT of the SuperLink."""
    return f"{HOST}:{home.settings.superlink_port}"


def flower_environment(home: Home) -> dict[str, str]:
    """The whole environment of a process that belongs to this server."""
    kept = {key: value for key, value in os.environ.items() if key.lower() not in _PROXIES}  # loopback needs none
    beside_python = str(Path(sys.executable).parent)  # Flower's commands start each other by name
    return {
        **kept,
        "PATH": os.pathsep.join([beside_python, kept.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "FLWR_LOG_LEVEL": "WARNING",  # else a line for every poll of every device
        "FLWR_HOME": str(home.flower_home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": str(TASK_POLL_SECONDS),
    }
