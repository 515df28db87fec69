"""Checks what a recommender is asked, before anything is ranked: a wrong argument is named as the caller wrote it."""

from collections.abc import Iterable, Sequence

from client.interest import Controls
from client.recommender.options import RecommendOptions
from shared.arguments import described
from shared.behaviour import Event
from shared.errors import Misconfigured


def events_of(events: Sequence[Event]) -> Sequence[Event]:
    """A person's events.

    Raises:
        Misconfigured: they are something else, or something else is among them.
    """
    if not isinstance(events, Iterable) or isinstance(events, str | bytes | dict):
        raise Misconfigured(
            f"events: expected a profile or a list of Events, oldest first, got {described(events)}; "
            "put events into a list, also a single one"
        )
    listed = events if isinstance(events, Sequence) else list(events)
    for place, event in enumerate(listed):
        if not isinstance(event, Event):
            raise Misconfigured(
                f"events: expected Events alone, got {described(event)} at place {place}; make Events of them first"
            )
    return listed


def check_wishes(wishes: RecommendOptions, controls: Controls | None) -> None:
    """See that wishes and decisions are what they are taken for.

    Raises:
        Misconfigured: one is not.
    """
    if not isinstance(wishes, RecommendOptions):
        raise Misconfigured(
            f"wishes: expected RecommendOptions, got {described(wishes)}; write RecommendOptions(diversity=0.3)"
        )
    if controls is not None and not isinstance(controls, Controls):
        raise Misconfigured(
            f"controls: expected Controls or None, got {described(controls)}; make them with Recommender.controls()"
        )
