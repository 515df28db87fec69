"""What each part of the model and of the device's reading is worth: measured by leaving it out.

Parts of the model are taken out of one trained release; only the ways interest may move are each trained anew.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from client import Levels, Profile, Recommender, RecommendOptions, Strategy
from shared.behaviour import Event, EventKind
from shared.companions import Companions
from shared.metrics import bootstrap_interval
from shared.model import GlobalModel
from shared.release import Release, model_of
from simulations.evaluation import DeviceScorer, Evaluation, evaluate, sample_people
from simulations.studies.study_runs import StudyRuns

_PEOPLE = 1000
_NOISE = 0.2  # share of the events that are random
_EVOLUTIONS = ("linear", "gru", "lstm", "attention")
_NEGLIGIBLE = 1e-6  # a weight that silences a part of the score

Make = Callable[[Recommender, Sequence[Event]], Profile]


@dataclass(frozen=True)
class _Variant:
    """One way to rank: what is changed in the release, how a profile is made, what is asked for."""

    release: Callable[[Release, GlobalModel], Release] = lambda release, _: release
    profile: Make = lambda ranker, events: ranker.profile(events)
    wishes: RecommendOptions = field(default_factory=RecommendOptions)


def measure_ablations(trials: StudyRuns) -> list[dict[str, Any]]:
    """A row per part: the figure without it, and what everything gains over it.

    The gain comes with a 95 % bootstrap interval over the same people. And a row for each other way in which interest
    may move, and for learnt circumstances.
    """
    trained = trials.train()
    release = trained.release
    model = model_of(release)
    world = trials.world
    questions = sample_people(world.split.test, _PEOPLE, trials.seed)
    variants = _variants(release)
    trained_anew = {f"{member} evolution": f"interest.evolution={member}" for member in _EVOLUTIONS}
    if any(event.context for log in world.logs for event in log):
        trained_anew["learnt circumstances"] = "interest.context=true"
    groups = dict.fromkeys([*release.federation.training.groups, "evolution", "context"])
    with_all = f"training.groups={json.dumps(list(groups))}"
    others = {name: trials.train(setting, with_all).release for name, setting in trained_anew.items()}
    rows, whole, whole_ranker = [], None, Recommender(release, model)
    with trials.progress.stage("ablations", total=len(variants) + len(others)) as stage:
        for name, variant in [*variants.items(), *((name, _Variant()) for name in others)]:
            stage.advance(0, name)
            changed = others.get(name) or variant.release(release, model)
            if changed is release:
                ranker = whole_ranker
            else:
                ranker = Recommender(changed, model_of(changed) if name in others else model)
            scorer = DeviceScorer(
                ranker,
                release.catalogue,
                world.logs,
                lambda events, ranker=ranker, make=variant.profile: make(ranker, events),  # type: ignore[misc]
                variant.wishes,
            )
            started = time.process_time()
            evaluation = evaluate(scorer, questions)
            milliseconds = 1000 * (time.process_time() - started) / max(len(questions), 1)
            whole = whole or evaluation
            rows.append(_row(name, evaluation, whole, milliseconds))
            stage.advance()
    return rows


def _variants(release: Release) -> dict[str, _Variant]:
    def levels(*weights: float) -> Make:
        return lambda ranker, events: ranker.profile(events, Levels(*weights))

    variants = {
        "everything": _Variant(),
        "levels chosen by each device": _Variant(
            profile=lambda ranker, events: ranker.profile(events, ranker.levels_for(events))
        ),
        "word level alone": _Variant(profile=levels(1, 0, 0)),
        "sentence level alone": _Variant(profile=levels(0, 1, 0)),
        "history level alone": _Variant(profile=levels(0, 0, 1)),
        "without the word level": _Variant(profile=levels(0, 0.8, 0.2)),
        "without the history level": _Variant(profile=levels(0.25, 0.75, 0)),
        "hour of the day": _Variant(profile=lambda r, events: r.profile(events, replace(r.levels_for(()), hour=0.3))),
        "without weighing events": _Variant(profile=lambda r, events: r.profile(events, weighs_events=False)),
        "with a fifth of the events random": _Variant(profile=_disturbed()),
        "the same, without weighing events": _Variant(profile=_disturbed(weighs_events=False)),
        "without noticing drift": _Variant(profile=lambda r, events: r.profile(events, notices_drift=False)),
        "bare model": _Variant(
            profile=lambda r, events: r.profile(events, Levels(0, 1, 0), weighs_events=False, notices_drift=False)
        ),
        "without the text's bias": _Variant(lambda release, model: _zeroed(release, model, "bias")),
    }
    views = release.federation.model.views
    if "concepts" in views:
        variants["without transitions"] = _Variant(lambda release, model: _zeroed(release, model, "transitions"))
    if len(views) == 2:
        variants["without concepts"] = _Variant(lambda release, model: _silenced(release, model, 1))
        variants["without the dense view"] = _Variant(lambda release, model: _silenced(release, model, 0))
    if release.federation.model.popularity:
        flat = np.zeros_like(release.log_popularity)
        variants["without popularity"] = _Variant(lambda release, _: replace(release, log_popularity=flat))
    if release.companions.rows.size:
        alone = Companions.none(len(release.catalogue))
        variants["without companions"] = _Variant(lambda release, _: replace(release, companions=alone))
    variants |= {
        f"strategy {s.value}": _Variant(wishes=RecommendOptions(s)) for s in Strategy if s is not Strategy.HYBRID
    }
    return variants


def _disturbed(weighs_events: bool = True) -> Make:
    """Profiles of logs into which clicks on random items were thrown."""

    def make(ranker: Recommender, events: Sequence[Event]) -> Profile:
        catalogue = ranker.catalogue
        rng = np.random.default_rng(len(events))
        noisy = list(events)
        for _ in range(round(len(events) * _NOISE / (1.0 - _NOISE))):
            place = int(rng.integers(len(noisy)))
            item = catalogue[int(rng.integers(len(catalogue)))].id
            noisy.insert(place, Event(noisy[place].time_seconds, EventKind.CLICK, item))
        return ranker.profile(noisy, weighs_events=weighs_events)

    return make


def _zeroed(release: Release, model: GlobalModel, group: str) -> Release:
    part = np.zeros_like(model.layout.extract(release.vector, [group]))
    return replace(release, vector=model.layout.insert(release.vector, [group], part))


def _silenced(release: Release, model: GlobalModel, view: int) -> Release:
    levels = model.layout.extract(release.vector, ["scales"]).copy()
    levels[view] = 10.0 * np.log(_NEGLIGIBLE)
    return replace(release, vector=model.layout.insert(release.vector, ["scales"], levels))


def _row(name: str, evaluation: Evaluation, whole: Evaluation, milliseconds: float) -> dict[str, Any]:
    way, metric = ("impressions", "auc") if "impressions" in evaluation.values else ("sampled", "ndcg@10")
    gains = whole.values[way][metric] - evaluation.values[way][metric]
    gains = gains[~np.isnan(gains)]
    low, high = bootstrap_interval(gains, seed=0)
    figures = evaluation.figures()
    return {
        "variant": name,
        f"{way} {metric}": figures[way][metric],
        "full ndcg@10": figures["full"]["ndcg@10"],
        "everything gains": float(gains.mean()),
        "interval": f"{low:+.4f} to {high:+.4f}",
        "milliseconds": milliseconds,
    }
