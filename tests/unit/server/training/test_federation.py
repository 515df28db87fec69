"""Whole trainings with toy devices: what a round does, what it leaves alone, and what a resumption gives."""

import csv
import io
import json
import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from server import make_server_app
from server.aggregation.aggregator import CohortCounts, SumResult
from server.training.checkpoint import save_checkpoint
from server.training.optimizer import ServerOptimizer, optimizer_for
from server.training.round import RoundReport, TrainingState, advance, request_for
from shared.errors import Corrupt, Misconfigured, StorageFailed
from shared.item_statistics import ItemStatistics
from shared.metrics import encode_metrics
from shared.metrics.federated import BREADTH, QUALITY
from shared.pair_cells import PairCounts
from shared.privacy import rho_for
from simulations.devices import DeviceStates, Dropouts, InProcessGrid, StateJournal
from simulations.engine import run_local, simulated_clock


def train(toy, *settings, devices=10, dropouts=None, behave=None, until=None, observers=(), states=None, **choices):
    federation = toy.federation(*settings, **({"clock": simulated_clock()} | choices))
    app = toy.client_app(behave) if behave else toy.client_app()
    grid = InProcessGrid(app, devices, dropouts=dropouts, states=states)
    return federation, list(federation.run(grid, observers, until))


def timeless(reports):
    return [report.to_json() | {"seconds": 0} for report in reports]


def test_a_round_is_the_optimisers_step_along_the_plain_mean(toy):
    federation, _ = train(toy, "training.clients_per_round=3", devices=3, until=1)
    start = np.linspace(-1, 1, 9, dtype=np.float32)
    # the slow twin: what each of the three devices answers, written out
    answers = [np.sin(np.arange(9) + device).astype(np.float32) / 3 - start / 7 for device in range(3)]
    mean = np.mean(np.array(answers, np.float64), axis=0)
    expected = start.astype(np.float64)
    for place in (slice(0, 4), slice(4, 6), slice(6, 9)):
        expected[place] += 0.1 * mean[place] / (np.sqrt(np.mean(mean[place] ** 2)) + 1e-8)
    assert federation.vector == pytest.approx(expected, abs=1e-6)
    assert federation.reports[0].update_norm == pytest.approx(np.linalg.norm(mean), rel=1e-9)


def test_groups_and_clients_follow_the_federation_file(toy):
    _, reports = train(toy)
    assert [(r.number, r.groups, r.selected) for r in reports] == [
        (number, ("dense", "bias", "adapters"), 4) for number in range(1, 7)
    ]


def test_reports_account_for_every_device_asked(toy):
    ways = ["answer", "not-yet", "refused", "raise", "nan", "answer", "answer", "answer"]
    _, reports = train(
        toy,
        "training.clients_per_round=6",
        "round.over_selection=1.2",
        devices=8,
        behave=lambda device, kind: ways[device],
        dropouts=Dropouts(0.2, 0.1, seed=1),
    )
    for report in reports:
        parts = [report.answered, report.not_yet, report.refused, report.rejected, report.late, *report.failed.values()]
        assert sum(parts) == report.selected


def test_a_round_with_too_few_answers_changes_nothing_but_its_number(toy, caplog):
    caplog.set_level(logging.INFO, "hushrec.server")
    settings = ("round.minimum_answers=3",)
    federation, _ = train(toy, *settings, until=2)
    before = federation._at.state
    grid = InProcessGrid(toy.client_app(lambda device, kind: "not-yet"), 10)
    (report,) = federation.run(grid, until=3)
    after = federation._at.state
    assert report.skipped
    assert (report.answered, report.not_yet, report.update_norm) == (0, 4, 0)
    assert after.round_number == 3
    assert after.vector.tobytes() == before.vector.tobytes()
    assert after.optimizer == before.optimizer
    line = caplog.records[-1].getMessage()
    assert line.startswith("round-skipped number=3")
    assert "\n" not in line


def test_a_round_without_any_device_is_skipped_at_its_deadline(toy):
    _, reports = train(toy, devices=0)
    assert [report.skipped for report in reports] == [True] * 6
    assert {report.selected for report in reports} == {0}


def test_over_selection_counts_the_same_answers_every_time(toy):
    settings = ("round.over_selection=2.0",)
    (one, first), (two, second) = (
        train(toy, *settings, folder=toy.folder / name, dropouts=Dropouts(0.2, seed=4)) for name in "ab"
    )
    assert timeless(first) == timeless(second)
    assert one.vector.tobytes() == two.vector.tobytes()
    assert any(report.late for report in first)


def test_the_count_sums_over_all_devices_and_changes_the_release(toy):
    published, releases = [], []

    def publish(statistics):
        published.append(statistics)
        return "release-0" if statistics is None else "release-1"

    app = toy.client_app()
    federation = toy.federation("model.popularity=true", publish=publish)
    grid = InProcessGrid(app, 12)
    push = grid.push_messages

    def spy(messages):
        for message in messages:
            if "round" in message.content:
                releases.append((message.content["round"]["task"], message.content["round"]["release"]))
        return push(messages)

    grid.push_messages = spy
    reports = list(federation.run(grid, until=1))
    assert (reports[0].number, reports[0].task, reports[0].groups, reports[0].answered) == (0, "statistics", (), 12)
    assert published[0] is None
    assert published[1].counts.tolist() == [3, 3, 2, 2, 2]  # 12 devices over 5 items
    assert published[1].counts.dtype == np.float64
    assert published[1].noise == 0
    assert set(releases) == {("statistics", "release-0"), ("update", "release-1")}


def test_a_count_that_devices_refuse_is_tried_once_and_training_goes_on(toy):
    def behave(device, kind):
        return "refused" if kind == "statistics" else "answer"

    federation, reports = train(toy, "model.popularity=true", behave=behave)
    assert reports[0].skipped
    assert reports[0].refused == 10
    assert [report.number for report in reports] == [0, 1, 2, 3, 4, 5, 6]
    assert federation._release == "release-0"


@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_a_resumed_training_ends_bit_for_bit_like_one_without_a_break(toy, stop):
    settings = ("model.popularity=true", "round.over_selection=1.5")
    dropouts = Dropouts(0.2, 0.1, seed=9)
    whole_states = DeviceStates()
    whole, reports = train(toy, *settings, folder=toy.folder / "whole", dropouts=dropouts, states=whole_states)

    folder, states = toy.folder / "broken", DeviceStates()
    journal = StateJournal(folder / "devices", states)
    train(toy, *settings, folder=folder, dropouts=dropouts, states=states, observers=[journal], until=stop)
    states = DeviceStates()
    journal = StateJournal(folder / "devices", states)
    resumed = toy.federation(*settings, folder=folder, clock=simulated_clock(), resume=True)
    journal.restore(resumed.round_number)
    list(resumed.run(InProcessGrid(toy.client_app(), 10, dropouts=dropouts, states=states), [journal]))

    assert resumed.round_number == 6
    assert resumed.vector.tobytes() == whole.vector.tobytes()
    assert timeless(resumed.reports) == timeless(reports)
    assert resumed._at.state.optimizer.momentum.tobytes() == whole._at.state.optimizer.momentum.tobytes()
    assert resumed._at.state.optimizer.second_moment == whole._at.state.optimizer.second_moment
    assert states.export_changes() == {}  # all stored by the journal
    assert states._resting == whole_states.export_changes()


def test_rounds_that_devices_answered_and_that_are_lost_here_are_gone_past(toy, caplog):
    answered = {"update": None}
    choices = {"last_answered": lambda task: answered[task], "sums": toy.folder / "sums"}
    train(toy, until=2, **choices)
    answered["update"] = 4  # before the server was restored
    federation, reports = train(toy, resume=True, until=6, **choices)
    assert [report.number for report in reports] == [5, 6]
    assert federation.round_number == 6
    assert "rounds-lost first=3 last=4" in caplog.text
    assert [path.name for path in sorted((toy.folder / "sums").iterdir())] == [
        f"update-{number}.safetensors" for number in (1, 2, 5, 6)
    ]


def test_rounds_whose_sums_are_recorded_are_not_lost(toy):
    train(toy, until=1, sums=toy.folder / "sums")
    checkpoint = (toy.folder / "checkpoint.safetensors").read_bytes()
    train(toy, resume=True, until=2, sums=toy.folder / "sums")
    (toy.folder / "checkpoint.safetensors").write_bytes(checkpoint)  # killed between the sum and its checkpoint
    _, reports = train(toy, resume=True, until=3, last_answered=lambda task: 2, sums=toy.folder / "sums")
    assert [(report.number, report.skipped) for report in reports] == [(2, False), (3, False)]


def test_lost_rounds_are_gone_past_no_further_than_was_ordered(toy):
    federation, reports = train(toy, until=3, last_answered=lambda task: 2**40)
    assert (federation.round_number, reports) == (3, [])
    assert toy.federation(resume=True).round_number == 3


def test_without_room_for_what_they_give_no_device_is_asked(toy):
    asked = []

    def full():
        raise StorageFailed("disk: full")

    def behave(device, kind):
        asked.append(device)
        return "answer"

    with pytest.raises(StorageFailed, match="disk: full"):
        train(toy, behave=behave, check_room=full)
    assert asked == []
    federation, reports = train(toy, behave=behave, resume=True, until=1)
    assert (federation.round_number, reports[0].answered) == (1, 4)  # the round is asked once there is room
    assert asked


def test_an_observer_that_fails_leaves_the_round_to_be_done_again(toy):
    class Fails:
        def on_round(self, report, vector):
            if report.number == 3:
                raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        train(toy, observers=[Fails()])
    resumed, _ = train(toy, resume=True)
    whole, _ = train(toy, folder=toy.folder / "whole")
    assert resumed.vector.tobytes() == whole.vector.tobytes()


def test_a_folder_with_a_training_is_refused_unless_resumed(toy):
    train(toy, until=1)
    with pytest.raises(Misconfigured, match="resume it or choose another"):
        toy.federation()


@pytest.mark.parametrize(
    ("settings", "choices", "named"),
    [
        (("optimizer.learning_rate=0.3",), {}, "federation"),
        ((), {"seed": 8}, "seed"),
        ((), {"publish": lambda statistics: "another"}, "release"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(toy, settings, choices, named):
    train(toy, until=1)
    with pytest.raises(Misconfigured, match=f"expected {named}"):
        toy.federation(*settings, resume=True, **choices)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other", "header"])
def test_a_damaged_checkpoint_is_corrupt(toy, damage):
    train(toy, until=1)
    path = toy.folder / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1
    if damage == "header":
        place = content.index(b"second_moment") + 20
        content[place] = ord("9") if content[place] != ord("9") else ord("8")
    cut = {"cut": content[:-10], "empty": b"", "other": b"\x89PNG" * 50}.get(damage, content)
    path.write_bytes(bytes(cut))
    with pytest.raises(Corrupt, match="remove it and start anew"):
        toy.federation(resume=True)


def test_a_checkpoint_keeps_what_was_counted_and_a_resumed_training_publishes_it_again(toy):
    train(toy, "model.popularity=true", until=1)
    path, published = toy.folder / "checkpoint.safetensors", []
    federation = toy.federation("model.popularity=true", resume=True)
    pairs = PairCounts(np.array([[0, 3], [1, 2]], np.int32), np.array([4.0, 2.5], np.float32))
    kept = replace(federation._at, statistics=ItemStatistics(np.arange(5.0), 0.25, pairs))
    save_checkpoint(path, kept)
    toy.federation("model.popularity=true", resume=True, publish=lambda one: published.append(one) or "release-0")
    assert published[0] is None
    read = published[1]
    assert (read.counts.tolist(), read.noise) == ([0.0, 1.0, 2.0, 3.0, 4.0], 0.25)
    assert (read.pairs.pairs.tolist(), read.pairs.counts.tolist()) == ([[0, 3], [1, 2]], [4.0, 2.5])


def test_resuming_an_empty_folder_starts_from_the_beginning(toy):
    federation, reports = train(toy, resume=True)
    assert len(reports) == federation.round_number == 6


def test_a_vector_that_does_not_fit_is_refused(toy):
    from server import Federation

    with pytest.raises(Misconfigured, match="expected 9 numbers in float32"):
        Federation(toy.file(), toy.layout, np.zeros(8, np.float32), items=5, folder=toy.folder, publish=lambda *_: "")


def test_a_round_that_would_train_nothing_is_refused(toy):
    with pytest.raises(Misconfigured, match=r"training\.groups: expected one that the model has, got none"):
        toy.federation("training.groups=['gates']")


NOISE = ("privacy.level=event", "privacy.local_noise=on")


def own_deviation(distance):
    """By hand: noise under which a window's distance costs one of 38 answers its share of epsilon 8."""
    return distance / math.sqrt(2 * rho_for(8.0, 1e-6) / 38)


def test_noise_of_the_devices_own_in_the_mean_reaches_the_optimiser(toy):
    file = toy.file(*NOISE)
    federation, _ = train(toy, *NOISE, until=1, devices=4)
    start = np.linspace(-1, 1, 9, dtype=np.float32)
    plain, _ = train(toy, until=1, devices=4, folder=toy.folder / "plain")
    step, plain_step = federation.vector - start, plain.vector - start
    ratio = step[:4] / plain_step[:4]
    square = plain._at.state.optimizer.second_moment["dense"] / (1 - file.optimizer.second_moment_decay)
    variance = own_deviation(1 / 4) ** 2 / 4  # of the mean of four; of eight windows four are expected
    # first step: the floor is the whole noise variance
    scale = np.sqrt(max(square - variance, variance))
    assert ratio == pytest.approx(np.full(4, np.sqrt(square) / scale), rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "distance"),
    [
        ((), 1 / 4),
        (("training.local_learning_rate=3.0",), 3 / 4),
        (("clipping.window_norm=0.5", "clipping.update_norm=2.0"), 1 / 8),
        (("windows.per_device=2",), 1.0),  # of two windows one is expected
    ],
)
def test_a_mean_has_the_noise_of_its_sum_over_the_square_of_its_number(toy, settings, distance):
    file, layout, wanted = toy.file(*NOISE, *settings), toy.layout, toy.file(*NOISE).cohort_of("update")
    length = layout.select(file.trained_groups).size
    terms = request_for(file, "update", "release", 1, length, bytes(32), wanted).terms
    each = (terms.local_noise_over_clip * terms.configuration.clip_norm) ** 2
    assert each == pytest.approx(own_deviation(distance) ** 2, rel=1e-6)
    means = []

    def apply(layout, state, vector, mean, rate):
        means.append(mean)
        return vector, state

    optimizer = ServerOptimizer(optimizer_for(file).init, apply)
    state = TrainingState(0, np.zeros(9, np.float32), optimizer.init(layout), 1.0)
    tally = CohortCounts(selected=wanted, answered=wanted)
    advance(file, layout, optimizer, state, SumResult(np.zeros(length), tally, wanted * each))
    assert means[0].noise_variance == pytest.approx(own_deviation(distance) ** 2 / wanted, rel=1e-6)


def test_reports_become_rows_and_come_back_from_json(toy):
    _, reports = train(toy, dropouts=Dropouts(0.4, seed=2))
    rows = [report.to_row() for report in reports]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    assert text.getvalue().count("\n") == 7
    assert rows[5]["groups"] == "dense bias adapters"
    assert rows[0]["failed"] == reports[0].failed.get(5, 0)
    assert [RoundReport.from_json(json.loads(json.dumps(report.to_json()))) for report in reports] == reports


def test_the_server_app_runs_the_federation_to_its_end(toy):
    federation = toy.federation(clock=simulated_clock())
    seen = []

    class Observer:
        def on_round(self, report, vector):
            seen.append((report.number, vector.shape))

    run_local(make_server_app(lambda context: federation, [Observer()]), toy.client_app(), 10)
    assert seen == [(number, (9,)) for number in range(1, 7)]


def test_the_log_of_the_server_is_one_line_a_round_without_any_answer(toy, caplog):
    caplog.set_level(logging.DEBUG, "hushrec.server")
    train(toy, behave=lambda device, kind: "raise" if device % 2 else "answer")
    lines = [record.getMessage() for record in caplog.records if record.name == "hushrec.server"]
    assert sum(line.split()[0] in ("round", "round-skipped") for line in lines) == 6
    assert not any("secret" in line or "\n" in line for line in lines)


def test_an_adaptive_clip_follows_the_quantile_and_leaves_the_step_alone(toy):
    settings = ("clipping.adaptive_quantile=0.75", "clipping.indicator_share=0.04", "sum.mode=ideal")
    file, layout = toy.file(*settings), toy.layout
    optimizer = optimizer_for(file)
    state = TrainingState(0, np.zeros(9, np.float32), optimizer.init(layout), 2.0)
    means = np.array([0.1, -0.2, 0.3, 0.0, 0.05, -0.05, 0.2, 0.0, -0.1])
    # four devices, one of them within: the coordinate is C times a fifth, three times down and once up
    total = 4 * np.append(means, 2.0 * 0.2 * (1 - 3) / 4)
    after, _ = advance(file, layout, optimizer, state, SumResult(total, CohortCounts(selected=4, answered=4)))
    assert after.clip_norm == pytest.approx(2.0 * np.exp(-0.2 * (0.25 - 0.75)))
    fixed = toy.file("sum.mode=ideal")
    alone, _ = advance(fixed, layout, optimizer, state, SumResult(4 * means, CohortCounts(selected=4, answered=4)))
    assert alone.clip_norm == 2.0
    assert after.vector.tolist() == alone.vector.tolist()
    skipped, _ = advance(file, layout, optimizer, state, SumResult(None, CohortCounts(selected=4)))
    assert skipped.clip_norm == 2.0


class _Measured:
    """Stands where devices are summed: every update is the same, and evaluations find these figures, one by one."""

    def __init__(self, figures):
        self._figures, self.asked = iter(figures), []

    def sum(self, grid, cohort, request, clock):
        counts = CohortCounts(len(cohort), len(cohort), 0, 0, {}, 0, 0, 0)
        if request.task == "update":
            return SumResult(np.ones(request.terms.configuration.dimension), counts)
        self.asked.append(request.round_number)
        figures = dict.fromkeys((*QUALITY, *BREADTH), 0.5) | {"ndcg@10": next(self._figures)}
        return SumResult(10_000 * encode_metrics(figures, 5).astype(np.float64), counts)


EVALUATING = ("evaluation.every_rounds=2", "evaluation.clients=4")


def test_it_is_evaluated_before_the_first_round_and_after_the_last(toy):
    measured = _Measured([0.3] * 5)
    federation, _ = train(toy, *EVALUATING, "training.rounds=3", aggregator=measured)
    assert measured.asked == [0, 2, 3]
    assert [(report.task, report.number) for report in federation.reports] == [
        ("evaluation", 0), ("update", 1), ("update", 2), ("evaluation", 2), ("update", 3), ("evaluation", 3),
    ]  # fmt: skip


def test_parameters_that_evaluations_call_worse_are_not_released(toy):
    vectors = {}

    class Seen:
        def on_round(self, report, vector):
            vectors[report.number] = vector.copy()

    # 10,000 devices: a figure deviates by .005
    federation, _ = train(
        toy, *EVALUATING, aggregator=_Measured([0.30, 0.35, 0.30, 0.31]), observers=[Seen()]
    )  # fmt: skip
    vector, number = federation.released
    assert number == 2
    assert np.array_equal(vector, vectors[2])
    assert not np.array_equal(vector, federation.vector)
    resumed = toy.federation(*EVALUATING, clock=simulated_clock(), resume=True)
    assert resumed.released[1] == 2
    assert np.array_equal(resumed.released[0], vector)


def test_without_such_a_word_the_newest_parameters_are_released(toy):
    federation, _ = train(toy, *EVALUATING, aggregator=_Measured([0.30, 0.31, 0.305, 0.31]))
    vector, number = federation.released
    assert number == 6
    assert np.array_equal(vector, federation.vector)
    never, _ = train(replace(toy, folder=toy.folder / "never"))
    assert never.released[1] == 6


@pytest.mark.parametrize(("patience", "rounds"), [(1, 2), (2, 4), (3, 6), (0, 6)])
def test_training_ends_where_evaluations_in_a_row_call_it_worse(toy, patience, rounds):
    measured = _Measured([0.35, 0.30, 0.30, 0.30])
    wishes = (*EVALUATING, f"evaluation.patience={patience}")
    federation, _ = train(toy, *wishes, aggregator=measured)
    assert federation.round_number == rounds
    assert federation.stopped == (patience > 0)
    assert federation.released[1] == 0
    resumed = toy.federation(*wishes, clock=simulated_clock(), resume=True, aggregator=measured)
    assert (resumed.round_number, resumed.stopped) == (rounds, patience > 0)
