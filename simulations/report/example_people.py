"""A few people of a simulation in words: what they did last, what interests them, what they are offered and why."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from client import Recommender, reasons_in_words
from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.release import Release
from simulations.report.result import ExampleEvent, ExamplePerson, ExampleRecommendation

_LATEST, _CONCEPTS, _OFFERED, _REASONS = 8, 6, 10, 4
# Times before this are positions in a sequence, not dates.
_FIRST_DATE_SECONDS = 10**8


def describe_people(recommender: Recommender, release: Release, events: Sequence[Event], title: str) -> ExamplePerson:
    """One person's latest events, strongest concepts and recommendations with their reasons."""
    catalogue = release.catalogue
    interest = recommender.interest(events)
    concepts: list[tuple[str, float]] = []
    if interest.concepts is not None:
        strongest = np.argsort(-interest.concepts, kind="stable")[:_CONCEPTS]
        concepts = [(release.concept_names[place], float(interest.concepts[place])) for place in strongest]
    return ExamplePerson(
        title,
        [ExampleEvent(_when(event), _what(event, catalogue)) for event in reversed(events[-_LATEST:])],
        concepts,
        [
            ExampleRecommendation(
                catalogue[offer.row].title, offer.score, reasons_in_words(offer.reasons, catalogue, most=_REASONS)
            )
            for offer in recommender.recommend(events, _OFFERED)
        ],
    )


def _when(event: Event) -> str:
    if event.time_seconds < _FIRST_DATE_SECONDS:
        return f"event {event.time_seconds:.0f}"
    return datetime.fromtimestamp(event.time_seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _what(event: Event, catalogue: Catalogue) -> str:
    words = [event.kind.value]
    if event.item is not None and event.item in catalogue:
        words.append(f"“{catalogue[catalogue.row(event.item)].title}”")
    if event.text:
        words.append(f"“{event.text[:80]}”")
    return " ".join(words)
