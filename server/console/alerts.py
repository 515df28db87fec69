"""What an operator should look at now, found in a snapshot of the server. A code never changes its meaning."""

from collections.abc import Mapping, Sequence
from typing import Any

_DAY_SECONDS = 86_400.0
_CERTIFICATE_DAYS = 14
_FEW_BYTES = 2**30
_FRUITLESS = 2  # rounds in a row
_RESTARTS = 3

CODES = ("down", "flower-away", "restarts", "no-sum", "certificate", "disk", "no-release", "few-devices", "set-aside")


def alerts_of(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alerts of a snapshot, the gravest first.

    Args:
        snapshot: see `server.console.snapshot.Snapshots`.

    Returns:
        {"code": one of `CODES`, "facts": what its text is filled with} each.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    if not snapshot["up"]:
        found.append(("down", {}))
    elif snapshot["online"] is None:
        found.append(("flower-away", {}))
    for part in snapshot["parts"]:
        if part["restarts"] >= _RESTARTS:
            found.append(("restarts", {"part": part["name"], "count": part["restarts"]}))
    if (fruitless := _fruitless(snapshot["sums"])) >= _FRUITLESS:
        found.append(("no-sum", {"count": fruitless}))
    for name, seconds in snapshot["certificates"].items():
        days = (seconds - snapshot["now_seconds"]) / _DAY_SECONDS
        if days < _CERTIFICATE_DAYS:
            found.append(("certificate", {"name": name, "days": max(round(days), 0)}))
    if snapshot["disk_free_bytes"] < _FEW_BYTES:
        found.append(("disk", {"megabytes": snapshot["disk_free_bytes"] // 2**20}))
    if snapshot["release"] is None:
        found.append(("no-release", {}))
    if snapshot["up"] and snapshot["online"] is not None and snapshot["online"] < snapshot["minimum_answers"]:
        found.append(("few-devices", {"online": snapshot["online"], "needed": snapshot["minimum_answers"]}))
    if snapshot["set_aside"]:
        found.append(("set-aside", {"count": len(snapshot["set_aside"])}))
    return [{"code": code, "facts": facts} for code, facts in found]


def _fruitless(sums: Sequence[Mapping[str, Any]]) -> int:
    """How many of the last rounds of training, in a row, had no sum."""
    count = 0
    for row in reversed([row for row in sums if row["task"] == "update"]):
        if not row["skipped"]:
            break
        count += 1
    return count
