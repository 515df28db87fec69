"""How a server is, from its files alone: nothing is asked over the network, nothing slow is imported."""

import json
from typing import Any

from server.disk import disk_space
from server.home import Home
from server.instance_lock import is_up
from server.registry import DeviceRow
from server.status_file import devices_set_aside, read_status
from server.training import (
    explained_rows,
    pending_job,
    read_phase,
    read_progress,
    read_rounds,
    read_schedule,
    read_waiting,
)
from shared.errors import Corrupt, HushrecError

_STATES = ("member", "expired", "revoked")


def server_status(home: Home, now_seconds: float) -> dict[str, Any]:
    """All that `hushrec-server status` says.

    Raises:
        Misconfigured, Corrupt: a file of the server is missing or damaged.
    """
    with home.registry() as registry:
        devices, invitations = registry.devices(), registry.invitations()
    order = pending_job(home)
    running = is_up(home)
    parts, process = _processes(home) if running else ([], None)
    states = [_state(row, now_seconds) for row in devices]
    return {
        "directory": str(home.directory),
        "name": home.settings.name,
        "url": home.settings.url,
        "up": running,
        "parts": parts,
        "rounds": read_progress(home).round,
        "rounds_ordered": None if order is None else order.until,
        "schedule": _schedule(home, running) if home.settings.schedule.every_hours else None,
        "waiting": None if process is None else read_waiting(home, process),
        "phase": None if process is None else read_phase(home, process),
        "why": (read_status(home) or {}).get("why", "") if running else "",
        "disk": _space(home),
        "sums": explained_rows(read_rounds(home)),
        "release": _head(home),
        "set_aside": devices_set_aside(home),
        "states": {state: states.count(state) for state in _STATES},
        "devices": [
            {
                "device": row.device,
                "state": state,
                "joined_seconds": row.joined_seconds,
                "expiry_seconds": row.expiry_seconds,
                "revoked_seconds": row.revoked_seconds,
            }
            for row, state in zip(devices, states, strict=True)
        ],
        "invitations": {
            "open": sum(not row.is_used_up and now_seconds < row.expires_seconds for row in invitations),
            "used": sum(row.is_used_up for row in invitations),
            "expired": sum(not row.is_used_up and now_seconds >= row.expires_seconds for row in invitations),
        },
    }


def _state(row: DeviceRow, now_seconds: float) -> str:
    if row.revoked_seconds is not None:
        return "revoked"
    return "expired" if now_seconds >= row.expiry_seconds else "member"


def _processes(home: Home) -> tuple[list[dict[str, Any]], int | None]:
    """The parts of a server that is up, and the process of the ServerApp that trains, if one does."""
    try:
        content = json.loads(home.status.read_bytes())
        parts = [{name: part[name] for name in ("name", "pid", "restarts")} for part in content["parts"]]
        return parts, content["serverapp"]
    except FileNotFoundError:
        return [], None
    except (ValueError, KeyError, TypeError):
        raise Corrupt(
            f"{home.status}: expected what `hushrec-server up` writes, got something else; remove it"
        ) from None


def _schedule(home: Home, running: bool) -> dict[str, Any]:
    state = read_schedule(home)
    waits_for = (state.waits_for or "its first look, in some seconds") if running else "a server that is up"
    if home.schedule_pause.exists():
        waits_for = f"`hushrec-server resume {home.directory}`"
    return {
        "every_hours": home.settings.schedule.every_hours,
        "paused": home.schedule_pause.exists(),
        "last_seconds": max(state.ordered_seconds, default=None),
        "fruitless": state.fruitless,
        "waits_for": waits_for,
    }


def _space(home: Home) -> dict[str, Any] | None:
    """Room on the disk; None where what a round needs cannot be told, which `check` says more of."""
    try:
        space = disk_space(home)
    except HushrecError:
        return None
    return {"free_bytes": space.free_bytes, "needed_bytes": space.needed_bytes, "shortage": space.shortage}


def _head(home: Home) -> dict[str, Any] | None:
    if not home.chain.is_file():
        return None
    from server.releases import Releases

    head = Releases(home).head()
    if head is None:
        return None
    names = ("sequence", "release", "published_seconds", "why")
    return {name: getattr(head, name) for name in names}
