"""The baselines measured beside a run: the same questions, the same training events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import positive_events
from shared.model import Vector
from shared.release import Release, candidate_release, model_of
from simulations.baselines import Bpr, Ease, IAls, ItemKnn, Popularity, ZeroShot, train_alone, train_centrally
from simulations.engine import Trained
from simulations.evaluation import ConceptScorer, Evaluation, Scorer, World, evaluate
from simulations.options import Which
from simulations.people import Rows
from simulations.report import Progress

_ALONE_PEOPLE = 50
_FORGETTING = (0.0, 0.5, 1.0)


class MeasuredBaseline(NamedTuple):
    """What a baseline makes of the test, and its headline figure on the part that the learning curve is measured on."""

    test: Evaluation
    validation: float | None


def measure_baselines(world: World, trained: Trained, which: Which, progress: Progress) -> dict[str, MeasuredBaseline]:
    """Baselines by name. `fast`: popularity, zero-shot, neighbours; `all`: all those this module knows."""
    if which == "none":
        return {}
    split = world.split
    builders: dict[str, Callable[[], Scorer]] = {
        "popularity": lambda: Popularity(split.training, split.items),
        "zero-shot": lambda: best_zero_shot(world, trained),
        "item-knn": lambda: ItemKnn(split.training, split.items),
    }
    if which == "all":
        builders |= {
            "ease": lambda: Ease(split.training, split.items),
            "ials": lambda: IAls(split.training, split.items),
            "bpr": lambda: Bpr(split.training, split.items),
            "central": lambda: central(world, trained, progress),
        }
    found, validation = {}, split.validation.of(world.curve_people)
    with progress.stage("baselines", total=len(builders) + (which == "all")) as stage:
        for name, build in builders.items():
            stage.advance(0, name)
            scorer = build()
            judged = evaluate(scorer, validation).headline if len(validation) else None
            found[name] = MeasuredBaseline(evaluate(scorer, split.test), judged)
            stage.advance()
        if which == "all":
            stage.advance(0, "local only")
            found["local-only"] = MeasuredBaseline(alone(world, trained), None)
            stage.advance()
    return found


def best_zero_shot(world: World, trained: Trained) -> ZeroShot:
    """The frozen texts with the forgetting that ranks the validation part best."""
    members = [ZeroShot(trained.start.index, forgetting) for forgetting in _FORGETTING]
    questions = world.split.validation.of(world.curve_people)
    scores = [evaluate(member, questions).headline for member in members]
    return members[int(np.argmax(scores))]


def central(world: World, trained: Trained, progress: Progress) -> ConceptScorer:
    """The same model from the same start, trained where all logs lie in one place, heads only."""
    start = replace(trained.start, log_popularity=trained.release.log_popularity)
    model = model_of(start)
    scorer = ConceptScorer(start, model, world.dataset.people)
    questions = world.split.validation.of(world.curve_people)

    def validate(vector: Vector) -> float:
        scorer.install(candidate_release(start, model, vector))
        return evaluate(scorer, questions).headline

    with progress.stage("central training") as stage:
        logs = [positive_events(world.training_log(int(person))) for person in world.members]
        vector = train_centrally(
            start,
            model,
            logs,
            validate,
            seed=0,
            progress=lambda epoch, metric: stage.advance(1, f"{epoch}: {metric:.3f}"),
        )
    scorer.install(candidate_release(start, model, vector))
    return scorer


def alone(world: World, trained: Trained) -> Evaluation:
    """Each of some people with a model of their own, trained from release zero on their log and nobody's counts."""
    start = trained.start
    model = model_of(start)
    scorer = ConceptScorer(start, model, world.dataset.people)
    asked = world.split.test.of(world.curve_people[:_ALONE_PEOPLE])
    vectors = {
        int(person): train_alone(start, model, positive_events(world.training_log(int(person))), seed=0)
        for person in asked.people
    }
    own = {person: candidate_release(start, model, vector) for person, vector in vectors.items()}
    return evaluate(_EachAlone(scorer, own), asked)


class _EachAlone:
    """Ranks each person under the parameters of that person's own device."""

    def __init__(self, scorer: ConceptScorer, releases: Mapping[int, Release]) -> None:
        self._scorer, self._releases = scorer, releases

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        rows = []
        for person, history in zip(people, histories, strict=True):
            self._scorer.install(self._releases[int(person)])
            rows.append(self._scorer.score(np.asarray([person]), [history]))
        return np.concatenate(rows)
