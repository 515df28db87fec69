"""Ten thousand random and bent messages to each phase of a device: each is refused in one of the four ways."""

import random
from collections import Counter
from itertools import islice

import pytest

from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from tests.support.private_round import PrivateRound, configuration, parties
from tests.support.random_bends import bends

COUNT = 10_000


@pytest.fixture(scope="module")
def rounds():
    """Two rounds of five, all of whom are needed: of each message one form only is right."""
    made = []
    for number in (1, 2):
        asked = configuration(4, round_number=number, minimum_cohort=5, maximum_cohort=5, dropout_ppm=0)
        one = PrivateRound(asked, parties(5, 4))
        states = []
        for phase in ("advertise", "share", "mask", "agree"):
            getattr(one, phase)()
            states.append(one.parties[0].state)
            if phase == "share":
                one.inbox = one.collector.inbox(one.parties[0].device)
        made.append((one, states))
    return made


def untouched():
    raise AssertionError("a message that is not right was paid for")


@pytest.mark.parametrize("phase", ["share", "mask", "agree", "unmask"])
def test_a_device_answers_the_one_right_message_and_refuses_ten_thousand_others(rounds, phase):
    (one, states), (other, _) = rounds
    role = one.parties[0].role
    joined, shared, masked, agreed = states
    right, call, entry = {
        "share": ((one.roster,), lambda parts: role.share(joined, *parts), 280),
        "mask": ((one.u1, one.inbox), lambda parts: role.mask(shared, *parts, untouched), 82),
        "agree": ((one.u2, one.signatures), lambda parts: role.agree(masked, *parts), 64),
        "unmask": ((one.agreements,), lambda parts: role.unmask(agreed, *parts), 66),
    }[phase]
    foreign = [other.roster, other.inbox, other.signatures, other.agreements, one.signatures, one.inbox, one.roster]
    wrong, ways = bends(random.Random(f"device {phase}"), right, foreign, entry), Counter()
    for parts in islice(wrong, COUNT):
        with pytest.raises((Corrupt, Refused, NotYet, Misconfigured)) as caught:
            call(parts)
        ways[str(caught.value)[:30]] += 1
    assert len(ways) >= 5  # checks of every depth were met
    if phase == "mask":
        assert role.mask(shared, *right, lambda: None)[1].u1 == one.u1
    else:
        assert call(right)
