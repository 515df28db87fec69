"""The federation file of a run: the default, what suits the data, and above all what the caller says."""

import pytest

from shared.round_parameters import window_epsilon
from simulations.settings import resolve


@pytest.mark.parametrize(
    ("settings", "rounds", "expected"),
    [
        ((), None, 70),  # the demo's preset
        ((), 3, 3),
        (("training.rounds=10",), None, 10),
        (("training.rounds=10",), 5, 5),
    ],
)
def test_what_the_caller_says_of_rounds_goes_before_what_suits_the_data(settings, rounds, expected):
    assert resolve("demo", 0, 10, None, settings, rounds, None, "none", "plain").training.rounds == expected


def test_as_many_answers_are_planned_of_a_device_as_training_and_evaluation_ask():
    settings = ["training.clients_per_round=30", "evaluation.every_rounds=4", "evaluation.clients=60"]
    file = resolve("events:x", 9_000, 120, None, settings, 20, None, "user", "secure")
    # 20 rounds ask 30 of 120 devices each; six evaluations ask 60 each
    assert (file.privacy.participations["update"], file.privacy.participations["evaluation"]) == (5, 3)


@pytest.mark.parametrize(
    ("data", "events", "devices", "dimension"),
    [
        ("demo", 9_000, 285, 1_100),
        ("pictures", 9_000, 285, 1_000),
        ("movielens:x", 100_000, 890, 4_100),
        ("movielens:x", 1_000_000, 5_738, 60_000),
        ("amazon:x", 400_000, 48_019, 60_000),
        ("mind:x", 10_000, 3_000, 66_000),
        ("events:x", 10_000, 300, 4_100),
    ],
)
def test_what_is_planned_keeps_what_windows_are_promised(data: str, events: int, devices: int, dimension: int) -> None:
    settings = resolve(data, events, devices, None, [], None, None, "both", "secure")
    planned = window_epsilon(settings, dimension)
    assert planned is not None
    assert 0 < planned <= settings.privacy.event_epsilon
    assert window_epsilon(resolve(data, events, devices, None, [], None, None, "user", "secure"), dimension) is None


def test_the_demo_promises_a_window_far_more_than_its_person() -> None:
    settings = resolve("demo", 9_000, 285, None, [], None, None, "both", "checked")
    assert settings.sum.mode == "secure"
    assert settings.privacy.user_epsilon == 8.0
    assert window_epsilon(settings, 1_100) < 2.5  # type: ignore[operator]
