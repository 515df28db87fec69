"""The federated training of a simulation: puts the unmodified ServerApp and ClientApp together and watches them."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from server import Federation, RoundObserver, RoundReport, make_server_app
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.item_statistics import ItemStatistics
from shared.model import Layout, Vector, build_model
from shared.release import Release, first_release, next_release
from shared.round_parameters import window_epsilon
from shared.tasks import TASK_ROWS
from simulations.accelerator import CPU, encoder_precision
from simulations.cohort import COLUMNS, Processes, RayActors, WatchedAnswer, write_own_words, write_windows
from simulations.devices import (
    DeviceStates,
    Population,
    StateJournal,
    check_computations,
    computations,
    registry_key,
    told,
    write_population,
)
from simulations.engine.device_side import DeviceSide
from simulations.engine.embedding_cache import read_catalogue
from simulations.engine.learning_curve import LearningCurve
from simulations.engine.local_engine import simulated_clock
from simulations.engine.prior_knowledge import Prior
from simulations.engine.run_folder import RunFolder
from simulations.engine.spending import Spending, spending
from simulations.evaluation import ConceptScorer, Evaluation, Questions, World, evaluate
from simulations.options import Engine
from simulations.report import CurvePoint, Progress

# Groups that stay as they were only if something is broken.
_MUST_MOVE = ("dense", "concepts", "transitions", "bias", "adapters")


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training led to.

    Attributes:
        start: release zero, before anybody taught it anything.
        release: the final one.
        scorer: ranks under the final release.
        untrained: what release zero makes of the questions it was asked; None where it was asked none.
        reports: of every round, the count included.
        curve: validation metrics as it went on: those the federation measures itself, and beside them those that only a
            simulation can know.
        spent: what the device that took part most has spent, at each level that is promised.
        device_milliseconds: one device's own work in a round, measured one by one, by the groups it trains.
        uncomputed: what some devices could not compute, in sentences.
        answers: what one device sent under masks, one answer to each task; none where nothing was masked.
    """

    start: Release
    release: Release
    scorer: ConceptScorer
    reports: tuple[RoundReport, ...]
    curve: tuple[CurvePoint, ...]
    spent: Spending
    device_milliseconds: Mapping[tuple[str, ...], float]
    untrained: Evaluation | None = None
    uncomputed: tuple[str, ...] = ()
    answers: tuple[WatchedAnswer, ...] = ()

    def mean_milliseconds(self, group: str | None = None) -> float:
        """One device's own work in a round, over all rounds of training, or those that train a group; 0 for none."""
        rounds = [report for report in self.reports if report.task == "update" and group in (None, *report.groups)]
        asked = sum(report.selected for report in rounds)
        return sum(self.device_milliseconds[report.groups] * report.selected for report in rounds) / max(asked, 1)


def train_federation(
    world: World,
    settings: FederationFile,
    folder: RunFolder,
    engine: Engine,
    seed: int,
    progress: Progress,
    prior: Prior | None = None,
    ask_untrained: Questions | None = None,
    mask_first_only: bool = False,
    processes: int | None = None,
    accelerator: torch.device = CPU,
    words_read: MutableMapping[str, NDArray[np.float32]] | None = None,
    on_curve: Callable[[CurvePoint], None] = lambda point: None,
    observers: Sequence[RoundObserver] = (),
) -> Trained:
    """Run the federation of `settings` over the people of a world, to its last round, from prior knowledge if any.

    Args:
        world: the people, their logs split, and what they choose from.
        settings: the terms of the federation.
        folder: where the run keeps its work and its release.
        engine: local (this process and others of this machine) or ray (the processors of a Ray cluster).
        seed: of cohorts and of devices' chance.
        progress: where stages are shown.
        prior: concepts known beforehand, and names for them; none when left out.
        ask_untrained: what the model is asked before anybody taught it anything.
        mask_first_only: see `FirstMasked`; for secure sums.
        processes: that devices run in, for the local engine one when left out, for ray as many as the cluster has
            processors; their number changes no figure.
        accelerator: encodes texts, and computes what devices of the local engine do together.
        words_read: what earlier trainings read of these people's own words, by state of the encoder; this one reads
            them there, or adds them.
        on_curve: told each point of the validation part's curve as it is measured; what it raises ends the training.
        observers: told every private sum, as the operator sees it.
    """
    prior = prior or Prior()
    model = build_model(settings)
    if accelerator.type != "cpu":
        model.encoder.encode_on(accelerator, encoder_precision(accelerator))
    catalogue = world.dataset.catalogue
    trained = model.layout.select(settings.trained_groups).size
    _check_windows(settings, max(row.dimension(settings, len(catalogue), trained) for row in TASK_ROWS.values()))
    with progress.stage("encoding texts", total=len(catalogue)) as stage:
        readings = read_catalogue(model, catalogue, settings.backbone.max_tokens, stage.advance)
        start = first_release(settings, catalogue, model, readings, prior.graph).renamed(prior.names)
    releases = [start]

    def publish(statistics: ItemStatistics | None) -> str:
        with one_thread():  # to the last bit the same when a resumed run does it again
            releases[0] = start if statistics is None else start.with_statistics(statistics)
        return folder.publish(releases[0])

    numbers = world.dataset.people.own_texts()
    with progress.stage("encoding people's words", total=len(numbers)) as stage, model.at(start.vector):
        read, state = {} if words_read is None else words_read, model.encoder.state_digest()
        if state not in read:
            read[state] = model.encoder.read(list(numbers), stage.advance)
        words = read[state]
        model.encoder.remember(numbers, words)
    if not folder.holds_logs:
        write_population(folder.work, world.dataset.people, world.devices)
        write_own_words(folder.work / COLUMNS, numbers, words)
        write_windows(folder.work / COLUMNS, Population(folder.work), catalogue, settings.windows.events, numbers)
        folder.mark_logs()
    states = DeviceStates()
    helpers = RayActors(processes) if engine == "ray" else Processes(processes or 1)
    programs = CPU if engine == "ray" else accelerator  # what every node has
    devices = DeviceSide(settings, folder.work, seed, states, mask_first_only, helpers, len(world.members), programs)
    federation = Federation(
        settings,
        model.layout,
        start.vector,
        items=len(catalogue),
        folder=folder.work,
        publish=publish,
        seed=seed,
        resume=folder.resumed,
        registry=registry_key(seed).public_key().public_bytes_raw(),
        clock=simulated_clock(),
        aggregator=devices.aggregator,
        directory=devices.directory,
    )
    journal = StateJournal(folder.work / "states", states)
    if folder.resumed:
        journal.restore(federation.round_number)
    scorer = ConceptScorer(start, model, world.dataset.people)
    untrained = None if ask_untrained is None else evaluate(scorer, ask_untrained)
    with progress.stage("training rounds", total=settings.training.rounds) as stage:
        stage.advance(federation.round_number)
        kept = folder.work / "curve.json"
        curve = LearningCurve(world, settings, scorer, model, releases, kept, federation.round_number, stage, on_curve)
        if not folder.resumed:
            curve.add(0)
        server_app = make_server_app(lambda _: federation, [journal, curve, *observers])
        with one_thread(), devices.pool:
            devices.run(server_app)
            milliseconds = devices.milliseconds(
                federation.reports, releases[0].digest(), model.layout, federation.vector
            )
    counted = computations(states)
    check_computations(counted)
    check_moved(model.layout, start.vector, federation)
    with progress.stage("encoding texts again", total=len(catalogue)) as stage:
        vector, number = federation.released
        measured = [report for report in federation.reports if report.metrics and report.number <= number]
        model.encoder.forget()  # own words moved along to first order until here
        release = next_release(
            releases[0],
            model,
            vector,
            number,
            stage.advance,
            measured[-1].metrics if measured else None,
            measured[-1].number if measured else None,
        )
    scorer.install(release)
    curve.add(number)
    spent = spending(settings, states, federation.reports, mask_first_only)
    points = sorted([*curve.points, *curve.federated(federation.reports)], key=lambda point: point.round)
    return Trained(
        start, release, scorer, federation.reports, tuple(points), spent, milliseconds, untrained, tuple(told(counted)),
        devices.answers.all(),
    )  # fmt: skip


def _check_windows(settings: FederationFile, dimension: int) -> None:
    """See that the rounds that are planned keep what windows are promised: else every device refuses in the midst."""
    planned = window_epsilon(settings, dimension)
    if planned is not None and planned > settings.privacy.spread_event_epsilon:
        raise Misconfigured(
            f"privacy.event_epsilon: expected at least {planned:.2f}, which the answers of {settings.privacy.span} "
            f"come to for one window of events, got {settings.privacy.spread_event_epsilon:g}; lower "
            "clipping.window_norm or the entries of privacy.shares, raise windows.per_device, or take --privacy user"
        )


def check_moved(layout: Layout, start: Vector, federation: Federation) -> None:
    """See that training moved every group it was to train.

    One that took no gradient in any round is a fault of ours, which no device may tell a server.

    Raises:
        RuntimeError: naming the groups.
    """
    done = [report for report in federation.reports if report.task == "update" and not report.skipped]
    trained = {group for report in done for group in report.groups if group in _MUST_MOVE}
    change = federation.vector - start
    still = sorted(group for group in trained if not layout.extract(change, [group]).any())
    if still:
        raise RuntimeError(f"training: group {', '.join(still)} took no gradient in any of {len(done)} rounds")


@contextmanager
def one_thread() -> Iterator[None]:
    """A device's work is many small steps: more threads slow it down, and another order of sums changes last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
