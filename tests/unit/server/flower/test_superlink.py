"""What stands in front of the SuperLink's calls: all that checks who asks, and nothing that has no effect here."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from flwr.common.constant import TIMESTAMP_HEADER
from flwr.proto.control_pb2 import StopRunRequest
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    RegisterNodeFleetRequest,
)
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest, PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message
from flwr.superlink import main as superlink
from sqlalchemy.exc import OperationalError
from starlette.middleware import Middleware

from server.flower.superlink import InOneTask, RefuseNonsense, middleware

PROTOBUF = {"content-type": "application/protobuf", "accept": "application/protobuf"}


def names(found: list[Middleware]) -> list[str]:
    return [(one.args[0].cls if one.cls is InOneTask else one.cls).__name__ for one in found]


def test_only_what_has_no_effect_here_is_left_out() -> None:
    every, ours = names(superlink._get_middleware()), names(middleware())
    assert set(every) - set(ours) == {
        "ControlEventLogMiddleware",
        "ControlLicenseMiddleware",
        "ControlSensitiveResponseMiddleware",
        "FleetEventLogMiddleware",
        "RuntimeTracingMiddleware",
    }
    assert [name for name in ours if name != RefuseNonsense.__name__] == [name for name in every if name in ours]
    translating = ours.index("ProtobufTranslationMiddleware")
    assert ours[translating - 1] == RefuseNonsense.__name__  # further inside, its answer would not count as one
    assert {"NodeAuthMiddleware", "ControlAuthenticationMiddleware", "ProtobufTranslationMiddleware"} <= set(ours)


def app(monkeypatch: pytest.MonkeyPatch, front: Callable[[], list[Middleware]]) -> FastAPI:
    """A SuperLink without a network, its state in memory."""
    monkeypatch.setattr(superlink, "get_ee_linkstate_db", lambda: ":flwr-in-memory:")
    monkeypatch.setattr(superlink, "_get_middleware", front)
    return superlink.create_app()


async def ask(app: FastAPI, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://link") as client:
        return await client.post(path, content=content, headers=PROTOBUF | headers)


def signed(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    moment = datetime.now(UTC).isoformat()
    return {
        FLEET_HTTP_PUBLIC_KEY_HEADER: b64encode(public_key_to_bytes(key.public_key())).decode(),
        FLEET_HTTP_SIGNATURE_HEADER: b64encode(sign_message(key, moment.encode())).decode(),
        TIMESTAMP_HEADER: moment,
    }


def test_every_call_is_answered_as_flowers_own_command_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = superlink._get_middleware
    both = [app(monkeypatch, stock), app(monkeypatch, middleware)]
    key = ec.generate_private_key(ec.SECP384R1())
    mine = public_key_to_bytes(key.public_key())

    async def talk(link: FastAPI) -> list[tuple[int, bytes, str | None]]:
        link.state.enable_supernode_auth = False  # so that a node may register itself
        register = RegisterNodeFleetRequest(public_key=mine).SerializeToString()
        assert (await ask(link, "/v1/fleet/register-node", register, signed(key))).status_code == 200
        activate = ActivateNodeRequest(public_key=mine, heartbeat_interval=30).SerializeToString()
        activated = await ask(link, "/v1/fleet/activate-node", activate, signed(key))
        node = Node(node_id=ActivateNodeResponse.FromString(activated.content).node_id)
        other = Node(node_id=node.node_id + 1)
        pull = PullMessagesRequest(node=node).SerializeToString()
        asked = [
            ("/v1/fleet/pull-messages", pull, signed(key)),
            ("/v1/fleet/pull-messages", pull, {}),
            ("/v1/fleet/pull-messages", pull, signed(key) | {"content-type": "text/plain"}),
            ("/v1/fleet/pull-messages", b"\xff" * 9, signed(key)),
            ("/v1/fleet/pull-messages", PullMessagesRequest(node=other).SerializeToString(), signed(key)),
            ("/v1/fleet/get-run", GetRunRequest(node=node, run_id=7).SerializeToString(), signed(key)),
            ("/v1/fleet/no-such-call", pull, signed(key)),
            ("/v1/runtime/pull-messages", b"", {}),
            ("/v1/runtime/acquire-task", b"", {}),
            ("/v1/control/stop-run", StopRunRequest(run_id=7).SerializeToString(), {}),
        ]
        answers = [await ask(link, *one) for one in asked]
        return [(answer.status_code, answer.content, answer.headers.get("content-type")) for answer in answers]

    theirs, ours = (asyncio.run(talk(link)) for link in both)
    assert ours == theirs
    assert ours[0][0] == 200
    assert not PullMessagesResponse.FromString(ours[0][1]).messages_list
    assert {status for status, _, _ in ours} >= {200, 400, 401, 404, 415}


async def activated(link: FastAPI, key: ec.EllipticCurvePrivateKey) -> Node:
    """A node that registered itself."""
    link.state.enable_supernode_auth = False
    mine = public_key_to_bytes(key.public_key())
    register = RegisterNodeFleetRequest(public_key=mine).SerializeToString()
    await ask(link, "/v1/fleet/register-node", register, signed(key))
    activate = ActivateNodeRequest(public_key=mine, heartbeat_interval=30).SerializeToString()
    answer = await ask(link, "/v1/fleet/activate-node", activate, signed(key))
    return Node(node_id=ActivateNodeResponse.FromString(answer.content).node_id)


def test_what_a_node_says_that_makes_no_sense_is_its_own_fault_and_not_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, key = app(monkeypatch, middleware), ec.generate_private_key(ec.SECP384R1())

    async def talk() -> list[int]:
        node = await activated(link, key)
        asked = [
            ("push-messages", PushMessagesRequest(node=node)),
            ("push-messages", PushMessagesRequest(node=node, messages_list=[{}], message_object_trees=[{}])),
            ("pull-object", PullObjectRequest(node=node, run_id=5, object_id="ab")),
            ("pull-object", PullObjectRequest(node=node, run_id=2**64 - 1)),
            ("push-object", PushObjectRequest(node=node, run_id=5, object_id="ab", object_content=b"x")),
            ("confirm-message-received", ConfirmMessageReceivedRequest(node=node, run_id=5, message_object_id="z")),
        ]
        answers = [await ask(link, f"/v1/fleet/{call}", one.SerializeToString(), signed(key)) for call, one in asked]
        assert {answer.content for answer in answers} == {b""}
        return [answer.status_code for answer in answers]

    assert asyncio.run(talk()) == [400] * 6


def test_a_fault_of_the_machine_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    link, key = app(monkeypatch, middleware), ec.generate_private_key(ec.SECP384R1())

    def full(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    async def talk() -> int:
        pull = PullMessagesRequest(node=await activated(link, key)).SerializeToString()
        monkeypatch.setattr("flwr.superlink.servicer.fleet.fleet_handlers.pull_messages", full)
        return (await ask(link, "/v1/fleet/pull-messages", pull, signed(key))).status_code

    assert asyncio.run(talk()) == 500
