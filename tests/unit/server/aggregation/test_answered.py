"""Who has answered is on disk before the sum is unmasked: exactly those whose vectors are in it."""

from types import SimpleNamespace

import pytest

from server.aggregation import KnownMember, secure_aggregation
from server.aggregation.secure_aggregation import SecureSum
from shared.errors import NotYet

MEMBERS = [KnownMember(place, f"{place:032x}") for place in range(5)]


class Collector:
    """Takes everything, and closes every phase but the one that fails."""

    def __init__(self, told, failing):
        self.told, self.failing = told, failing

    def __getattr__(self, name):
        def close(*_):
            self.told.append(name)
            if name == self.failing:
                raise NotYet(name)
            return (b"", b"") if name == "close_masking" else b""

        return close


def answered_in(monkeypatch, failing):
    """What happened, in order: phases closed, and who was said to have answered."""
    told = []

    class Calls:
        def __init__(self, *_):
            self.left = list(MEMBERS)

        def advertise(self, _):
            return self.left

        def ask(self, phase, members, *_):
            self.left = list(members)[1:]  # one falls out in each phase
            return self.left

        def tally(self, _):
            return "tally"

    monkeypatch.setattr(secure_aggregation, "_Calls", Calls)
    monkeypatch.setattr(secure_aggregation, "SecAggServer", lambda *_: Collector(told, failing))
    monkeypatch.setattr(secure_aggregation, "sum_result", lambda *_: "result")
    request = SimpleNamespace(
        task="update", round_number=7, terms=SimpleNamespace(configuration=None, local_noise_over_clip=0.0)
    )
    summing = SecureSum(bytes(32), answered=lambda *said: told.append(said))
    if failing is None:
        monkeypatch.setattr(
            Collector, "result", lambda self: SimpleNamespace(culprits=(), units=0, parameters=0), False
        )
    summing.sum(None, MEMBERS, request, SimpleNamespace(wall=lambda: 0.0))
    return told


def test_those_whose_vectors_are_in_the_sum_are_told_before_anybody_agrees(monkeypatch):
    told = answered_in(monkeypatch, None)
    place = told.index("close_masking")
    assert told[place + 1] == ("update", 7, [member.device for member in MEMBERS[2:]])
    assert told[place + 2] == "close_agreeing"


@pytest.mark.parametrize(("failing", "counted"), [("close_sharing", 0), ("close_masking", 0), ("close_agreeing", 1)])
def test_a_sum_that_fails_counts_where_vectors_had_left(monkeypatch, failing, counted):
    told = answered_in(monkeypatch, failing)
    assert sum(isinstance(said, tuple) for said in told) == counted
