"""A few people of a simulation: what they did last, what interests them, what they are offered and why."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from client import Reason, Recommender
from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.release import Release
from simulations.report.parts import ExampleEvent, ExamplePerson, ExampleReason, ExampleRecommendation, Journey

_LATEST, _CONCEPTS, _OFFERED, _REASONS = 8, 6, 10, 4
_MOMENTS, _MOST_EVENTS = 24, 400
_LONGEST_WORDS = 80
# Times before this are positions in a sequence, not dates.
_FIRST_DATE_SECONDS = 10**8


def describe_people(recommender: Recommender, release: Release, events: Sequence[Event], number: int) -> ExamplePerson:
    """One person's latest events, strongest concepts and recommendations with their reasons."""
    catalogue = release.catalogue
    interest = recommender.interest(events)
    concepts: list[tuple[str, float]] = []
    if interest.concepts is not None:
        strongest = np.argsort(-interest.concepts, kind="stable")[:_CONCEPTS]
        concepts = [(release.concept_names[place], float(interest.concepts[place])) for place in strongest]
    return ExamplePerson(
        number,
        [
            ExampleEvent(_when(event), event.kind.value, _words(event, catalogue))
            for event in events[: -_LATEST - 1 : -1]
        ],
        concepts,
        [
            ExampleRecommendation(catalogue[offer.row].title, offer.score, _reasons(offer.reasons, catalogue))
            for offer in recommender.recommend(events, _OFFERED)
        ],
    )


def follow_person(recommender: Recommender, release: Release, events: Sequence[Event], number: int) -> Journey:
    """One person's interest as their events came, and the list after half of them beside the one after all.

    Of a long log the last 400 events are followed.
    """
    events = events[-_MOST_EVENTS:]
    moments = sorted({round(at) for at in np.linspace(1, len(events), min(_MOMENTS, len(events)))})
    profile, shares = recommender.profile(), []
    for place, event in enumerate(events, 1):
        profile.add(event)
        if place in moments:
            concepts = profile.interest().concepts
            shares.append(np.zeros(0) if concepts is None else concepts.astype(float))
    courses = np.stack(shares, axis=1)
    strongest = np.argsort(-courses.mean(1), kind="stable")[:_CONCEPTS]
    early = max(1, len(events) // 2)
    lists = [recommender.recommend(events[:length], _OFFERED) for length in (early, len(events))]
    before, after = ([release.catalogue[offer.row].title for offer in offers] for offers in lists)
    return Journey(
        number,
        len(events),
        moments,
        [_when(events[moment - 1]) for moment in moments],
        [release.concept_names[place] for place in strongest],
        [[round(float(share), 4) for share in courses[place]] for place in strongest],
        early,
        before,
        after,
    )


def _reasons(reasons: Sequence[Reason], catalogue: Catalogue) -> list[ExampleReason]:
    """The strongest, each with its share of all that speaks for or against the item."""
    total = sum(abs(reason.part) for reason in reasons) or 1.0
    strongest = sorted(reasons, key=lambda reason: -abs(reason.part))[:_REASONS]
    return [ExampleReason(*_about(reason, catalogue), reason.part / total) for reason in strongest]


def _about(reason: Reason, catalogue: Catalogue) -> tuple[str, str]:
    """Its kind, and what it names in words; an event without an item is about the person's own words."""
    if reason.kind in ("event", "companion"):
        known = reason.name in catalogue
        return (reason.kind, catalogue[catalogue.row(reason.name)].title) if known else ("words", "")
    return reason.kind, reason.name


def _when(event: Event) -> str:
    if event.time_seconds < _FIRST_DATE_SECONDS:
        return f"#{event.time_seconds:.0f}"
    return datetime.fromtimestamp(event.time_seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _words(event: Event, catalogue: Catalogue) -> str:
    if event.text:
        return event.text[:_LONGEST_WORDS]
    return catalogue[catalogue.row(event.item)].title if event.item is not None and event.item in catalogue else ""
