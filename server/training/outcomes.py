"""What became of the devices that a sum asked, and what it measured, read from the rows that training writes."""

import re
from collections.abc import Sequence
from typing import Any

from server.training.progress import Row

COUNT_NAMES = {
    "not_yet": "not yet", "refused": "refused", "failed": "failed", "rejected": "rejected", "late": "late"
}  # fmt: skip
_WHY = {
    "not_yet": "the device is not set up to take part yet",
    "refused": "the device's policy or budget says no, its person has not accepted the terms that count, or it has "
    "answered that round before; the server is not told which",
    "failed": "an error instead of an answer, and the device's own log says which",
    "rejected": "the answer was not what it must be; run/logs/serverapp.log says in what",
    "late": "no answer in time, or an answer to a sum that too few others came through",
}
# Of Flower, `flwr.common.constant.ErrorCode`; importing it takes a second.
_CODES = {
    "1": "its app does not start", "2": "its app ended with an error", "3": "the question was lost",
    "4": "the answer was lost", "5": "it was gone", "8": "its app was killed",
}  # fmt: skip
_FIGURE = re.compile(r"(.+?):(-?[0-9.]+)(?: |$)")
_DEVIATION = " deviation"
_SURE = 1.96  # standard deviations to each side: 95 %
_HIDDEN = 0.5  # half of an interval that holds all that a figure can be


def explained_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows with what they come to beside them.

    "figures" holds of each figure of an evaluation {"mean", "low", "high"}, the ends of its 95 % interval, or None
    where noise hides it; "why" says of each kind of device that did not answer what is known of why.
    """
    return [
        dict(row)
        | {"figures": figures_of(row), "why": {COUNT_NAMES[kind]: text for kind, text in reasons_of([row]).items()}}
        for row in rows
    ]


def reasons_of(rows: Sequence[Row]) -> dict[str, str]:
    """What is known of why devices did not answer, by kind, for the kinds that occur."""
    known = {kind: why for kind, why in _WHY.items() if any(row[kind] for row in rows)}
    codes = sorted({code.partition(":")[0] for row in rows for code in str(row.get("failed_codes", "")).split()})
    if codes and "failed" in known:
        said = ", ".join(_CODES.get(code, f"Flower's code {code}") for code in codes)
        known["failed"] += f" (Flower's word: {said})"
    return known


def figures_of(row: Row) -> dict[str, dict[str, float] | None]:
    """Each figure of an evaluation with its interval, from the text in which a row holds them."""
    said = {name: float(value) for name, value in _FIGURE.findall(str(row["metrics"]))}
    found: dict[str, dict[str, float] | None] = {}
    for name, mean in said.items():
        half = _SURE * said.get(name + _DEVIATION, 0.0)
        if name.endswith(_DEVIATION):
            continue
        within = {"mean": mean, "low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}
        found[name] = None if half >= _HIDDEN else within
    return found
