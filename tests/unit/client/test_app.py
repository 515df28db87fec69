"""The ClientApp: a reply holds the summand and nothing else, whatever happens inside."""

import traceback

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from client import LEDGER, NodeState, make_client_app
from client.app import app as installed_app
from shared.errors import Corrupt, Misconfigured, NotYet, Refused

CANARY = "knee pain, item 4711"


@pytest.fixture(autouse=True)
def _a_task_of_flower():
    # Messages are stamped with the task that makes them.
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1


class Answering:
    """A device that answers as it is told."""

    identity = "ab12"

    def __init__(self, answer):
        self._answer = answer
        self.asked = []

    def _say(self, *asked):
        self.asked.append(asked)
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    def plain(self, request, vector):
        return self._say(request, vector)

    def advertise(self, request, vector, configuration):
        return self._say(request, vector, configuration)

    def reveal(self, ch, cohort):
        return self._say(ch, cohort)

    def phase(self, name, ch, parts):
        return self._say(name, ch, *parts)


def context(state=None) -> Context:
    return Context(run_id=1, node_id=1, node_config={}, state=state or RecordDict(), run_config={})


def question(kind: str) -> Message:
    content = RecordDict(
        {
            "round": ConfigRecord(
                {
                    "task": "update",
                    "federation": "f" * 64,
                    "release": "e" * 64,
                    "round": 4,
                    "groups": ["dense", "bias"],
                }
            ),
            "sum": ConfigRecord(
                {"configuration": b"c", "round": b"h", "cohort": 9, "roster": b"r", "u1": b"1", "inbox": b"i"}
                | {"u2": b"2", "signatures": b"s", "agreements": b"a"}
            ),
            "model": ArrayRecord({"vector": Array(np.arange(5, dtype=np.float32))}),
        }
    )
    return Message(content, dst_node_id=1, message_type=kind)


KINDS = ["train.plain", "train.join", "query.reveal", "query.share", "query.mask", "query.agree", "query.unmask"]


def test_a_reply_in_the_open_holds_the_summand_and_nothing_else():
    device = Answering(np.array([1.5, -2.0], np.float32))
    reply = make_client_app(lambda _: device)(question("train.plain"), context())
    assert list(reply.content) == ["summand"]
    assert list(reply.content["summand"]) == ["vector"]
    vector = reply.content["summand"]["vector"].numpy()
    assert vector.dtype == np.float32
    assert vector.tolist() == [1.5, -2.0]


def test_a_question_reaches_the_device_as_it_was_asked():
    device = Answering(np.zeros(1, np.float32))
    make_client_app(lambda _: device)(question("train.plain"), context())
    ((request, vector),) = device.asked
    assert (request.federation, request.release, request.number) == ("f" * 64, "e" * 64, 4)
    assert request.groups == ("dense", "bias")
    assert request.task == "update"
    assert vector.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("query.reveal", (b"h", 9)),
        ("query.share", ("share", b"h", b"r")),
        ("query.mask", ("mask", b"h", b"1", b"i")),
        ("query.agree", ("agree", b"h", b"2", b"s")),
        ("query.unmask", ("unmask", b"h", b"a")),
    ],
)
def test_a_later_phase_brings_its_own_parts_and_takes_bytes_back(kind, asked):
    device = Answering(b"answer")
    reply = make_client_app(lambda _: device)(question(kind), context())
    assert device.asked == [asked]
    assert {name: dict(record) for name, record in reply.content.items()} == {"sum": {"message": b"answer"}}


def test_joining_brings_the_round_the_model_and_the_configuration():
    device = Answering(b"advert")
    reply = make_client_app(lambda _: device)(question("train.join"), context())
    ((request, vector, configuration),) = device.asked
    assert (request.task, request.number, configuration) == ("update", 4, b"c")
    assert vector.tolist() == [0, 1, 2, 3, 4]
    assert {name: dict(record) for name, record in reply.content.items()} == {"sum": {"message": b"advert"}}


def test_hello_tells_the_public_id_and_nothing_else():
    reply = make_client_app(lambda _: Answering(None))(question("query.hello"), context())
    assert {name: dict(record) for name, record in reply.content.items()} == {"device": {"id": "ab12"}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "status"), [(NotYet(CANARY), "not-yet"), (Refused(CANARY, code="policy"), "refused")]
)
def test_a_no_is_one_word(kind, error, status):
    reply = make_client_app(lambda _: Answering(error))(question(kind), context())
    assert {name: dict(record) for name, record in reply.content.items()} == {"answer": {"status": status}}


ERRORS = [RuntimeError(CANARY), KeyError(CANARY), ValueError(CANARY), Misconfigured(CANARY), Corrupt(CANARY)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", ERRORS)
def test_what_fails_inside_leaves_no_word_of_itself(kind, error):
    with pytest.raises(Exception, match="its own log says why") as raised:
        make_client_app(lambda _: Answering(error))(question(kind), context())
    # Flower makes the reply of what an exception prints.
    assert "knee" not in "".join(traceback.format_exception(raised.value)) + repr(raised.value)


@pytest.mark.parametrize("kind", [*KINDS, "query.hello"])
def test_a_device_that_cannot_be_opened_leaves_no_word_of_itself(kind):
    def fail(_):
        raise ValueError(CANARY)

    with pytest.raises(RuntimeError, match="its own log says why") as raised:
        make_client_app(fail)(question(kind), context())
    assert "knee" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("kind", KINDS)
def test_the_own_log_of_the_device_says_what_failed_and_where_and_quotes_nothing(kind, caplog):
    with pytest.raises(RuntimeError):
        make_client_app(lambda _: Answering(ValueError(CANARY)))(question(kind), context())
    assert "ValueError at test_app.py:" in caplog.text
    assert "knee" not in caplog.text


@pytest.mark.parametrize("kind", ["query.log", "query", "train", "evaluate", "train.other", "query.join"])
def test_no_other_question_has_an_answer(kind):
    with pytest.raises(ValueError, match=r"(?i)message type|function"):
        make_client_app(lambda _: Answering(np.zeros(1, np.float32)))(question(kind), context())


def test_the_state_of_a_node_outlives_a_message():
    node = context()
    state = NodeState(node, "device")
    assert len(state) == 0
    assert state.get(LEDGER, "[]") == "[]"
    state[LEDGER] = "[[0.5, 1.0, 3]]"
    again = NodeState(node, "device")
    assert dict(again) == {LEDGER: "[[0.5, 1.0, 3]]"}
    del again[LEDGER]
    assert list(NodeState(node, "device")) == []


def test_two_nodes_share_no_state():
    one, other = context(), context()
    NodeState(one, "device")[LEDGER] = "[]"
    assert list(NodeState(other, "device")) == []
    assert list(NodeState(one, "sum")) == []


def test_an_app_that_flower_started_itself_answers_nothing():
    with pytest.raises(Misconfigured):
        installed_app(question("query.hello"), context())
