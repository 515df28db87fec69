"""What the person decided about their interests: concepts muted or boosted. It survives releases and goes nowhere else.

A release may number and name its concepts anew, so a decision is kept with the concept's public centre and finds the
nearest concept of every later release.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from client.interest.settings import SETTINGS
from shared.arrays import F32Vector
from shared.errors import Corrupt, Misconfigured

Decision = Literal["mute", "boost"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision about one concept, known by its name and its centre, float32 [D], a unit vector."""

    decision: Decision
    name: str
    centre: tuple[float, ...]

    def __repr__(self) -> str:
        return f"Ruling({self.decision})"


class Controls:
    """All decisions of one person, applied to the concepts of one release.

    Example:
        >>> controls = recommender.controls()
        >>> muted, other = recommender.concept_names[:2]
        >>> controls.mute(muted)
        >>> controls.boost(other)
        >>> (int(controls.muted.sum()), int(controls.boosted.sum()))
        (1, 1)
        >>> recommender.controls(controls.to_json()).rulings == controls.rulings  # kept, and read again
        True
        >>> len(recommender.recommend([], 3, controls=controls))
        3
    """

    def __init__(self, names: Sequence[str], centres: NDArray[np.float32], rulings: Sequence[Ruling] = ()) -> None:
        """Put decisions to the concepts of a release.

        Args:
            names: K names.
            centres: float32 [K, D], the release's concepts.
            rulings: earlier decisions. One whose concept has no successor rests until it has one again.
        """
        self._names = tuple(names)
        self._centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        self._rulings: list[Ruling] = list(rulings)

    def __repr__(self) -> str:
        return f"Controls({len(self._rulings)} decisions)"

    @property
    def rulings(self) -> tuple[Ruling, ...]:
        """The decisions, for export and for the next release."""
        return tuple(self._rulings)

    def mute(self, name: str) -> None:
        """Let a concept count nothing, and its items sink below all others, from the next ranking on.

        Raises:
            Misconfigured: no concept has this name.
        """
        self._rule("mute", name)

    def boost(self, name: str) -> None:
        """Let a concept count three times as much.

        Raises:
            Misconfigured: no concept has this name.
        """
        self._rule("boost", name)

    def clear(self, name: str) -> None:
        """Take back what was decided about a concept.

        Raises:
            Misconfigured: no concept has this name.
        """
        concept = self._concept(name)
        self._rulings = [ruling for ruling in self._rulings if self._place(ruling) != concept]

    @property
    def muted(self) -> NDArray[np.bool_]:
        """Bool [K]."""
        return self._factors() == 0.0

    @property
    def boosted(self) -> NDArray[np.bool_]:
        """Bool [K]."""
        return self._factors() > 1.0

    def weighed(self, concepts: F32Vector) -> F32Vector:
        """A concept interest [K] under the decisions: shares that sum to one again, or zeros."""
        weighed = concepts * self._factors()
        return np.asarray(weighed / max(float(weighed.sum()), 1e-12), np.float32)

    def to_json(self) -> str:
        """The decisions as JSON."""
        return json.dumps(
            [{"decision": r.decision, "name": r.name, "centre": list(r.centre)} for r in self._rulings],
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, names: Sequence[str], centres: NDArray[np.float32], content: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            Corrupt: it is something else.
        """
        try:
            records = json.loads(content)
            if not isinstance(records, list):
                raise TypeError("not a list")
            return cls(names, centres, [_ruling(record) for record in records])
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(
                f"controls: expected a list of decisions with name and centre ({type(error).__name__})"
            ) from None

    def _rule(self, decision: Decision, name: str) -> None:
        concept = self._concept(name)
        self.clear(name)
        centre = tuple(float(number) for number in self._centres[concept])
        self._rulings.append(Ruling(decision, name, centre))

    def _concept(self, name: str) -> int:
        if name not in self._names:
            raise Misconfigured(f"concept {name!r}: expected one of {', '.join(self._names)}")
        return self._names.index(name)

    def _place(self, ruling: Ruling) -> int | None:
        if len(ruling.centre) != self._centres.shape[1]:
            return None  # of a release over other features
        likeness = self._centres @ np.asarray(ruling.centre, np.float32)
        place = int(likeness.argmax())
        return place if likeness[place] >= SETTINGS.same_concept_cosine else None

    def _factors(self) -> F32Vector:
        factors = np.ones(len(self._names), np.float32)
        for ruling in self._rulings:
            place = self._place(ruling)
            if place is not None:
                factors[place] = 0.0 if ruling.decision == "mute" else SETTINGS.boost
        return factors


def _ruling(record: Any) -> Ruling:
    centre = tuple(float(number) for number in record["centre"])
    if record.keys() != {"decision", "name", "centre"} or record["decision"] not in ("mute", "boost"):
        raise ValueError("another record")
    if not centre or not np.isfinite(centre).all() or not isinstance(record["name"], str):
        raise ValueError("another centre")
    return Ruling(record["decision"], record["name"], centre)
