"""What a release would have earned on people to whom another recommender showed items with known chances.

The other policy that is asked about shows one item, drawn evenly from the first k that a device would offer under the
release after what the person did before. A choice earns 1, a skip or a dismissal 0. Each logged event stands for all
that its chance (propensity) kept from being shown, see `shared.metrics.off_policy`.

Never judge a release on events that it has learnt from: their reward is then known to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client import Recommender, load_release
from shared.arguments import PathArgument, path_of, whole_number
from shared.arrays import F64Array
from shared.behaviour import TURNED_AWAY, Event
from shared.errors import Misconfigured, NotYet
from shared.metrics import bootstrap_interval, doubly_robust, inverse_propensity, self_normalised
from simulations.datasets import Dataset, load
from simulations.people import Person
from simulations.report import Progress, Stage


@dataclass(frozen=True, slots=True)
class _Logged:
    """Events that were shown with known chances, oldest first of each person.

    Attributes:
        people: int64 [n], whose they are.
        rewards: float64 [n], 1 for a choice, 0 for what was turned away.
        propensities: float64 [n], the chance with which each was shown.
        targets: float64 [n], the chance with which the release's policy would show it.
    """

    people: NDArray[np.int64]
    rewards: F64Array
    propensities: F64Array
    targets: F64Array


def evaluate_log(
    release: PathArgument,
    data: PathArgument | Dataset,
    *,
    top: int = 10,
    most_weight: float | None = None,
    most_events: int = 20_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Estimate the mean reward of a release's policy from a log with propensities.

    Args:
        release: folder of a release, or of the run that holds one.
        data: the log, see `load`; its events need `propensity`, also those that were turned away.
        top: k, from how many first items the policy draws the one that it shows.
        most_weight: weights are cut here, which trades noise for bias; not at all when left out.
        most_events: of more logged events, those of so many people drawn by the seed as come to this number.
        seed: of the people drawn and of the intervals.
        progress: where stages are shown.

    Returns:
        {"events", "people", "left_out": {reason: count}, "logged", "ips", "snips", "dr", "mean_weight"}: estimates each
        with a 95 % bootstrap interval over people ("low", "high"), and all but "logged" with "effective_events", on how
        many events it really rests. A mean weight far from 1 says that the chances are no chances of one item shown, or
        that the log holds too little of what the policy would show; "snips" does not depend on it.

    Raises:
        Misconfigured: no event has a propensity, or only choices have; or there is no release.
        NotYet: nothing that was shown is what the release would show.

    Example:
        found = evaluate_log("my-run", "events:log", top=10)
        print(found["snips"]["value"], found["logged"]["value"])
    """
    top, most_events = whole_number("top", top, 1), whole_number("most_events", most_events, 1)
    if most_weight is not None and not most_weight > 0:
        raise Misconfigured(f"most_weight: expected a number above 0, got {most_weight}; leave it out to cut none")
    shown = progress or Progress()
    dataset = data if isinstance(data, Dataset) else load(data, seed)
    folder = path_of("release", release)
    loaded = load_release(folder / "release" if (folder / "release").is_dir() else folder)
    recommender = Recommender(loaded.release, loaded.model)
    people, left_out = _chosen_people(dataset, recommender, most_events, seed)
    with shown.stage("ranking as devices do", total=len(people)) as stage:
        logged = _logged(recommender, dataset, people, top, stage)
    if not logged.targets.any():
        raise NotYet(
            f"log: expected some of the {len(logged.targets)} events to be about what the release would show, got "
            f"none among its first {top} items; add events, or look further down the list with a larger --top"
        )
    return {
        "data": dataset.name,
        "top": top,
        "events": len(logged.rewards),
        "people": len(people),
        "left_out": left_out,
        **_estimates(logged, np.inf if most_weight is None else most_weight, seed),
    }


def _is_shown(event: Event, recommender: Recommender) -> bool:
    return event.propensity is not None and event.item in recommender.catalogue


def _chosen_people(
    dataset: Dataset, recommender: Recommender, most: int, seed: int
) -> tuple[list[int], dict[str, int]]:
    """Places of people with events that were shown with known chances, and how many events are left out and why."""
    counts = np.zeros(len(dataset.people), np.int64)
    without = unknown = turned_away = 0
    for place, person in enumerate(dataset.people):
        for event in person.events:
            if event.item is None:
                continue
            if event.propensity is None:
                without += 1
            elif event.item not in recommender.catalogue:
                unknown += 1
            else:
                counts[place] += 1
                turned_away += event.kind in TURNED_AWAY
    if not counts.any():
        raise Misconfigured(
            f"{dataset.name}: expected events with propensity, the chance with which the recommender showed the item, "
            f"got none ({without} events without, {unknown} of items that the release has not); without it nothing can "
            "be said about another policy. Keep `propensity` of each offer beside what became of it"
        )
    if not turned_away:
        raise Misconfigured(
            f"{dataset.name}: expected what was shown and turned away as well (kind skip or dismissal, with its "
            f"propensity), got {counts.sum()} choices alone; without it every policy earns everything"
        )
    order = np.random.default_rng([seed, 13]).permutation(np.flatnonzero(counts))
    kept = order[: max(1, int((np.cumsum(counts[order]) <= most).sum()))]
    drawn = int(counts.sum() - counts[kept].sum())
    reasons = {"without propensity": without, "item not in the release": unknown, "of people not drawn": drawn}
    return np.sort(kept).tolist(), {reason: count for reason, count in reasons.items() if count}


def _logged(recommender: Recommender, dataset: Dataset, people: Sequence[int], top: int, stage: Stage) -> _Logged:
    rows = []
    for place in people:
        rows += [(place, *row) for row in _of_person(recommender, dataset.people[place], top)]
        stage.advance()
    whose, rewards, propensities, targets = (np.asarray(column) for column in zip(*rows, strict=True))
    return _Logged(whose, rewards.astype(np.float64), propensities, targets)


def _of_person(recommender: Recommender, person: Person, top: int) -> Iterator[tuple[float, float, float]]:
    """Reward, propensity and the policy's chance of each event that was shown; none knows what came at its moment."""
    profile, waiting = recommender.profile(), list[Event]()
    for event in person.events:
        if waiting and event.time_seconds > waiting[-1].time_seconds:
            for earlier in waiting:
                profile.add(earlier)
            waiting = []
        if _is_shown(event, recommender) and event.propensity is not None:
            scores = recommender.scores(profile, context=event.context)
            scores[[recommender.catalogue.row(item) for item in profile.met if item in recommender.catalogue]] = -np.inf
            own = scores[recommender.catalogue.row(str(event.item))]
            first = np.isfinite(own) and int((scores > own).sum()) < top
            size = min(top, int(np.isfinite(scores).sum()))
            yield float(event.kind not in TURNED_AWAY), event.propensity, 1.0 / size if first else 0.0
        waiting.append(event)


def _estimates(logged: _Logged, most_weight: float, seed: int) -> dict[str, Any]:
    of = logged.rewards, logged.propensities, logged.targets
    weights = np.minimum(logged.targets / logged.propensities, most_weight)
    expected = _expected(logged)
    robust = expected + weights * (logged.rewards - expected)
    found = {
        "ips": (inverse_propensity(*of, most_weight), weights * logged.rewards, None),
        "snips": (self_normalised(*of, most_weight), logged.rewards, weights),
        "dr": (doubly_robust(*of, expected, expected, most_weight), robust, None),
    }
    result: dict[str, Any] = {"logged": {"value": float(logged.rewards.mean())}}
    result["logged"] |= _interval(logged.rewards, logged.people, None, seed)
    for name, (estimate, terms, weighed) in found.items():
        result[name] = {
            "value": estimate.value,
            **_interval(terms, logged.people, weighed, seed),
            "effective_events": estimate.effective_events,
        }
    return {**result, "mean_weight": float(weights.mean())}


def _interval(terms: F64Array, people: NDArray[np.int64], weights: F64Array | None, seed: int) -> dict[str, float]:
    low, high = bootstrap_interval(terms, seed, people=people, weights=weights)
    return {"low": low, "high": high}


def _expected(logged: _Logged) -> F64Array:
    """The reward model of the doubly robust estimate: the mean reward of what the policy would show as well.

    It is taken from the other half of the people, so that no event's own reward is in what is expected of it.
    """
    half = np.unique(logged.people, return_inverse=True)[1] % 2
    expected = np.empty(len(half))
    for part in (0, 1):
        others = (half != part) & (logged.targets > 0)
        expected[half == part] = logged.rewards[others].mean() if others.any() else logged.rewards.mean()
    return expected
