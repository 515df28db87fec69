"""A node and a server that may send anything: what is answered, what is refused without a word, and that it goes on."""

import logging
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.proto.fleet_pb2 import PullMessagesResponse
from flwr.proto.message_pb2 import PullObjectResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.app import make_client_app
from client.gateway import GatewayClient
from client.supernode.fleet import FleetClient
from client.supernode.mail import Mailbox
from client.supernode.node import BUSY_SECONDS, Node
from shared.bundle import bundle_hash
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from tests.support import gateways
from tests.support.gateways import Reply, endless
from tests.support.superlinks import NODE, SuperLink, question

CANARY = "knee pain"


class Rounds:
    """A device that answers as it is told, and remembers what it was asked."""

    identity = "ab12"
    under_way = False

    def __init__(self):
        self.answer = b"answer"
        self.asked = []

    def _say(self, *asked):
        self.asked.append(asked)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def plain(self, request, vector):
        return self._say("plain")

    def advertise(self, request, vector, configuration):
        return self._say("advertise", request.number, vector.tolist(), configuration)

    def reveal(self, ch, cohort):
        return self._say("reveal")

    def phase(self, name, ch, parts):
        return self._say(name, ch, *parts)

    def expire(self):
        pass


@pytest.fixture
def rounds():
    return Rounds()


@pytest.fixture
def gateway(tmp_path):
    with gateways.Gateway(tmp_path / "gateway") as gateway:
        yield gateway


@pytest.fixture
def superlink(gateway):
    return SuperLink(gateway, bundle_hash())


@pytest.fixture
def fleet(gateway, tmp_path):
    with GatewayClient(gateway.url, gateway.pem) as link:
        yield FleetClient(link, ec.generate_private_key(ec.SECP384R1()), tmp_path / "node")


@pytest.fixture
def node(fleet, superlink, rounds):
    fleet.activate()
    return Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, Mailbox(fleet, 0.05))


def only_an_error(superlink):
    """The one reply is an error without a word."""
    (head,) = superlink.heads
    assert head.has_error()
    assert not head.error.reason
    return True


def works(node, superlink, rounds):
    """Whether the next honest message is answered."""
    superlink.heads.clear()
    superlink.replies.clear()
    superlink.instead.clear()
    rounds.answer = b"answer"
    superlink.send(question("query.share"))
    return node.step() and superlink.replies[0].content["sum"]["message"] == b"answer"


def test_a_message_is_answered_by_the_installed_app(node, superlink, rounds):
    asked = question("query.share")
    superlink.send(asked)
    assert node.step()
    assert rounds.asked == [("share", b"h", b"r")]
    (reply,) = superlink.replies
    assert {name: dict(record) for name, record in reply.content.items()} == {"sum": {"message": b"answer"}}
    assert reply.metadata.reply_to_message_id == asked.metadata.message_id
    assert reply.metadata.src_node_id == NODE
    assert not node.step()


@pytest.mark.parametrize(
    "answer", [b"answer", NotYet("few"), RuntimeError("broken")], ids=lambda one: type(one).__name__
)
def test_a_reply_carries_the_times_of_its_question_whatever_the_work_took(node, superlink, rounds, answer):
    """Flower stamps a reply when it is made: the work's time to a millisecond, over any network."""
    rounds.answer = answer
    asked = question("query.share")
    superlink.send(asked)
    node.step()
    (head,) = superlink.heads
    times = asked.metadata
    assert (head.metadata.created_at, head.metadata.ttl) == (times.created_at, times.ttl)
    stamped = Message(RecordDict({}), reply_to=asked)  # the control: what Flower says of itself
    assert stamped.metadata.created_at > times.created_at
    assert stamped.metadata.ttl < times.ttl


def test_joining_brings_the_model_whole(node, superlink, rounds):
    superlink.send(question("train.join"))
    node.step()
    assert rounds.asked == [("advertise", 4, [0, 1, 2, 3, 4], b"c")]


def test_hello_needs_no_round(node, superlink, rounds):
    superlink.send(question("query.hello"))
    node.step()
    assert dict(superlink.replies[0].content["device"]) == {"id": "ab12"}
    assert rounds.asked == []


def test_a_run_of_any_other_bundle_gets_an_error_and_nothing_of_it_is_fetched(node, superlink, rounds, caplog):
    superlink.bundle = "0" * 64
    superlink.send(question("query.share"))
    with caplog.at_level(logging.INFO):
        assert node.step()
    assert only_an_error(superlink)
    assert rounds.asked == []
    assert "get-fab" not in superlink.calls
    assert "pull-object" not in superlink.calls
    assert f"expected the bundle {bundle_hash()[:12]}" in caplog.text


def test_the_shipped_app_is_never_fetched(node, superlink):
    for kind in ("query.hello", "train.join", "query.unmask"):
        superlink.send(question(kind))
        node.step()
    assert "get-fab" not in superlink.calls


@pytest.mark.parametrize(
    "failure",
    [RuntimeError(CANARY), TimeoutError(CANARY), Misconfigured(CANARY), Corrupt(CANARY), KeyError(CANARY)],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_gives_an_error_reply_without_a_word_and_the_next_message_is_answered(
    node, superlink, rounds, failure
):
    rounds.answer = failure
    superlink.send(question("query.share"))
    assert node.step()
    assert only_an_error(superlink)
    assert works(node, superlink, rounds)


@pytest.mark.parametrize(
    ("error", "status"), [(NotYet(CANARY), "not-yet"), (Refused(CANARY, code="policy"), "refused")]
)
def test_a_no_is_one_word(node, superlink, rounds, error, status):
    rounds.answer = error
    superlink.send(question("query.share"))
    node.step()
    assert dict(superlink.replies[0].content["answer"]) == {"status": status}


@pytest.mark.parametrize("kind", ["query.other", "evaluate", "train", "query.join"])
def test_a_message_of_an_unknown_kind_gets_an_error_without_a_word(node, superlink, rounds, kind):
    superlink.send(question(kind))
    assert node.step()
    assert only_an_error(superlink)
    assert rounds.asked == []


def test_a_message_without_the_records_of_its_kind_gets_an_error(node, superlink, rounds):
    message = Message(RecordDict({"other": ConfigRecord({"x": 1})}), dst_node_id=NODE, message_type="train.join")
    message.metadata.__dict__["_message_id"] = message.object_id
    superlink.send(message)
    assert node.step()
    assert only_an_error(superlink)


def test_an_object_that_is_not_what_it_is_named_after_is_refused(node, superlink, rounds, caplog):
    superlink.instead["pull-object"] = lambda _: Reply(
        PullObjectResponse(object_found=True, object_available=True, object_content=b"other").SerializeToString()
    )
    superlink.send(question("query.share"))
    node.step()
    assert only_an_error(superlink)
    assert rounds.asked == []
    assert "its name is the hash of" in caplog.text
    assert works(node, superlink, rounds)


def test_an_object_without_an_end_is_refused(node, superlink, rounds, monkeypatch):
    monkeypatch.setattr("client.supernode.fleet._LARGEST_MESSAGE", 2**20)
    superlink.instead["pull-object"] = lambda _: Reply(endless())
    superlink.send(question("query.share"))
    node.step()
    assert only_an_error(superlink)
    assert works(node, superlink, rounds)


def test_a_message_for_another_node_is_not_read(node, superlink, rounds, caplog):
    message = question("query.share")
    message.metadata.__dict__["_dst_node_id"] = NODE + 1
    superlink.send(message)
    assert not node.step()
    assert "for this node" in caplog.text
    assert works(node, superlink, rounds)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    call=st.sampled_from(["pull-messages", "get-run", "pull-object", "push-messages", "push-object"]),
    body=st.binary(max_size=200),
    status=st.sampled_from([200, 200, 200, 403, 404, 500]),
)
def test_garbage_at_any_call_is_survived(node, superlink, rounds, monkeypatch, call, body, status):
    monkeypatch.setattr("client.supernode.node._FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("client.supernode.fleet._LONGEST_PULL_SECONDS", 0.01)
    node._bundles.clear()
    superlink.instead[call] = lambda _: Reply(body, status)
    superlink.send(question("query.share"))
    try:
        node.step()
    except (NotYet, Refused):
        assert call == "pull-messages"
    superlink.waiting.clear()
    node._bundles.clear()
    assert works(node, superlink, rounds)


def test_a_head_that_cannot_be_parsed_is_survived(node, superlink, rounds):
    superlink.instead["pull-messages"] = lambda _: Reply(
        PullMessagesResponse(messages_list=[{}], message_object_trees=[{}]).SerializeToString()
    )
    assert not node.step()
    assert works(node, superlink, rounds)


def test_a_reply_is_sent_again_when_the_server_is_away_for_a_moment(node, superlink, rounds, monkeypatch):
    monkeypatch.setattr("client.supernode.node._FIRST_WAIT_SECONDS", 0.001)
    tries = []

    def away(_):
        tries.append(1)
        if len(tries) == 3:
            superlink.instead.clear()
        return Reply(b"", 503)

    superlink.instead["push-messages"] = away
    superlink.send(question("query.share"))
    assert node.step()
    assert len(superlink.replies) == 1


@pytest.mark.parametrize("status", [400, 413])
def test_a_call_that_the_server_says_is_none_is_not_made_again(node, superlink, rounds, caplog, status):
    superlink.instead["push-messages"] = lambda _: Reply(b"", status)
    superlink.send(question("query.share"))
    assert node.step()
    assert superlink.calls.count("push-messages") == 1
    assert f"(status {status}), now and later" in caplog.text
    assert works(node, superlink, rounds)


def test_a_device_is_busy_in_a_round_and_for_a_minute_after_each_message(fleet, superlink, rounds):
    now = [100.0]
    fleet.activate()
    mailbox = Mailbox(fleet, 0.05)
    node = Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, mailbox, clock=lambda: now[0])
    assert not node.busy
    superlink.send(question("query.hello"))
    node.step()
    assert node.busy
    now[0] += BUSY_SECONDS + 1
    assert not node.busy
    rounds.under_way = True
    assert node.busy


def test_a_process_after_a_killed_one_takes_up_the_number_it_had(fleet, superlink):
    fleet.activate()
    fleet.activate()
    assert superlink.calls == ["activate-node", "activate-node", "send-node-heartbeat"]
    assert fleet.pull() is None


def test_without_that_number_it_says_why_it_waits(fleet, superlink):
    superlink.present = True
    with pytest.raises(NotYet, match="an earlier process of this device"):
        fleet.activate()


def test_it_connects_answers_and_says_good_bye(fleet, superlink, rounds):
    node = Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, Mailbox(fleet, 0.02))
    superlink.send(question("query.hello"))
    stop = threading.Event()
    running = threading.Thread(target=node.run, args=(stop,))
    running.start()
    end = time.monotonic() + 20
    while not superlink.replies and time.monotonic() < end:
        time.sleep(0.02)
    stop.set()
    running.join(10)
    assert not running.is_alive()
    assert len(superlink.replies) == 1
    assert superlink.calls[-1] == "deactivate-node"


def test_a_server_that_does_not_know_the_device_is_asked_seldom_and_the_log_says_so(
    fleet, superlink, rounds, monkeypatch, caplog
):
    monkeypatch.setattr("client.supernode.node._FIRST_WAIT_SECONDS", 0.01)
    superlink.instead["activate-node"] = lambda _: Reply(b"", 403)
    news = []
    node = Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, Mailbox(fleet, 0.02, news.append))
    stop = threading.Event()
    running = threading.Thread(target=node.run, args=(stop,))
    with caplog.at_level(logging.INFO):
        running.start()
        end = time.monotonic() + 20
        while superlink.calls.count("activate-node") < 2 and time.monotonic() < end:
            time.sleep(0.02)
        stop.set()
        running.join(10)
    assert "does not know this device" in caplog.text
    assert set(news) == {None}  # for whoever looks after the device
    assert "trying again in" in caplog.text
