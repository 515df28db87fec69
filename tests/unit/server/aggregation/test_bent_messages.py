"""Ten thousand random and bent messages to each phase of the server: none is taken, and the round goes on as before."""

import pickle
import random
from collections import Counter
from itertools import islice

import pytest

from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import PRIME
from tests.support.private_round import PrivateRound, configuration, parties
from tests.support.random_bends import bends

COUNT = 10_000
PHASES = ("advertise", "share", "mask", "agree", "unmask")
NAMES = ("advert", "envelopes", "vector", "agreement", "shares")
ENTRIES = (280, 82, 4, 64, 35)


def whole(number):
    """A round of six to its end, one of whom drops before it masks: the messages of the devices."""
    one = PrivateRound(configuration(4, round_number=number), parties(6, 4))
    one.go(mask={5})
    return one


@pytest.fixture(scope="module")
def rounds():
    return whole(1), whole(2)


def headers(content, entry, header):
    return [content[start : start + header] for start in range(0, len(content), entry)]


def as_good(name, right):
    """Whether the server, which reads no envelope, no vector and no share, could not tell (FEDREC-SA/1 section 1)."""

    def told(parts):
        if parts[:-1] != right[:-1] or len(parts[-1]) != len(right[-1]):
            return False
        content = parts[-1]
        if name == "envelopes":
            return headers(content, 82, 2) == headers(right[-1], 82, 2)
        if name == "vector":
            return content[-64:] == right[-1][-64:]
        if name == "shares":
            in_field = all(int.from_bytes(entry[3:], "little") < PRIME for entry in headers(content, 35, 35))
            return in_field and headers(content, 35, 3) == headers(right[-1], 35, 3)
        return False

    return told


def replay(collector, one, phase, places):
    """Send what these members sent in a phase."""
    take = getattr(collector, NAMES[phase])
    for place in places:
        content = one.sent[NAMES[phase]].get(place)
        if content is not None:
            take(*([content] if phase == 0 else [one.parties[place].device, content]))


def close(collector, phase):
    for name in ("close_advertising", "close_sharing", "close_masking", "close_agreeing")[phase : phase + 1]:
        getattr(collector, name)()


@pytest.mark.parametrize("phase", range(5), ids=NAMES)
def test_the_server_takes_none_of_ten_thousand_wrong_messages_and_ends_in_the_same_sum(rounds, phase):
    one, other = rounds
    name, collector = NAMES[phase], PrivateRound(one.configuration, one.parties).collector
    for earlier in range(phase):
        replay(collector, one, earlier, range(6))
        close(collector, earlier)
    replay(collector, one, phase, range(1, 6))  # that of member 0 is still to come
    before = pickle.dumps(vars(collector))
    content = one.sent[name][0]
    right = (content,) if name == "advert" else (one.parties[0].device, content)
    foreign = [sent[place] for each in (one, other) for sent in each.sent.values() for place in (0, 1, 2)]
    drawn, ways = random.Random(f"server {name}"), Counter()
    for parts in islice(bends(drawn, right, foreign, ENTRIES[phase], as_good(name, right)), COUNT):
        if name != "advert" and drawn.random() < 0.2:  # in the name of one who has sent, or who dropped
            parts = (one.parties[drawn.choice((2, 5))].device, content)
        with pytest.raises((Corrupt, Refused, NotYet, Misconfigured)) as caught:
            getattr(collector, name)(*parts)
        ways[str(caught.value)[:40]] += 1
    assert ways.total() == COUNT
    assert len(ways) >= 4  # checks of every depth were met
    assert pickle.dumps(vars(collector)) == before
    replay(collector, one, phase, (0,))
    close(collector, phase)
    for later in range(phase + 1, 5):
        replay(collector, one, later, range(6))
        close(collector, later)
    collected = collector.result()
    assert collected.members == set(range(5))
    assert collected.units.tolist() == one.expected(range(5))


def test_ten_thousand_random_messages_open_nothing(rounds):
    one, _ = rounds
    for phase, (name, entry) in enumerate(zip(NAMES, ENTRIES, strict=True)):
        collector, drawn = PrivateRound(one.configuration, one.parties).collector, random.Random(name)
        for earlier in range(phase):
            replay(collector, one, earlier, range(6))
            close(collector, earlier)
        for _ in range(2000):
            content = drawn.randbytes(drawn.choice((0, 1, entry, 5 * entry, len(one.sent[name][0]))))
            sender = drawn.choice((drawn.randbytes(16), b"", one.parties[0].device))
            with pytest.raises((Corrupt, Refused)):
                getattr(collector, name)(*([content] if phase == 0 else [sender, content]))
        assert repr(collector) == f"SecAggServer({PHASES[phase]}, {6 if phase else 0} members)"
