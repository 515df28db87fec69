"""A simulation looks into its devices: answers that were zeros are counted, and a run of nothing else is an error."""

from pathlib import Path
from typing import Any

import pytest
from flwr.app import ConfigRecord, RecordDict

from client import RoundRequest
from client.training import LocalTraining
from shared.errors import NotYet
from simulations.devices import DeviceStates
from simulations.devices.computations import check_computations, computations, note, told
from tests.integration.federation.simulations.test_run import run

TOO_LITTLE = "NotYet at local_step.py:81"


def request(task: Any, *groups: str) -> RoundRequest:
    return RoundRequest(task, "f", "r", 1, groups)


def test_what_devices_noted_is_read_back_and_told() -> None:
    states = DeviceStates()
    for device, outcomes in {0: [None, None], 2: [None, TOO_LITTLE]}.items():
        state: dict[str, str] = {"ledger": "[]"}
        for outcome in outcomes:
            note(state, request("update", "dense", "bias"), outcome)
        note(state, request("evaluation"), None)
        states.put(device, RecordDict({"device": ConfigRecord(dict(state))}))
    counted = computations(states)
    assert counted == {"update dense bias": {"": 3, TOO_LITTLE: 1}, "evaluation": {"": 2}}
    check_computations(counted)
    assert told(counted) == [
        "update dense bias: 1 of 4 answers were zeros, as the device could compute nothing "
        "(1 NotYet at local_step.py:81)."
    ]


@pytest.mark.parametrize(
    ("counted", "error", "said"),
    [
        ({"update dense": {TOO_LITTLE: 9}}, NotYet, "enough events"),
        ({"update dense": {TOO_LITTLE: 9}, "evaluation": {"": 3}}, NotYet, "enough events"),
        ({"update dense": {"ValueError at x.py:1": 9}}, RuntimeError, "all 9 answers are zeros.*ValueError at x.py:1"),
        ({"update dense": {"": 9}, "update adapters": {"KeyError at y.py:2": 3, TOO_LITTLE: 1}}, RuntimeError, "all 4"),
        ({"update dense": {"": 9}, "statistics": {"KeyError at y.py:2": 3}}, RuntimeError, "statistics: all 3"),
    ],
)
def test_work_that_no_device_could_do_is_an_error(counted: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        check_computations(counted)


@pytest.mark.parametrize(
    "counted",
    [
        {},
        {"update dense": {"": 1, TOO_LITTLE: 9, "ValueError at x.py:1": 9}},
        {"update dense": {"": 9}, "update adapters": {TOO_LITTLE: 2}},
        {"update dense": {"": 9}, "evaluation": {"NotYet at evaluation.py:57": 2}},
    ],
)
def test_a_device_that_could_is_enough_and_nobody_need_be_measurable(counted: Any) -> None:
    check_computations(counted)


def test_a_run_in_which_training_is_broken_does_not_pass_for_one(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(LocalTraining, "_trained", broken)
    with pytest.raises(RuntimeError, match=r"update .*: all \d+ answers are zeros.*KeyError at test_computations.py"):
        run(
            world,
            federation,
            tmp_path / "run",
            privacy="none",
            aggregation="plain",
            set=["training.local_steps=2"],  # which no closed form computes for all devices at once
        )


def test_people_with_too_few_events_for_any_device_are_no_training(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotYet, match="enough events to learn from"):
        run(
            world,
            federation,
            tmp_path / "run",
            privacy="none",
            aggregation="plain",
            set=["windows.per_device=4", "windows.minimum_events=13"],  # the longest log has 12 left for training
        )


def test_a_run_says_which_answers_were_zeros(world: Path, federation: Path, tmp_path: Path) -> None:
    result = run(
        world, federation, tmp_path / "run", privacy="none", aggregation="plain", set=["windows.minimum_events=8"]
    )
    (said,) = [line for line in map(str, result.notes) if line.startswith("update ")]
    assert said.startswith("update dense concepts transitions forgetting bias scales adapters: ")
    assert "answers were zeros, as the device could compute nothing (" in said
    assert "NotYet at local_training.py" in said
