"""The promises and aggregations a run may name, and which of them are built."""

from typing import Literal

from shared.errors import Misconfigured

Privacy = Literal["none", "event", "user", "both"]
Aggregation = Literal["secure", "ideal", "plain"]


def require_built(privacy: str, aggregation: str) -> None:
    """Refuse what needs the private sum.

    Raises:
        Misconfigured: a mode that is not built yet, or none at all.
    """
    if aggregation != "plain":
        raise Misconfigured(
            f"--aggregation: expected plain, got {aggregation}; the private sum is not built yet, use plain"
        )
    if privacy not in ("none", "event"):
        raise Misconfigured(
            f"--privacy: expected none or event, got {privacy}; the user-level promise needs the private sum, which is "
            "not built yet, use --privacy event"
        )
