"""The federation file of a run: the default, what suits the data, and above all what the caller says."""

import pytest

from shared.errors import Misconfigured
from shared.round_parameters import window_epsilon
from simulations.settings import resolve


def rounds_of(*settings: str, rounds: int | None = None) -> tuple[int, int]:
    """Rounds, and those of the adapters."""
    training = resolve("demo", 0, 10, None, settings, rounds, None, "none", "plain").training
    return training.rounds, training.adapter_rounds


@pytest.mark.parametrize(
    ("settings", "rounds", "expected"),
    [
        # The demo's preset: 70 rounds, 10 of them of the adapters.
        ((), None, (70, 10)),
        ((), 140, (140, 20)),
        ((), 21, (21, 3)),
        ((), 3, (3, 1)),  # a seventh of three is nearer to none; the adapters keep one
        ((), 2, (2, 1)),
        ((), 1, (1, 0)),  # and so do the heads
        (("training.rounds=10",), 5, (5, 5)),  # a file without rounds for the heads
        (("training.adapter_rounds=0",), 140, (140, 0)),
        (("training.adapter_rounds=2",), 20, (20, 2)),
        ((" training.adapter_rounds = 2",), 20, (20, 2)),
        (("training.adapter_rounds=90",), 100, (100, 90)),  # more than the rounds before
        (("training.adapter_rounds=2", "training.adapter_rounds=3"), 20, (20, 3)),
    ],
)
def test_fewer_rounds_keep_the_share_of_the_adapters_unless_a_setting_says_otherwise(settings, rounds, expected):
    assert rounds_of(*settings, rounds=rounds) == expected


def test_more_adapter_rounds_than_rounds_are_refused_and_not_bent():
    with pytest.raises(Misconfigured, match=r"training\.adapter_rounds: expected at most training\.rounds = 4, got 5"):
        rounds_of("training.adapter_rounds=5", rounds=4)


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
