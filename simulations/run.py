"""One whole federation on this machine: from a data specification to figures and a report."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from shared.arguments import PathArgument, path_or_none
from shared.federation import FederationFile, write_toml
from simulations.accelerator import find_accelerator
from simulations.arguments import check_arguments
from simulations.datasets import Dataset, load, spec_of
from simulations.engine import Prior, RunFolder, train_federation
from simulations.evaluation import PER_PERSON, Evaluation, World, evaluate, write_per_person
from simulations.machine import machine_facts
from simulations.measuring import beside_openly, measure_run
from simulations.options import DEFAULT_DATA, AcceleratorName, Aggregation, Engine, Language, Privacy, Which
from simulations.processors import processors
from simulations.report import Progress, RunResult, language_of, write_report
from simulations.settings import facts_of, resolve
from simulations.tracking import Tracking

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
    language: Language | None = None,
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
        language: of the report: en, or zh (Chinese). Left out, that of the data where it is known, else English.
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
                track=track, language=language, progress=progress,
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
        result = measure_run(world, trained, evaluation, spec, baselines, seed, shown, first_only)
        if compare:
            openly = resolve(spec, facts, federation, set, rounds, clients_per_round, "none", "plain")
            without = _without_privacy(world, openly, folder, engine, processes, seed, shown, prior, accelerator)
            result = beside_openly(result, evaluation, without)
        with shown.stage("writing the report"):
            trained.release.save(folder.release)
            result = replace(
                result,
                accelerator=accelerator.type,
                cost={"seconds": time.perf_counter() - started, **result.cost},
                federation_toml=write_toml(settings),
                versions=machine_facts(),
                language=language or language_of(spec),
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
) -> Evaluation:
    """What the same people's model makes of the test when every device answers in the open."""
    place = folder.work / "without-privacy"
    shutil.rmtree(place, ignore_errors=True)  # of a run that was broken off
    with shown.stage("again, without privacy"):
        run = RunFolder(place, False)
        trained = train_federation(
            world, settings, run, engine, seed, Progress(), prior, processes=processes, accelerator=accelerator
        )
        return evaluate(trained.scorer, world.split.test)
