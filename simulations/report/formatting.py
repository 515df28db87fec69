"""How figures are put into words, the same in the terminal and in the report. It never rounds a privacy loss down."""

import math
from collections.abc import Mapping
from typing import Any

from shared.privacy import LARGEST_PROMISE
from simulations.report.language import Words

DASH = "–"


def cell(value: Any) -> str:
    """One figure of a table; nothing is a dash."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value and abs(value) < 0.001:
            return f"{value:.1e}"
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


def size(count: float | None) -> str:
    """A number of bytes."""
    if count is None:
        return DASH
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count:.0f} bytes"


def format_spent(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return DASH
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def milliseconds(value: float | None) -> str:
    """A short length of time."""
    return DASH if value is None else f"{value:,.3g} ms" if value < 10 else f"{value:,.0f} ms"


def epsilon(value: float | None) -> str:
    """A privacy loss to two decimals, rounded up; one that rules nothing out says so."""
    if value is None:
        return DASH
    return rounded_up(value) if value <= LARGEST_PROMISE else f"{rounded_up(value)}, no promise"


def rounded_up(value: float) -> str:
    """A privacy loss to two decimals, never less than it is."""
    return f"{math.ceil(round(value * 100, 6)) / 100:.2f}"


def privacy_in_short(promise: Mapping[str, Any], words: Words) -> str:
    """One line on one level of privacy."""
    if promise["epsilon"] is None:
        return words("terminal_no_promise")
    return words("terminal_promise", epsilon=epsilon(promise["epsilon"]), delta=f"{promise['delta']:.0e}")


def percent(share: float) -> str:
    """A share, as a percentage."""
    return f"{100 * share:.0f} %"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    return DASH if value is None else f"{value:+.3f}"
