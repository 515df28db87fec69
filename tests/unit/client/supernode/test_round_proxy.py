"""The parent's side of a round: what is refused without a child, and that a child lives as long as its round does."""

import json
from pathlib import Path

import numpy as np
import pytest

from client.home import create_home
from client.participation import pause_answers, resume_answers
from client.secagg.round_state import RoundRequest
from client.supernode.round_proxy import RoundProxy
from client.workers import Ended
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.federation import read_federation, write_toml
from tests.unit.client.test_budget_guard import membership

FEDERATION = read_federation(
    settings=[
        "round.minimum_answers=60",
        "round.deadline_seconds=30",
        "sum.phase_seconds=9",
    ]
)
RELEASE = "ab" * 32
VECTOR = np.arange(3, dtype=np.float32)


class Child:
    """A child that answers as it is told."""

    def __init__(self):
        self.calls, self.stopped = [], False
        self.answers = {"advertise": b"advert", "waiting": True}

    @property
    def alive(self):
        return not self.stopped

    def ended(self):
        """Whether nothing of a round is left in it."""
        return self.stopped or self.calls[-1][0] == "end"

    def call(self, timeout_seconds, method, *args):
        name = method.__name__
        assert not self.stopped
        self.calls.append((name, args, timeout_seconds))
        answer = self.answers.get(name, b"answer")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self):
        self.stopped = True


class Setting:
    """A device with a release, whose children are made here."""

    def __init__(self, folder: Path):
        self.home = create_home(folder / "device", keyring=False)
        place = self.home.releases / RELEASE
        place.mkdir()
        membership(FEDERATION).save(self.home.membership)
        (place / "federation.toml").write_text(write_toml(FEDERATION))
        self.children: list[Child] = []
        self.next: dict[str, object] = {}
        self.now = 0.0
        self.rounds = RoundProxy(self.home, "ab12", self.find, self.start, lambda: self.now)

    def find(self, release):
        if release != RELEASE:
            raise Misconfigured("no such release")
        return self.home.releases / release

    def start(self, home):
        child = Child()
        child.answers |= self.next
        self.children.append(child)
        return child

    def advertise(self, **changed):
        asked = {"task": "update", "federation": FEDERATION.digest(), "release": RELEASE, "number": 4} | changed
        return self.rounds.advertise(RoundRequest(**asked), VECTOR, b"configuration")


@pytest.fixture
def device(tmp_path):
    return Setting(tmp_path)


def test_a_round_has_one_process_from_joining_to_the_last_phase(device):
    assert device.advertise() == b"advert"
    for name in ("share", "mask", "agree", "unmask"):
        assert device.rounds.under_way
        assert device.rounds.phase(name, b"h", [b"x"]) == b"answer"
    (child,) = device.children
    assert [call[0] for call in child.calls] == ["advertise", "phase", "phase", "phase", "phase", "end"]
    assert not device.rounds.under_way


def test_a_paused_device_refuses_whatever_its_log_is_and_starts_nothing(device):
    pause_answers(device.home)
    device.home.store.unlink()
    with pytest.raises(Refused) as refused:
        device.advertise()
    assert refused.value.code == "paused"
    assert device.children == []
    resume_answers(device.home)
    assert device.advertise() == b"advert"


def test_the_work_is_limited_by_the_deadlines_of_the_federation(device):
    device.advertise()
    device.rounds.phase("share", b"h", [b"x"])
    (child,) = device.children
    assert child.calls[0][2] == 30
    assert child.calls[1][2] == 9 + 5


def test_what_has_the_model_in_memory_serves_the_next_round_and_is_gone_a_minute_after_the_last(device):
    device.advertise()
    device.rounds.phase("unmask", b"h", [b"x"])
    device.advertise(number=5)
    device.rounds.phase("unmask", b"h", [b"x"])
    (child,) = device.children
    device.now += 60
    device.rounds.expire()
    assert not child.stopped
    device.now += 1
    device.rounds.expire()
    assert child.stopped


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"release": "cd" * 32}, Misconfigured, "no such release"),
        ({"federation": "cd" * 32}, Misconfigured, "expected federation"),
        ({"number": 3}, Refused, "answered round 3 already"),
        ({"number": 0}, Refused, "answered round 3 already"),
    ],
)
def test_a_round_that_cannot_be_answered_starts_no_child(device, changed, error, words):
    device.home.rounds.write_text(json.dumps({"update": 3}))
    with pytest.raises(error, match=words):
        device.advertise(**changed)
    assert device.children == []


def test_what_was_agreed_to_last_counts_before_its_release_is_here(device):
    tighter = read_federation(settings=["round.minimum_answers=60", "privacy.user_epsilon=7.0"])
    membership(tighter).save(device.home.membership)
    with pytest.raises(Refused, match=r"terms: privacy.user_epsilon: expected 7.0, as was agreed to, got 8") as refused:
        device.advertise()
    assert refused.value.code == "terms-changed"
    assert device.children == []


def test_a_task_that_the_policy_forbids_starts_no_child(device):
    text = device.home.policy_path.read_text()
    device.home.policy_path.write_text(text.replace('"update", ', ""))
    with pytest.raises(Refused, match="policy: tasks: allows statistics, evaluation, got update"):
        device.advertise()
    assert device.children == []


def test_a_policy_that_cannot_be_read_refuses_everything(device):
    device.home.policy_path.write_text("smallest_cohort = ")
    with pytest.raises(Refused, match="allows nothing until it is mended"):
        device.advertise()
    assert device.children == []


def test_a_phase_without_a_round_starts_no_child(device):
    with pytest.raises(Refused, match="in no private sum"):
        device.rounds.phase("mask", b"h", [])
    assert device.children == []


@pytest.mark.parametrize("ask", [lambda rounds: rounds.plain(None, None), lambda rounds: rounds.reveal(b"h", 9)])
def test_nothing_leaves_in_the_open(device, ask):
    with pytest.raises(Refused, match="secure sums only"):
        ask(device.rounds)


@pytest.mark.parametrize(
    ("failure", "stopped"),
    [
        (TimeoutError("long"), True),
        (Ended("gone"), True),
        (RuntimeError("failed"), True),
        (NotYet("few"), False),
        (Refused("no", code="policy"), False),
        (Corrupt("?"), False),
    ],
)
def test_a_round_that_hangs_dies_fails_or_refuses_is_gone_and_the_next_is_answered(device, failure, stopped):
    device.next = {"advertise": failure, "waiting": False}
    with pytest.raises(type(failure)):
        device.advertise()
    (child,) = device.children
    assert child.ended()
    assert child.stopped == stopped
    assert not device.rounds.under_way
    child.answers["advertise"] = b"advert"
    device.next = {}
    assert device.advertise(number=5) == b"advert"


def test_a_round_that_cannot_be_ended_is_killed(device):
    device.advertise()
    device.children[0].answers["end"] = TimeoutError("hangs")
    device.rounds.end("done")
    assert device.children[0].stopped


def test_a_message_of_another_round_leaves_the_one_under_way_as_it_was(device):
    device.advertise()
    (child,) = device.children
    child.answers |= {"phase": Refused("in another private sum", code="other-round"), "waiting": True}
    with pytest.raises(Refused):
        device.rounds.phase("share", b"other", [b"x"])
    assert device.rounds.under_way
    child.answers |= {"phase": Refused("out of turn", code="out-of-turn"), "waiting": False}
    with pytest.raises(Refused):
        device.rounds.phase("share", b"h", [b"x"])
    assert child.ended()
    assert not device.rounds.under_way


def test_a_round_whose_next_message_is_late_is_given_up(device):
    device.advertise()
    device.now += 30 + 9
    device.rounds.expire()
    assert device.rounds.under_way
    device.now += 1
    device.rounds.expire()
    assert not device.rounds.under_way
    assert device.children[0].ended()


def test_a_new_round_ends_the_one_before(device):
    device.advertise()
    device.advertise(number=5)
    (child,) = device.children
    assert [call[0] for call in child.calls] == ["advertise", "end", "advertise"]


def test_answers_that_are_no_bytes_are_not_passed_on(device):
    device.next = {"advertise": "text"}
    with pytest.raises(RuntimeError):
        device.advertise()
    assert device.children[0].ended()
