"""The terms of a round, and what those of a whole life come to for one window."""

from collections import Counter

import pytest

from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.privacy import composed_epsilon
from shared.round_parameters import derive_round_parameters, window_epsilon

BOTH = ("privacy.level=both", "round.minimum_answers=50")


def test_emptying_a_window_never_silences_the_others():
    with pytest.raises(Misconfigured, match=r"windows\.minimum_events: expected 2"):
        read_federation(settings=[*BOTH, "windows.minimum_events=3"])
    read_federation(settings=["privacy.level=user", "windows.minimum_events=3"])


def test_the_event_level_alone_needs_noise_of_each_devices_own():
    for noise in ("auto", "off"):
        with pytest.raises(Misconfigured, match=f"local_noise: expected 'on' with level = 'event'.* got '{noise}'"):
            read_federation(settings=["privacy.level=event", "sum.mode=plain", f"privacy.local_noise={noise}"])
    read_federation(settings=["privacy.level=event", "sum.mode=plain", "privacy.local_noise=on"])


@pytest.mark.parametrize("noise", ["off", "on"])
def test_what_is_planned_for_a_window_is_what_its_answers_are_charged(noise):
    """The ledger's own sum, answer by answer."""
    file = read_federation(
        settings=[
            *BOTH,
            "training.rounds=8",
            "privacy.participations.update=5",
            "privacy.participations.evaluation=1",
            f"privacy.local_noise={noise}",
        ]
    )

    def of_a_window(task, number):
        charges = derive_round_parameters(file, task, number, 1000, bytes(32), bytes(32)).charges
        (event,) = (charge for charge in charges if charge.level == "event")
        return event

    charges = [of_a_window("update", number) for number in range(4, 9)]
    charges += [
        of_a_window(task, 1) for task in ("statistics", "evaluation") for _ in range(file.privacy.most_answers(task))
    ]
    spent = composed_epsilon(Counter(charges), file.privacy.event_delta)
    assert window_epsilon(file, 1000) == pytest.approx(spent)


def test_nothing_is_planned_for_a_window_that_sums_promise_nothing_to():
    for settings in (["privacy.level=user"], ["privacy.level=event", "sum.mode=plain", "privacy.local_noise=on"]):
        assert window_epsilon(read_federation(settings=settings), 1000) is None
