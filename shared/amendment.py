"""Amendments: what differs between two federation files, what of it people are asked about, and what can never change.

A training goes on under other terms as long as its parameters keep their shape, and as long as what was promised of
earlier answers can still be said of all answers together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.charges import adds_local_noise
from shared.errors import Misconfigured
from shared.federation import FederationFile

# What a server may change without asking: its own step, and whom it asks when.
FREE = frozenset(
    {
        "evaluation.clients",
        "evaluation.every_rounds",
        "evaluation.patience",
        "optimizer",
        "round.deadline_seconds",
        "round.minimum_answers",
        "round.over_selection",
        "round.straggler_seconds",
        "training.clients_per_round",
        "training.rounds",
    }
)
_SHAPE = "the parameters that were trained would have another shape or meaning"
_PROMISE = "what was promised of earlier answers could not be said of all answers together"
# Keys, or whole sections, that stay as they are as long as a federation lives, and why.
FIXED: Mapping[str, str] = {
    "name": "it says which federation a device has joined",
    "backbone": _SHAPE,
    "model": _SHAPE,
    "interest": _SHAPE,
    "sum.mode": _PROMISE,
    "sum.corrupt_share": _PROMISE,
    "evaluation.negatives": "what evaluations found before could not be compared",
    "privacy.level": _PROMISE,
    "privacy.local_noise": _PROMISE,
    "privacy.period_days": _PROMISE,
    "windows.events": _PROMISE,  # longer or shorter windows overlap several of those that were charged
}


@dataclass(frozen=True, slots=True)
class TermChange:
    """A key in which two federation files differ.

    Attributes:
        key: "section.key"; the optimizer's section is one key.
        before: its value, as in JSON.
        after: the other file's.
    """

    key: str
    before: Any
    after: Any


def term_changes(before: FederationFile, after: FederationFile) -> tuple[TermChange, ...]:
    """Every key in which two files differ, in alphabetic order.

    Example:
        >>> old, new = read_federation(), read_federation(settings=["training.rounds=200"])
        >>> [(change.key, change.before, change.after) for change in term_changes(old, new)]
        [('training.rounds', 100, 200)]
    """
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    keys = sorted(old.keys() | new.keys())
    return tuple(TermChange(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))


def changes_to_accept(agreed: FederationFile, offered: FederationFile) -> tuple[TermChange, ...]:
    """The changes that a person has to accept.

    What a device computes, sends and is charged may not change without the person, nor in what company: every key
    counts, but for those of the server's own step and of when and how often it asks. A sum may come to hide the person
    among more people than was agreed, never among fewer.
    """
    asked = [change for change in term_changes(agreed, offered) if change.key not in FREE]
    least, smaller = agreed.round.minimum_answers, offered.round.minimum_answers
    if smaller < least:
        asked.insert(0, TermChange("round.minimum_answers", least, smaller))
    if not any(change.key == "privacy.local_noise" for change in asked):
        own, other = adds_local_noise(agreed), adds_local_noise(offered)  # which "auto" makes of cohorts that are free
        if own != other:
            asked.append(TermChange("privacy.local_noise", _noise_in_words(own), _noise_in_words(other)))
    return tuple(asked)


def check_amendable(before: FederationFile, after: FederationFile) -> None:
    """See that a federation can go on under other terms.

    Raises:
        Misconfigured: a key differs that stays as long as the federation lives, the optimizer would be another one, or
            the adapters would begin or cease to be trained.
    """
    changes = (*term_changes(before, after), *changes_to_accept(before, after))
    for change in changes:
        why = FIXED.get(change.key) or FIXED.get(change.key.partition(".")[0])
        if change.key == "optimizer" and change.before["name"] != change.after["name"]:
            why = "what the optimiser remembers means something else to another one"
        if change.key == "training.groups" and ("adapters" in change.before) != ("adapters" in change.after):
            why = _SHAPE
        if why:
            raise Misconfigured(
                f"{change.key}: expected {change.before}, as long as this federation lives, got {change.after}: {why}; "
                "put it back, or make a new server with `hushrec-server init`"
            )


def _noise_in_words(own: bool) -> str:
    return "with noise of the device's own" if own else "without noise of the device's own"


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a federation file as they are written in it; the server's own step is one."""
    flat: dict[str, Any] = {}
    for section, values in content.items():
        if isinstance(values, dict) and section != "optimizer":
            flat |= {f"{section}.{key}": value for key, value in values.items()}
        else:
            flat[section] = values
    return flat
