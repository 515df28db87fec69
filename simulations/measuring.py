"""Every figure of a finished training, of which the test part tells."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from client import Recommender
from shared.metrics import bootstrap_interval
from shared.model import build_model
from shared.recipe import plan_groups
from shared.release import model_of
from shared.tasks import TASK_ROWS
from simulations.engine import Trained
from simulations.evaluation import DeviceScorer, Evaluation, World, breadth, evaluate, fairness, sample_people
from simulations.notes import notes_on
from simulations.options import Which
from simulations.report import (
    ExamplePerson,
    FairnessGroup,
    Journey,
    Progress,
    RunResult,
    describe_people,
    follow_person,
    map_concepts,
)
from simulations.settings import facts_of
from simulations.studies import cold_start_curve, measure_baselines, share_kept

_EXAMPLES = 3
_ON_DEVICE = 500  # people at most
_EXAMPLE_EVENTS = 5
# Figures that get an interval: what models are compared by.
_ESTIMATED = (("sampled", "ndcg@10"), ("full", "ndcg@10"), ("impressions", "auc"))


def measure_run(
    world: World,
    trained: Trained,
    evaluation: Evaluation,
    data: str,
    baselines: Which,
    seed: int,
    progress: Progress,
    first_only: bool,
) -> RunResult:
    """Every figure of a finished training.

    Args:
        world: the people.
        trained: the training.
        evaluation: what its model makes of the test.
        data: specification of the data set.
        baselines: which to measure beside it.
        seed: of the people that are drawn to be asked on their devices, and shown.
        progress: where stages are shown.
        first_only: whether the first sum of each task alone was masked.
    """
    dataset = world.dataset
    others = measure_baselines(world, trained, baselines, progress)
    model = model_of(trained.release)
    recommender = Recommender(trained.release, model)
    with progress.stage("ranking as devices do"):
        device, on_device, groups = _on_device(world, trained, recommender, seed)
    with progress.stage("finding examples"):
        examples, journey = _examples(world, trained, recommender, seed)
        concept_map = map_concepts(trained.release, model, recommender)
    updates = [report for report in trained.reports if report.task == "update"]
    answered = sum(report.answered for report in updates)
    figures = evaluation.figures()
    if trained.untrained is None:
        raise RuntimeError("run: expected what the untrained model makes of the test, got none")
    intervals: dict[str, Mapping[str, tuple[float, float]]] = {
        "hushrec": _intervals(evaluation),
        "untrained": _intervals(trained.untrained),
        "device": on_device,
    }
    intervals |= {name: _intervals(measured.test) for name, measured in others.items()}
    cold, cold_intervals = _cold_start(world, evaluation)
    result = RunResult(
        data=data,
        users=len(dataset.people),
        items=len(dataset.catalogue),
        events=world.events,
        rounds=len(updates),
        dimension=len(trained.release.vector),
        metrics={part: figures[part] for part in ("sampled", "full")},
        baselines={name: measured.test.figures() for name, measured in others.items()},
        cold_start=cold,
        privacy={"user": trained.spent.user, "event": trained.spent.event},
        cost={
            "client_milliseconds": trained.mean_milliseconds(),
            "upload_bytes_per_client": sum(report.upload_bytes for report in updates) / max(answered, 1),
        },
        seed=seed,
        untrained=trained.untrained.figures(),
        learnt=_learnt(evaluation, trained.untrained),
        moved=_moved(trained),
        plan=_plan(world, trained),
        top_k=evaluation.top_k(),
        masked_rounds=_masked_rounds(trained, first_only),
        impressions=figures.get("impressions"),
        curve=trained.curve,
        device=device,
        cold_start_curve=cold_start_curve(world, trained),
        rounds_table=[report.to_row() for report in trained.reports],
        load_losses=dataset.report.losses,
        examples=examples,
        notes=notes_on(world, trained, first_only),
        intervals=intervals | cold_intervals,
        rules={name: measured.validation for name, measured in others.items() if measured.validation is not None},
        answers=[asdict(answer) for answer in trained.answers],
        concept_map=concept_map,
        journey=journey,
        fairness=groups,
    )
    return result


def beside_openly(result: RunResult, asked: Evaluation, openly: Evaluation) -> RunResult:
    """The result with what the same people's training without privacy made of the same questions beside it."""
    return replace(
        result,
        without_privacy=openly.figures(),
        kept=share_kept([asked], [openly]),
        intervals={**result.intervals, "without privacy": _intervals(openly)},
    )


def _intervals(evaluation: Evaluation) -> dict[str, tuple[float, float]]:
    """95 % bootstrap over people of the figures that models are compared by."""
    figures = evaluation.figures()
    there = [(way, name) for way, name in _ESTIMATED if figures.get(way, {}).get(name) is not None]
    return {f"{way} {name}": evaluation.interval(way, name) for way, name in there}


def _learnt(trained: Evaluation, untrained: Evaluation) -> dict[str, dict[str, float]]:
    """What training brought, question by question, with its paired 95 % bootstrap interval over people."""
    learnt = {}
    for way in ("sampled", "full"):
        gains = trained.values[way]["ndcg@10"] - untrained.values[way]["ndcg@10"]
        low, high = bootstrap_interval(gains, 0, people=trained.questions.people)
        learnt[way] = {"ndcg@10": float(gains.mean()), "low": low, "high": high}
    return learnt


def _moved(trained: Trained) -> dict[str, float]:
    """L2 norm of the change of each group that was trained."""
    federation, change = trained.release.federation, trained.release.vector - trained.start.vector
    layout = build_model(federation, light=True).layout
    return {group: float(np.linalg.norm(layout.extract(change, [group]))) for group in federation.trained_groups}


def _plan(world: World, trained: Trained) -> list[dict[str, Any]]:
    """What was expected of each parameter group before anybody was asked."""
    width = len(trained.release.whitening.mean)
    facts = facts_of(world)
    return [asdict(row) for row in plan_groups(trained.release.federation, facts.people, width, facts.events)]


def _masked_rounds(trained: Trained, first_only: bool) -> int:
    """How many of the sums were carried out under masks."""
    federation = trained.release.federation
    if federation.sum.mode != "secure":
        return 0
    return sum(
        not first_only or report.number == TASK_ROWS[report.task].rounds(federation)[0] for report in trained.reports
    )


def _cold_start(
    world: World, evaluation: Evaluation
) -> tuple[dict[str, dict[str, Any]], dict[str, Mapping[str, tuple[float, float]]]]:
    """Figures of people who never took part, and of wanted items that nobody's training holds; and intervals."""
    asked = evaluation.questions
    unknown = world.split.counts()[asked.targets] == 0
    subsets = {"users": world.strangers[asked.people], "items": unknown}
    figures = {name: {"questions": int(among.sum()), **evaluation.figures(among)} for name, among in subsets.items()}
    return figures, {f"new {name}": _intervals(evaluation.among(among)) for name, among in subsets.items()}


def _on_device(
    world: World, trained: Trained, recommender: Recommender, seed: int
) -> tuple[dict[str, Any] | None, dict[str, tuple[float, float]], list[FairnessGroup]]:
    """What some people's devices would offer, beside the bare model for the same people; whom it serves how well."""
    questions = sample_people(world.split.test, _ON_DEVICE, seed)
    if not len(questions):
        return None, {}, []
    scorer = DeviceScorer(recommender, trained.release.catalogue, world.logs)
    recommender.read_ahead([event for person in questions.people for event in world.logs[person]])
    evaluation, bare = evaluate(scorer, questions), evaluate(trained.scorer, questions)
    figures, beside = evaluation.figures(), bare.figures()
    named = {f"{way} {name}": (figures[way][name], beside[way][name]) for way in figures for name in figures[way]}
    quality = evaluation.values["sampled"]["ndcg@10"]
    found = {
        "people": len(questions),
        **{name: own for name, (own, _) in named.items()},
        **{f"bare model, {name}": other for name, (_, other) in named.items() if name.endswith("ndcg@10")},
        **breadth(scorer, questions, quality, world.split.counts()),
    }
    return found, _intervals(evaluation), [FairnessGroup(*group) for group in fairness(questions, quality)]


def _examples(
    world: World, trained: Trained, recommender: Recommender, seed: int
) -> tuple[list[ExamplePerson], Journey | None]:
    """A few people with some history, drawn by the seed, and the way of who did most among them."""
    logs = world.logs
    eligible = [person for person, log in enumerate(logs) if len(log) >= _EXAMPLE_EVENTS]
    drawn = [int(person) for person in np.random.default_rng([seed, 7]).permutation(eligible)[:_EXAMPLES]]
    people = [
        describe_people(recommender, trained.release, logs[person], number) for number, person in enumerate(drawn, 1)
    ]
    longest = max(range(len(drawn)), key=lambda place: len(logs[drawn[place]]), default=None)
    if longest is None:
        return people, None
    return people, follow_person(recommender, trained.release, logs[drawn[longest]], longest + 1)
