"""The SuperLink: the environment of its processes, and its Control API.

The Control API registers nodes, starts and stops runs. Only this machine can reach it.
"""

import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListNodesResponse,
    ListRunsRequest,
    ListRunsResponse,
    RegisterNodeRequest,
    RegisterNodeResponse,
    StartRunRequest,
    StartRunResponse,
    StopRunRequest,
    StopRunResponse,
    UnregisterNodeRequest,
    UnregisterNodeResponse,
)
from flwr.proto.run_pb2 import Run as ProtoRun
from flwr.supercore.error import ApiErrorCode, FlowerError
from flwr.supercore.fab import Fab
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from server.home import Home
from shared.bundle import bundle_bytes, bundle_hash
from shared.errors import Corrupt, Misconfigured, NotYet

HOST = "127.0.0.1"  # the Control API knows no passwords: nothing but this machine may reach it
TASK_POLL_SECONDS = 1.0  # from one look of SuperExec for a run to the next; each costs the SuperLink some milliseconds

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def superlink_address(home: Home) -> str:
    """HOST:PORT of the SuperLink."""
    return f"{HOST}:{home.settings.superlink_port}"


def flower_environment(home: Home) -> dict[str, str]:
    """The whole environment of a process that belongs to this server."""
    kept = {key: value for key, value in os.environ.items() if key.lower() not in _PROXIES}  # loopback needs none
    beside_python = str(Path(sys.executable).parent)  # Flower's commands start each other by name
    return {
        **kept,
        "PATH": os.pathsep.join([beside_python, kept.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "FLWR_LOG_LEVEL": "WARNING",  # else a line for every poll of every device
        "FLWR_HOME": str(home.flower_home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": str(TASK_POLL_SECONDS),
    }


_TIMEOUT_SECONDS = 20.0
_UNREGISTERED, _ONLINE = "unregistered", "online"
_LARGEST_WHY = 500  # characters

Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the SuperLink sees it.

    Attributes:
        status: pending, starting, running or finished.
        outcome: completed, failed or stopped; empty while it goes on.
        why: what the ServerApp said when it failed.
    """

    run_id: int
    status: str
    outcome: str
    why: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status == "finished"


class Control:
    """Calls to the SuperLink of one server. Any thread may use it; close it after use.

    Every method raises NotYet when the SuperLink does not answer, and Misconfigured when it says no.
    """

    def __init__(self, home: Home) -> None:
        """Set a client of the SuperLink up; it connects with its first request.

        Args:
            home: folder of the server: the SuperLink's address, and the authority whose certificate it must show.

        Raises:
            Misconfigured: the authority's certificate cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=home.authority_path)
        except OSError:
            raise Misconfigured(
                f"{home.authority_path}: expected the certificate of this server's authority, could not be read; "
                "see `hushrec-server check`"
            ) from None
        self._address = superlink_address(home)
        self._client = httpx.Client(
            base_url=f"https://{self._address}", verify=context, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; closing twice is fine."""
        self._client.close()

    def register(self, node_public_key: str) -> int:
        """Let the node with this public key (one OpenSSH line) connect; once more gives the same number.

        Returns:
            Flower's number for it.

        Raises:
            Corrupt: it is no public key.
        """
        key = _pem(node_public_key)
        try:
            answer = self._call("register-node", RegisterNodeRequest(public_key=key), RegisterNodeResponse)
        except _Taken:
            for node_id, known in self._nodes().items():
                if known == key:
                    return node_id
            raise Misconfigured(
                "node: expected a key that Flower takes, got one that was unregistered there and is never taken again"
            ) from None
        return answer.node_id

    def unregister(self, node_id: int) -> None:
        """End a node's part for good: its key is never taken again. Once more changes nothing."""
        try:
            self._call("unregister-node", UnregisterNodeRequest(node_id=node_id), UnregisterNodeResponse)
        except _Missing:
            return

    def nodes(self) -> frozenset[int]:
        """Numbers of all registered nodes, connected or not."""
        return frozenset(self._nodes())

    def online(self) -> frozenset[int]:
        """Numbers of the nodes that are connected."""
        found = self._call("list-nodes", ListNodesRequest(), ListNodesResponse).nodes_info
        return frozenset(node.node_id for node in found if node.status == _ONLINE)

    def start_run(self, run_config: Mapping[str, str | int | float | bool]) -> int:
        """Hand this version's bundle in with these settings; returns the run's number."""
        request = StartRunRequest(
            fab=fab_to_proto(Fab(bundle_hash(), bundle_bytes(), {})),
            override_config=user_config_to_proto(dict(run_config)),
        )
        answer = self._call("start-run", request, StartRunResponse)
        if not answer.HasField("run_id"):
            raise Misconfigured("run: expected the SuperLink to start one, got nothing; see superlink.log")
        return answer.run_id

    def run_status(self, run_id: int) -> Run | None:
        """How a run is; None when the SuperLink does not know it."""
        try:
            answer = self._call("list-runs", ListRunsRequest(run_id=run_id), ListRunsResponse)
        except _Missing:
            return None
        return _run(answer.run_dict[run_id])

    def runs(self) -> tuple[Run, ...]:
        """The latest runs, at most 20, newest first."""
        found = self._call("list-runs", ListRunsRequest(), ListRunsResponse).run_dict.values()
        latest_first = sorted(found, key=lambda run: run.pending_at, reverse=True)
        return tuple(map(_run, latest_first))

    def stop_run(self, run_id: int) -> None:
        """End a run; one that has ended or never was is left as it is."""
        try:
            self._call("stop-run", StopRunRequest(run_id=run_id), StopRunResponse)
        except _Missing:
            return

    def _nodes(self) -> dict[int, bytes]:
        found = self._call("list-nodes", ListNodesRequest(), ListNodesResponse).nodes_info
        return {node.node_id: node.public_key for node in found if node.status != _UNREGISTERED}

    def _call(self, what: str, request: Message, answer_type: type[Answer]) -> Answer:
        try:
            response = self._client.post(
                f"/v1/control/{what}",
                content=request.SerializeToString(deterministic=True),
                headers={"content-type": PROTOBUF_MEDIA_TYPE, "accept": PROTOBUF_MEDIA_TYPE},
            )
        except httpx.HTTPError as error:
            raise NotYet(
                f"SuperLink: expected an answer at {self._address}, got {type(error).__name__}; "
                "start it with `hushrec-server up`"
            ) from None
        if response.is_success:
            answer = answer_type()
            try:
                answer.ParseFromString(response.content)
            except DecodeError:
                raise Misconfigured(
                    f"SuperLink: expected Flower's answer to {what}, got something else; does another program listen "
                    f"at {self._address}?"
                ) from None
            return answer
        raise _explained(what, response)


class _Taken(Misconfigured):
    """The key is registered, or was."""


class _Missing(Misconfigured):
    """There is no such thing any more."""


_MEANINGS: dict[int, type[Misconfigured]] = {
    ApiErrorCode.PUBLIC_KEY_ALREADY_IN_USE: _Taken,
    ApiErrorCode.NODE_NOT_FOUND: _Missing,
    ApiErrorCode.RUN_ID_NOT_FOUND: _Missing,
    ApiErrorCode.RUN_ALREADY_FINISHED: _Missing,
}


def _explained(what: str, response: httpx.Response) -> NotYet | Misconfigured:
    if response.status_code in (502, 503, 504):
        return NotYet(f"SuperLink: expected it to do {what}, got status {response.status_code}; try again")
    known = FlowerError.from_json(response.text)
    code = known.code if known else None
    meaning = _MEANINGS.get(code, Misconfigured) if code is not None else Misconfigured
    return meaning(
        f"SuperLink: expected it to do {what}, got status {response.status_code}, code {code}; see superlink.log"
    )


def _run(found: ProtoRun) -> Run:
    return Run(found.run_id, found.status.status, found.status.sub_status, found.status.details[:_LARGEST_WHY])


def _pem(line: str) -> bytes:
    """A public key as Flower spells it.

    Raises:
        Corrupt: it is no public key.
    """
    try:
        key = serialization.load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Corrupt("node: expected a public key as one OpenSSH line, got something else") from None
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
