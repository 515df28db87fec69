"""Joining, leaving, renewing, revocations and receipts over HTTP, and what is taken back: decodes, asks, encodes.

It keeps no private key.
"""

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from server.flower import Control
from server.gateway.responses import HttpError
from server.home import Home
from server.logs import log_line
from server.registry import DeviceRow, Registry
from server.releases import terms_path
from shared.enrolment import (
    JoinAnswer,
    JoinRequest,
    Offer,
    OfferRequest,
    Receipt,
    RejoinRequest,
    Revocations,
    sign_authority,
    sign_offer,
    sign_receipt,
)
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import Certificate, device_id
from shared.tasks import Task

Request = TypeVar("Request")


class Enrolment:
    """The registry of one server, as strangers with an invitation and members may use it.

    Its methods read and write files, so they belong into a worker thread.
    """

    def __init__(self, home: Home, registry: Registry, control: Control, clock: Callable[[], float]) -> None:
        """Sign what is offered to those who join.

        Args:
            home: folder of the server: its keys, its federation file and its settings.
            registry: the devices and invitations of this server.
            control: the SuperLink, where the nodes of devices are registered.
            clock: seconds since 1970 UTC.

        Raises:
            Misconfigured, Corrupt: a key or the federation file cannot be read.
        """
        self._home, self._registry, self._control, self._clock = home, registry, control, clock
        self.authority = sign_authority(home.operator_key(), home.authority_path.read_text(encoding="ascii")).encode()
        self._joining, self._offering = threading.Lock(), threading.Lock()
        self._offered = self._sign_offer()
        self._revocations = home.revocation_list(registry)

    def offer(self, body: bytes) -> bytes:
        """What joining would mean, for whoever has a valid invitation.

        Raises:
            HttpError: 400 for another body, 403 for another code.
        """
        request = _decoded(OfferRequest.decode, body)
        if not self._registry.offerable(request.code, self._clock()):
            raise HttpError(403)
        with self._offering:
            if self._offered[0] != self._terms():  # the operator has changed them since
                self._offered = self._sign_offer()
            return self._offered[1]

    def join(self, body: bytes) -> bytes:
        """A certificate for a device that proves its keys and has an invitation; its node may connect from now on.

        Raises:
            HttpError: 400 for another body, 403 for another code or a revoked device, 503 while Flower cannot take the
                node: the same request works later.
        """
        request = _decoded(JoinRequest.decode, body)
        device = device_id(request.device_key)
        try:
            request.verify()
        except Corrupt:
            raise HttpError(400) from None
        days = self._home.settings.certificate_days
        return self._admit(
            device,
            lambda: self._registry.join(
                request.code, request.device_key, request.node_key, self._clock(), days, self._home.certify
            ),
        )

    def rejoin(self, body: bytes) -> bytes:
        """A certificate for a device that this server's registry certified and has lost: its node may connect again.

        Raises:
            HttpError: 400 for another body, 403 for keys that were not certified or are revoked, 503 as `join`.
        """
        request = _decoded(RejoinRequest.decode, body)
        device = device_id(request.device_key)
        try:
            request.verify()
        except Corrupt:
            raise HttpError(400) from None
        days = self._home.settings.certificate_days
        try:
            request.verify_certified(self._home.registry_key().public_key().public_bytes_raw())
        except Corrupt:
            raise HttpError(403) from None
        answer = self._admit(
            device,
            lambda: self._registry.rejoin(
                request.device_key, request.node_key, self._clock(), days, self._home.certify
            ),
        )
        log_line("rejoined", device=device.hex())
        return answer

    def renew(self, member: DeviceRow) -> bytes:
        """A member's next certificate.

        Raises:
            HttpError: 403 when it was revoked a moment ago.
        """
        days = self._home.settings.certificate_days
        try:
            certificate = self._registry.renew(member.device, self._clock(), days, self._home.certify)
        except Refused:
            raise HttpError(403) from None
        log_line("renewed", device=member.device)
        return JoinAnswer(certificate=certificate.encode()).encode()

    def leave(self, member: DeviceRow) -> bytes:
        """End a member's part, at its own wish: its certificate counts no more, as if the operator had revoked it."""
        self._revocations.revoke(member.device)
        log_line("left", device=member.device)
        return b"{}"

    def revocations(self) -> bytes:
        """All revoked devices, signed; signed anew when there is one more."""
        return self._revocations.current().encode()

    def revocations_sequence(self) -> int:
        """Number of the list that `revocations` hands out."""
        return self._revocations.current().sequence

    def receipt(self, member: DeviceRow) -> bytes:
        """How many answers of a member have entered sums, signed."""
        answers = self._registry.answers(member.device)
        return sign_receipt(self._home.operator_key(), bytes.fromhex(member.device), answers, self._clock()).encode()

    def take_back_revocations(self, body: bytes) -> bytes:
        """The list of revoked devices, once all that a member holds on its own are on it.

        Raises:
            HttpError: 400 for what this server did not sign.
        """
        held = _decoded(Revocations.decode, body)
        try:
            return self._revocations.take_back(held).encode()
        except Corrupt:
            raise HttpError(400) from None

    def take_back_receipt(self, member: DeviceRow, body: bytes) -> bytes:
        """A member's receipt, once it says no less than the one that the member holds.

        Raises:
            HttpError: 400 for what this server did not sign, or signed for another device.
        """
        held = _decoded(Receipt.decode, body)
        try:
            held.verify(self._home.operator_key().public_key().public_bytes_raw(), bytes.fromhex(member.device))
        except Corrupt:
            raise HttpError(400) from None
        if not _covers(self._registry.answers(member.device), held.answers):
            self._registry.take_answers(member.device, held.answers)
            log_line("answers-taken-back", device=member.device, answers=held.total)
        return self.receipt(member)

    def _terms(self) -> str:
        return terms_path(self._home).read_text(encoding="utf-8")

    def _sign_offer(self) -> tuple[str, bytes]:
        """The terms that count now, and what is offered to those who join."""
        terms, operator_key = self._terms(), self._home.operator_key()
        offer = Offer(
            federation=terms,
            registry=self._home.registry_key().public_key().public_bytes_raw(),
            operator=operator_key.public_key().public_bytes_raw(),
            certificate_days=self._home.settings.certificate_days,
            server=self._home.settings.name,
        )
        return terms, sign_offer(operator_key, offer).encode()

    def _admit(self, device: bytes, enter: Callable[[], Certificate]) -> bytes:
        """Make a member of a device, and let its node connect; the answer with its certificate.

        Raises:
            HttpError: 403 for who is refused or on the list, 503 while Flower cannot take the node.
        """
        try:
            self._check_not_revoked(device)
            certificate = enter()
            self._check_not_revoked(device)  # a list that came in meanwhile may name it
            self._connect(device.hex())
        except Refused:
            raise HttpError(403) from None
        except NotYet:
            raise HttpError(503) from None
        return JoinAnswer(certificate=certificate.encode()).encode()

    def _check_not_revoked(self, device: bytes) -> None:
        """Refuse a device that is on the list, even one that the registry of a restored server has never known.

        Raises:
            HttpError: 403 where it is.
        """
        if self._revocations.bars(device):
            raise HttpError(403)

    def _connect(self, device: str) -> None:
        with self._joining:  # a request that is sent twice must not register twice
            row = self._registry.device(device)
            if row is None or row.node_id is not None:
                return
            try:
                self._registry.set_node(device, self._control.register(row.node_key))
            except Misconfigured as reason:
                log_line("join", device=device, failed=reason)
                raise HttpError(403) from None
        log_line("joined", device=device)


def _covers(answers: Mapping[Task, tuple[int, int]], held: Mapping[Task, tuple[int, int]]) -> bool:
    """Whether counts and last rounds are no smaller than those that a device holds."""
    known = {task: answers.get(task, (0, -1)) for task in held}
    return all(known[task][0] >= count and known[task][1] >= last for task, (count, last) in held.items())


def _decoded(decode: Callable[[bytes], Request], body: bytes) -> Request:
    try:
        return decode(body)
    except Corrupt:
        raise HttpError(400) from None
