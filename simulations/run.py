"""One whole federation on this machine: from a data specification to figures and a report."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from client import Recommender
from shared.arguments import PathArgument, path_or_none
from shared.federation import FederationFile, write_toml
from shared.metrics import bootstrap_interval
from shared.model import build_model
from shared.recipe import plan_groups
from shared.release import model_of
from shared.tasks import TASK_ROWS
from simulations.accelerator import find_accelerator
from simulations.arguments import check_arguments
from simulations.datasets import Dataset, load, spec_of
from simulations.engine import Prior, RunFolder, Trained, train_federation
from simulations.evaluation import (
    PER_PERSON,
    DeviceScorer,
    Evaluation,
    World,
    breadth,
    evaluate,
    sample_people,
    write_per_person,
)
from simulations.notes import notes_on
from simulations.options import DEFAULT_DATA, AcceleratorName, Aggregation, Engine, Privacy, Which
from simulations.processors import processors
from simulations.report import ExamplePerson, Progress, RunResult, describe_people, write_report
from simulations.settings import facts_of, resolve
from simulations.studies import cold_start_curve, measure_baselines
from simulations.tracking import Tracking

_EXAMPLES = 3
_ON_DEVICE = 500  # people at most
_EXAMPLE_EVENTS = 5
_WORTH_A_PROCESS, _WORTH_ONE_MASKED = 1500, 400  # devices; each process takes half a gigabyte


def simulate(
    data: PathArgument | Dataset = DEFAULT_DATA,
    *,
    federation: PathArgument | None = None,
    set: Sequence[str] = (),
    rounds: int | None = None,
    clients_per_round: int | None = None,
    engine: Engine = "local",
    processes: int | None = None,
    device: AcceleratorName = "auto",
    privacy: Privacy = "both",
    aggregation: Aggregation = "checked",
    seed: int = 0,
    out: PathArgument | None = None,
    resume: bool = False,
    compare: bool = False,
    baselines: Which = "fast",
    concept_graph: PathArgument | None = None,
    concept_names: PathArgument | None = None,
    track: Sequence[str] = (),
    progress: Progress | None = None,
) -> RunResult:
    """Run one whole federation and measure it.

    Args:
        data: demo, demo-zh, pictures, movielens:DIR, mind:DIR, amazon:DIR, recbole:DIR or events:DIR; the path of a
            folder whose files show which layout it is; or a `Dataset`, such as `Dataset.of` makes of one's own objects.
        federation: file to use instead of the shipped default and what the recipe makes of it.
        set: single settings, "section.key=value".
        rounds: instead of the federation file's.
        clients_per_round: instead of the federation file's.
        engine: local (this process and others of this machine) or ray (the processors of the Ray cluster that
            RAY_ADDRESS names, or of this machine); it changes no figure.
        processes: that devices run in; their number changes no figure. Left out, one for each processor, with the local
            engine: one for each 1,500 people with a device, or 400 under masks.
        device: that encodes texts and computes what people's devices do together: cpu, cuda (a GPU), mps (Apple's), or
            auto, the best that is there. Figures differ a little from one to another.
        privacy: level of the promise; see the federation file.
        aggregation: how summands are added: checked (masked in the first round of each task and compared to the ideal
            sum, ideal after that), secure, ideal or plain.
        seed: of the demo's world, of cohorts, of devices' chance and of sampled negatives.
        out: folder for report, figures and release; a temporary folder is used and removed when left out.
        resume: go on with the unfinished run in `out`.
        compare: also train the same people without privacy, in the open, to show what the promise costs.
        baselines: fast (popularity, zero-shot, neighbours), all, or none.
        concept_graph: JSON of concepts known beforehand, see `shared.model.ConceptGraph`.
        concept_names: JSON of {number or name of a concept: new name}.
        track: tensorboard, mlflow, wandb: what keeps track of the rounds while they go on, in `tracking` of `out`.
        progress: where stages are shown.

    Raises:
        Misconfigured, Corrupt: the input is wrong; nothing is left half-written.
        NotYet: the data is too little to ask anybody anything, or its items cannot be told apart.

    Example:
        >>> result = simulate(data, federation=file, rounds=2, baselines="none")  # or of "demo", without a file
        >>> (result.users, result.rounds, result.release)
        (24, 2, None)
        >>> 0 < result.metrics["sampled"]["ndcg@10"] <= 1 and result.privacy["user"]["epsilon"] <= 8
        True
    """
    check_arguments(
        settings=set, rounds=rounds, clients_per_round=clients_per_round, engine=engine, privacy=privacy,
        aggregation=aggregation, seed=seed, baselines=baselines, resume=resume, out=out, processes=processes,
        device=device, track=track,
    )  # fmt: skip
    accelerator = find_accelerator(device)
    out, federation = path_or_none("out", out), path_or_none("federation", federation)
    prior = Prior.read(path_or_none("concept_graph", concept_graph), path_or_none("concept_names", concept_names))
    given = data if isinstance(data, Dataset) else spec_of(data)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="hushrec-run-") as place:
            result = simulate(
                given, federation=federation, set=set, rounds=rounds, clients_per_round=clients_per_round,
                engine=engine, processes=processes, device=device, privacy=privacy, aggregation=aggregation, seed=seed,
                out=Path(place) / "run",
                compare=compare, baselines=baselines, concept_graph=concept_graph, concept_names=concept_names,
                progress=progress,
            )  # fmt: skip
            return replace(result, out=None)
    started = time.perf_counter()
    shown = progress or Progress()
    with shown.stage("loading"):
        dataset = given if isinstance(given, Dataset) else load(given, seed)
        world = World.of(dataset, seed)
    spec = f"events:{dataset.name}" if isinstance(given, Dataset) else given
    facts = facts_of(world)
    settings = resolve(spec, facts, federation, set, rounds, clients_per_round, privacy, aggregation)
    identity = _identity(spec, world.dataset, seed, settings.digest(), prior.digest(), accelerator)
    folder = RunFolder.open(out, identity, resume)
    first_only = aggregation == "checked" and settings.sum.mode == "secure"
    if processes is None and engine == "local":
        processes = _processes(len(world.members), settings.sum.mode == "secure")
    with Tracking(track, folder.root, folder.root.name, settings, {"data": spec, "seed": seed}) as tracking:
        trained = train_federation(
            world, settings, folder, engine, seed, shown, prior, world.split.test, first_only, processes, accelerator,
            on_curve=tracking.on_curve, observers=[tracking],
        )  # fmt: skip
        with shown.stage("evaluating"):
            evaluation = evaluate(trained.scorer, world.split.test, keep_offered=True)
        result = _measured(world, trained, evaluation, spec, baselines, seed, shown, first_only)
        if compare:
            openly = resolve(spec, facts, federation, set, rounds, clients_per_round, "none", "plain")
            without = _without_privacy(world, openly, folder, engine, processes, seed, shown, prior, accelerator)
            result = replace(result, without_privacy=without)
        with shown.stage("writing the report"):
            trained.release.save(folder.release)
            result = replace(
                result,
                accelerator=accelerator.type,
                cost={"seconds": time.perf_counter() - started, **result.cost},
                federation_toml=write_toml(settings),
                out=folder.root,
            )
            if trained.untrained is not None:
                write_per_person(folder.root / PER_PERSON, world, evaluation, trained.untrained)
            write_report(result, folder.root)
            folder.finish()
        tracking.finish(result.to_record())
    return result


def _identity(
    data: str, dataset: Dataset, seed: int, federation: str, prior: str, accelerator: torch.device
) -> dict[str, str]:
    """What must be equal for a run to go on; what was read is known by its content."""
    content = {f"content of {dataset.files.get(part, part)}, {part}": hex for part, hex in dataset.digests().items()}
    return {
        "data": data,
        "seed": str(seed),
        "federation file": federation,
        "concept graph or names": prior,
        "accelerator": accelerator.type,
        **content,
    }


def _measured(
    world: World,
    trained: Trained,
    evaluation: Evaluation,
    data: str,
    baselines: Which,
    seed: int,
    progress: Progress,
    first_only: bool,
) -> RunResult:
    """Every figure of a finished training, of which `evaluation` is what it makes of the test part."""
    dataset = world.dataset
    others = measure_baselines(world, trained, baselines, progress)
    recommender = Recommender(trained.release, model_of(trained.release))
    with progress.stage("ranking as devices do"):
        device = _on_device(world, trained, recommender, seed)
    with progress.stage("finding examples"):
        examples = _examples(world, trained, recommender, seed)
    updates = [report for report in trained.reports if report.task == "update"]
    answered = sum(report.answered for report in updates)
    figures = evaluation.figures()
    if trained.untrained is None:
        raise RuntimeError("run: expected what the untrained model makes of the test, got none")
    return RunResult(
        data=data,
        users=len(dataset.people),
        items=len(dataset.catalogue),
        events=world.events,
        rounds=len(updates),
        dimension=len(trained.release.vector),
        metrics={part: figures[part] for part in ("sampled", "full")},
        baselines=others,
        cold_start=_cold_start(world, evaluation),
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
    )


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


def _processes(devices: int, masked: bool) -> int:
    """As many as the devices' work is worth starting, of as many as there are processors."""
    return max(1, min(processors(), devices // (_WORTH_ONE_MASKED if masked else _WORTH_A_PROCESS)))


def _without_privacy(
    world: World,
    settings: FederationFile,
    folder: RunFolder,
    engine: Engine,
    processes: int | None,
    seed: int,
    shown: Progress,
    prior: Prior,
    accelerator: torch.device,
) -> dict[str, Any]:
    """Figures of the same people's model when every device answers in the open, as `RunResult.metrics` has them."""
    place = folder.work / "without-privacy"
    shutil.rmtree(place, ignore_errors=True)  # of a run that was broken off
    with shown.stage("again, without privacy"):
        run = RunFolder(place, False)
        trained = train_federation(
            world, settings, run, engine, seed, Progress(), prior, processes=processes, accelerator=accelerator
        )
        return dict(evaluate(trained.scorer, world.split.test).figures())


def _masked_rounds(trained: Trained, first_only: bool) -> int:
    """How many of the sums were carried out under masks."""
    federation = trained.release.federation
    if federation.sum.mode != "secure":
        return 0
    return sum(
        not first_only or report.number == TASK_ROWS[report.task].rounds(federation)[0] for report in trained.reports
    )


def _cold_start(world: World, evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Figures of people who never took part, and of wanted items that nobody's training holds."""
    asked = evaluation.questions
    unknown = world.split.counts()[asked.targets] == 0
    subsets = {"users": world.strangers[asked.people], "items": unknown}
    return {name: {"questions": int(among.sum()), **evaluation.figures(among)} for name, among in subsets.items()}


def _on_device(world: World, trained: Trained, recommender: Recommender, seed: int) -> dict[str, Any] | None:
    """What some people's own devices would offer, beside the bare model for the same people."""
    questions = sample_people(world.split.test, _ON_DEVICE, seed)
    if not len(questions):
        return None
    scorer = DeviceScorer(recommender, trained.release.catalogue, world.logs)
    recommender.read_ahead([event for person in questions.people for event in world.logs[person]])
    evaluation, bare = evaluate(scorer, questions), evaluate(trained.scorer, questions)
    figures, beside = evaluation.figures(), bare.figures()
    named = {f"{way} {name}": (figures[way][name], beside[way][name]) for way in figures for name in figures[way]}
    return {
        "people": len(questions),
        **{name: own for name, (own, _) in named.items()},
        **{f"bare model, {name}": other for name, (_, other) in named.items() if name.endswith("ndcg@10")},
        **breadth(scorer, questions, evaluation.values["sampled"]["ndcg@10"], world.split.counts()),
    }


def _examples(world: World, trained: Trained, recommender: Recommender, seed: int) -> list[ExamplePerson]:
    """A few people with some history, drawn by the seed."""
    logs = world.logs
    eligible = [person for person, log in enumerate(logs) if len(log) >= _EXAMPLE_EVENTS]
    drawn = np.random.default_rng([seed, 7]).permutation(eligible)[:_EXAMPLES]
    return [
        describe_people(recommender, trained.release, logs[int(person)], f"Person {number}")
        for number, person in enumerate(drawn, start=1)
    ]
