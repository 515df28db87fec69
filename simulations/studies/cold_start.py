"""Cold start: items and people that no training ever saw, beside those it knows.

Nothing of a new item or of a stranger enters a training, popularity counts included.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.metrics import bootstrap_interval
from shared.model import predicted_log_popularity
from shared.release import Release, model_of, with_items
from simulations.baselines import Popularity
from simulations.engine import Trained
from simulations.evaluation import ConceptScorer, Evaluation, Questions, Scorer, Split, World, evaluate
from simulations.people import People, RaggedRows, Rows
from simulations.studies.baseline_comparison import best_zero_shot
from simulations.studies.study_runs import StudyRuns

FIRST_EVENTS = (0, 1, 3, 5)
_NEW_SHARE = 0.1
_STRANGERS_SHARE = 0.2
_OPTIMISM = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_VALIDATED = 12_000  # questions


def measure_cold_start(trials: StudyRuns) -> list[dict[str, Any]]:
    """Both halves: new items under several priors, then the first events of new people.

    One person in five is a stranger here, so that there are enough of them to tell models apart.
    """
    trials = replace(trials, world=World.of(trials.world.dataset, trials.seed, _STRANGERS_SHARE))
    trained = trials.train()
    return [*_item_rows(trials, trained), *_people_rows(trials.world, trained)]


def cold_start_curve(world: World, trained: Trained) -> list[dict[str, Any]]:
    """How well strangers' next events are ranked after their first few, by this federation and beside it.

    The same strangers are asked at every number of events: those with more item events than the largest.

    Returns:
        A row per number of events and model: {"events", "model", "questions", "sampled ndcg@10", "full ndcg@10", "low",
        "high"}; the last two enclose the sampled figure, 95 % bootstrap. Figures are None where there is nobody to ask.
    """
    return [
        _curve_row(events, model, evaluation)
        for events, models in _first_events(world, trained).items()
        for model, evaluation in models.items()
    ]


def without_items(world: World, gone: NDArray[np.bool_]) -> World:
    """The world before some items came, bool [items].

    No row, no event, no list shows them, and nothing kept for the test is left. Its validation asks what it asked
    before, about the other items.
    """
    catalogue = world.dataset.catalogue
    rows = np.cumsum(~gone) - 1
    ids = {catalogue[int(row)].id for row in np.flatnonzero(gone)}
    people = People.of(
        replace(person, events=_without(world.training_log(number), ids))
        for number, person in enumerate(world.dataset.people)
    )
    asked = world.split.validation
    asked = asked.at(np.flatnonzero(~gone[asked.targets]))
    remaining = Catalogue(item for item in catalogue if item.id not in ids)
    split = Split(
        len(remaining),
        RaggedRows.of(rows[history[~gone[history]]] for history in world.split.training),
        np.full_like(world.split.kept_from, -1),
        Questions(
            len(remaining),
            asked.people,
            [rows[history[~gone[history]]].astype(np.int32) for history in asked.histories],
            rows[asked.targets].astype(np.int32),
            np.where((asked.negatives >= 0) & ~gone[asked.negatives], rows[asked.negatives], -1).astype(np.int32),
            [None] * len(asked),
        ),
        _none_asked(len(remaining)),
    )
    dataset = replace(world.dataset, catalogue=remaining, people=people, negatives={}, impressions=(), truth=None)
    return World(dataset, split, world.members, world.strangers)


def _item_rows(trials: StudyRuns, trained: Trained) -> list[dict[str, Any]]:
    """One item in ten comes after the training.

    Every model is asked the ordinary test questions; new items may stand in the histories, whose texts a device reads
    like any other.

    `not held out` is what the ordinary training makes of the very same questions: new and warm targets may differ in
    difficulty, these do not.
    """
    world = trials.world
    items = len(world.dataset.catalogue)
    new = np.zeros(items, bool)
    new[np.random.default_rng([trials.seed, 11]).permutation(items)[: int(_NEW_SHARE * items)]] = True
    before = trials.train(world=without_items(world, new)).release
    model = model_of(before)
    release = _joined(before, new, world.dataset.catalogue, model)
    scorer = ConceptScorer(release, model, world.dataset.people)
    usual = evaluate(trained.scorer, world.split.test)
    priors = {"predicted prior": release.log_popularity}
    if release.federation.model.popularity:
        priors["raw prior"] = _raw_prior(release, world, new)
        priors["no prior"] = np.zeros(items, np.float32)
    rows = []
    for name, prior in priors.items():
        scorer.install(replace(release, log_popularity=prior))
        rows.append(_item_row(name, evaluate(scorer, world.split.test), new, usual))
    rows.append(_item_row("nothing held out", usual, new, usual))
    if release.federation.model.popularity:
        rows += _optimism_rows(world, before, release, scorer, new)
    return rows


def _optimism_rows(
    world: World, before: Release, release: Release, scorer: ConceptScorer, new: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """What `statistics.new_item_optimism` is chosen by: the validation part, where all items together count too."""
    asked = world.split.validation
    asked = asked.at(np.sort(np.random.default_rng(1).permutation(len(asked))[:_VALIDATED]))
    rows = []
    for optimism in _OPTIMISM:
        prior = release.log_popularity.copy()
        prior[new] = predicted_log_popularity(before.index, before.log_popularity, release.index[new], optimism)
        scorer.install(replace(release, log_popularity=prior))
        evaluation = evaluate(scorer, asked)
        row = _item_row(f"optimism {optimism:g}", evaluation, new, None) | {"part": "new items, validation"}
        rows.append(row | {"all items": float(np.nanmean(evaluation.values["full"]["ndcg@10"]))})
    return rows


def _joined(before: Release, new: NDArray[np.bool_], catalogue: Catalogue, model: Any) -> Release:
    """The release with the new items, in the rows that they have in the whole catalogue."""
    came = Catalogue(catalogue[int(row)] for row in np.flatnonzero(new))
    after = with_items(before, model, came)
    order = np.argsort(np.concatenate([np.flatnonzero(~new), np.flatnonzero(new)]))
    return replace(
        after,
        catalogue=Catalogue(after.catalogue[int(row)] for row in order),
        index=after.index[order],
        log_popularity=after.log_popularity[order],
        companions=after.companions.reordered(order),
        adapter=None if after.adapter is None else replace(after.adapter, items=after.adapter.items[order]),
    )


def _raw_prior(release: Release, world: World, new: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As if new items had been there when nobody met them: the prior of a count of zero."""
    shrinkage = release.federation.statistics.shrinkage
    counts = world.split.counts()[~new]
    zero = np.log(shrinkage) - np.log(counts + shrinkage).mean()
    return np.where(new, zero, release.log_popularity).astype(np.float32)


def _item_row(name: str, evaluation: Evaluation, new: NDArray[np.bool_], usual: Evaluation | None) -> dict[str, Any]:
    asked = new[evaluation.questions.targets]
    values = evaluation.values["full"]["ndcg@10"]
    others = usual.values["full"]["ndcg@10"][asked] if usual else values[:0]
    figures = {"new": values[asked], "warm": values[~asked], "not held out": others}
    means = {part: _mean(found) for part, found in figures.items()}
    return {
        "part": "new items",
        "model": name,
        "questions": int(asked.sum()),
        "full ndcg@10": means["new"],
        "interval": _interval(figures["new"], evaluation.questions.people[asked]),
        "warm": means["warm"],
        "of warm": _ratio(means["new"], means["warm"]),
        "not held out": means["not held out"],
        "of not held out": _ratio(means["new"], means["not held out"]),
    }


def _people_rows(world: World, trained: Trained) -> list[dict[str, Any]]:
    rows = []
    for events, models in _first_events(world, trained).items():
        for model, evaluation in models.items():
            row = _curve_row(events, model, evaluation)
            popular = models["popularity"].values["sampled"]["ndcg@10"]
            gains = evaluation.values["sampled"]["ndcg@10"] - popular
            rows.append(
                {
                    "part": f"new people, {events} events",
                    "model": model,
                    "questions": row["questions"],
                    "full ndcg@10": row["full ndcg@10"],
                    "sampled ndcg@10": row["sampled ndcg@10"],
                    "interval": _interval(evaluation.values["sampled"]["ndcg@10"], evaluation.questions.people),
                    "gain over popularity": _mean(gains),
                    "gain interval": _interval(gains, evaluation.questions.people),
                }
            )
    return rows


def _curve_row(events: int, model: str, evaluation: Evaluation) -> dict[str, Any]:
    figures = evaluation.figures()
    low, high = evaluation.interval("sampled", "ndcg@10")
    return {
        "events": events,
        "model": model,
        "questions": len(evaluation.questions),
        "sampled ndcg@10": figures["sampled"]["ndcg@10"],
        "full ndcg@10": figures["full"]["ndcg@10"],
        "low": low,
        "high": high,
    }


def _first_events(world: World, trained: Trained) -> dict[int, dict[str, Evaluation]]:
    """What comes of the event after a stranger's first few, by their number and by model."""
    scorers: dict[str, Scorer] = {
        "hushrec": trained.scorer,
        "popularity": Popularity(world.split.training, world.split.items),
        "zero-shot": best_zero_shot(world, trained),
    }
    return {
        events: {model: evaluate(scorer, _after(events, world)) for model, scorer in scorers.items()}
        for events in FIRST_EVENTS
    }


def _after(events: int, world: World) -> Questions:
    """The event after the first so many of each stranger who has more than the largest number of events."""
    last = world.split.validation if world.dataset.impressions else world.split.test  # holds everything before
    asked = last.of(np.flatnonzero(world.strangers))
    asked = asked.at(np.flatnonzero([len(history) >= max(FIRST_EVENTS) for history in asked.histories]))
    logs = [np.append(history, target) for history, target in zip(asked.histories, asked.targets, strict=True)]
    return replace(
        asked,
        histories=[log[:events].astype(np.int32) for log in logs],
        targets=np.asarray([log[events] for log in logs], np.int32),
        lists=[None] * len(asked),
        turned_away=(),
    )


def _without(events: Sequence[Event], ids: set[str]) -> tuple[Event, ...]:
    """The events on other items, showing none of these."""
    return tuple(
        replace(event, shown=tuple(item for item in event.shown if item not in ids))
        for event in events
        if event.item not in ids
    )


def _none_asked(items: int) -> Questions:
    nothing: Rows = np.zeros(0, np.int32)
    return Questions(items, np.zeros(0, np.int64), [], nothing, np.zeros((0, 0), np.int32), [])


def _ratio(value: float | None, other: float | None) -> float | None:
    return value / other if value is not None and other else None


def _mean(values: NDArray[np.float64]) -> float | None:
    """Over the questions that were asked."""
    asked = values[~np.isnan(values)]
    return float(asked.mean()) if len(asked) else None


def _interval(values: NDArray[np.float64], people: NDArray[np.int64]) -> str | None:
    asked = ~np.isnan(values)
    values, people = values[asked], people[asked]
    if not len(values):
        return None
    low, high = bootstrap_interval(values, seed=0, people=people)
    return f"{low:.4f} to {high:.4f}"
