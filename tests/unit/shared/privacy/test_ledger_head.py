"""The head of a ledger: it tells a ledger that goes on from one that has lost something, and knows what was lost."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt
from shared.privacy import LedgerHead, LocalWindow, SummedGaussian, SummedWindow
from shared.privacy.ledger_lines import FIRST_SEAL, Charge, sealed_line

EVENTS = (
    LocalWindow("update", 0.125),
    SummedGaussian("update", 0.25),
    SummedWindow("update", 0.125),
    SummedGaussian("statistics", 0.5),
)
histories = st.lists(st.sampled_from(EVENTS), max_size=12)


def seals(events, days=0):
    """The seals of a ledger with these events."""
    found = [FIRST_SEAL]
    for sequence, event in enumerate(events, start=1):
        found.append(sealed_line(Charge(sequence, sequence, event, days), found[-1])[1])
    return found[1:]


def head(events):
    return LedgerHead.of(seals(events), events)


@given(histories, histories)
def test_nothing_is_missing_where_a_ledger_goes_on_from_its_head(first, then):
    whole = [*first, *then]
    assert head(first).missing(seals(whole), whole) == Counter()


@given(histories, histories)
def test_what_a_ledger_has_lost_is_what_the_head_has_beyond_it(kept, lost):
    assert head([*kept, *lost]).missing(seals(kept), kept) == Counter(lost)


@given(histories, histories, histories)
def test_of_two_histories_all_is_missing_that_they_do_not_share(shared, ours, theirs):
    """A copy that went on by itself: what the head knows of came beside what the copy has charged."""
    if ours[:1] == theirs[:1]:
        theirs = [SummedGaussian("evaluation", 1.0), *theirs]
    copy = [*shared, *theirs]
    assert head([*shared, *ours]).missing(seals(copy), copy) == Counter(ours)


@pytest.mark.parametrize("lost", [1, 200, 256, 257, 400])
def test_of_a_long_ledger_at_least_what_was_lost_is_missing(lost):
    events = [EVENTS[number % 4] for number in range(600)]
    kept = events[:-lost]
    missing = head(events).missing(seals(kept), kept)
    assert missing >= Counter(events[-lost:])
    assert (missing == Counter(events[-lost:])) == (lost < 256)
    assert head(events).missing(seals(events), events) == Counter()


@given(histories)
def test_a_head_is_read_as_it_was_written(events):
    assert LedgerHead.from_text(head(events).to_text()) == head(events)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "5", "[]", "{}", '{"count":1,"trail":"","spent":[]}', '{"count":-1,"trail":"","spent":[]}',
        '{"count":1,"trail":"00000000","spent":[["user","update",0.5,2]]}', '{"count":"0","trail":"","spent":[]}',
    ],
)  # fmt: skip
def test_what_is_no_head_is_corrupt(text):
    with pytest.raises(Corrupt, match="expected counts and seals"):
        LedgerHead.from_text(text)


def test_a_head_prints_how_many_charges_it_is_of_and_no_more():
    assert repr(head(EVENTS)) == "LedgerHead(4 charges)"
