"""How a server is, from its files alone: nothing is asked over the network, nothing slow is imported."""

import json
from typing import Any

from server.cli.rounds import explained_rows, print_rounds
from server.cli.terminal import moment, print_table
from server.home import Home
from server.instance_lock import is_up
from server.registry import DeviceRow
from server.training import pending_job, read_phase, read_progress, read_rounds, read_schedule, read_waiting
from shared.errors import Corrupt

_SHOWN = 6  # sums in the table of a status
_FEW = 20  # devices that are listed without being asked for
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
        "schedule": _schedule(home) if home.settings.schedule.every_hours else None,
        "waiting": None if process is None else read_waiting(home, process),
        "phase": None if process is None else read_phase(home, process),
        "sums": explained_rows(read_rounds(home)),
        "release": _head(home),
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
            "open": sum(row.device is None and now_seconds < row.expires_seconds for row in invitations),
            "used": sum(row.device is not None for row in invitations),
            "expired": sum(row.device is None and now_seconds >= row.expires_seconds for row in invitations),
        },
    }


def print_status(found: dict[str, Any], list_devices: bool = False) -> None:
    """The same for a person; many devices are listed where that is asked for, else counted by state."""
    state = "up" if found["up"] else "not up"
    print(f"{found['name']} at {found['url']}: {state}")
    for part in found["parts"]:
        print(f"  {part['name']}: process {part['pid'] or '-'}, {part['restarts']} restarts")
    ordered = "" if found["rounds_ordered"] is None else f", ordered until {found['rounds_ordered']}"
    print(f"rounds: {found['rounds']}{ordered}")
    if found["schedule"] is not None:
        print("schedule: every {every_hours:g} h; the next round waits for {waits_for}".format(**found["schedule"]))
    if found["waiting"] is not None:
        print("waiting for devices: {here} are here, {needed} are needed".format(**found["waiting"]))
    if found["phase"] is not None:
        print(_phase_in_words(found["phase"]))
    if found["sums"]:
        print_rounds(found["sums"][-_SHOWN:])
    release = found["release"]
    if release is None:
        print("release: none yet; hushrec-server catalogue makes release zero")
    else:
        print(f"release: number {release['sequence']}, {release['release'][:16]}, {release['why']}")
    print("invitations: {open} open, {used} used, {expired} expired".format(**found["invitations"]))
    if not found["devices"]:
        print("devices: none yet; hushrec-server enrol invites one")
        return
    counts = ", ".join(f"{count} {state}" for state, count in found["states"].items() if count)
    print(f"devices: {len(found['devices'])} ({counts})")
    if len(found["devices"]) > _FEW and not list_devices:
        print("  hushrec-server status DIR --devices lists them")
        return
    print_table(
        ("device", "state", "joined", "certificate until"),
        [
            (row["device"], row["state"], moment(row["joined_seconds"]), moment(row["expiry_seconds"]))
            for row in found["devices"]
        ],
    )


def _phase_in_words(phase: dict[str, Any]) -> str:
    came = "under way" if phase["through"] is None else f"{phase['through']} came through"
    since = moment(phase["seconds"])
    return "phase: {name} of round {round_number} ({task}), {asked} asked, ".format(**phase) + f"{came} ({since})"


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


def _schedule(home: Home) -> dict[str, Any]:
    state = read_schedule(home)
    waits_for = state.waits_for or "a server that is up"
    return {
        "every_hours": home.settings.schedule.every_hours,
        "paused": home.schedule_pause.exists(),
        "last_seconds": max(state.ordered_seconds, default=None),
        "fruitless": state.fruitless,
        "waits_for": waits_for,
    }


def _head(home: Home) -> dict[str, Any] | None:
    if not home.chain.is_file():
        return None
    from server.releases import Releases

    head = Releases(home).head()
    if head is None:
        return None
    names = ("sequence", "release", "published_seconds", "why")
    return {name: getattr(head, name) for name in names}
