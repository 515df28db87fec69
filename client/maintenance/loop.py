"""What a device looks after while it runs: newer releases, revocations, a certificate before it ends.

Each is tried by itself: none that fails keeps the others from happening, and each failure is one line of the log.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable

from client.gateway import GatewayClient
from client.home import Home
from client.membership import Membership
from client.news import NewsFile
from client.releases import Releases, update_revocations
from shared.enrolment import JoinAnswer, RejoinRequest
from shared.errors import HushrecError, Refused
from shared.secure_sum import Certificate, Identity

_LOGGER = logging.getLogger("client.maintenance")
_DAY_SECONDS = 86_400.0
_REFUSED_SECONDS = 3_600.0  # until a device that was not taken back asks again: one that was revoked never is
_REJOIN_SECONDS = (60.0, 300.0)  # spread, as a server that lost many devices takes so many a minute
_LEFT_OF_CERTIFICATE = 1 / 3
_STEP_SECONDS = 1.0  # from one look at the news to the next; nothing is sent for it
_CLOCK_SECONDS = 30.0
_AGAIN_SECONDS = 60.0  # after the first look that failed; then doubling


class MaintenanceLoop:
    """Looks after one device."""

    def __init__(
        self,
        home: Home,
        identity: Identity,
        membership: Membership,
        gateway: GatewayClient,
        now_seconds: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._home, self._identity, self._membership, self._gateway = home, identity, membership, gateway
        self._now_seconds = now_seconds
        self._releases = Releases(home, membership, gateway)
        self._said: dict[str, str] = {}
        self._now = self._renewal_due = self._rejoin_due = 0.0
        self._unknown = False  # whether the server does not know this device
        self._news, self._heard = NewsFile(home.news), b""
        self._look_at = self._clock_due = -math.inf
        self._failures, self._looked = 0, False

    def __repr__(self) -> str:
        return f"MaintenanceLoop({self._membership!r})"

    def run(self, stop: threading.Event) -> None:
        """Look after it until `stop`: whenever the server tells of something new, else every `poll_seconds`."""
        while not stop.is_set():
            if self._clock() >= self._clock_due:
                self._clock_due = self._clock() + _CLOCK_SECONDS
                self._try("clock", self._look_at_clock)
            if self.due():
                self.run_once()
            stop.wait(_STEP_SECONDS)

    def due(self) -> bool:
        """Whether it is time, or the server has told of something new since this was asked last."""
        heard, before = self._news.read(), self._heard
        self._heard = heard
        return self._clock() >= self._look_at or heard != before

    def run_once(self) -> None:
        """Look after everything once."""
        self._unknown = False
        self._try("revocations", lambda: update_revocations(self._home, self._membership, self._gateway))
        self._try("release", self._releases.update)
        self._try("clock", self._look_at_clock)
        if self._unknown and self._now >= self._rejoin_due:
            self._try("membership", self._rejoin)
        elif self._now >= self._renewal_due:
            self._try("certificate", self._renew)
        wait_seconds = self._wait_seconds()
        if self._unknown:  # the next try is due sooner than that of what failed with it
            wait_seconds = min(wait_seconds, max(self._rejoin_due - self._now, _STEP_SECONDS))
        self._look_at = self._clock() + wait_seconds

    def _wait_seconds(self) -> float:
        """Until the next look of itself: spread, and the first one widely, so that devices do not look all at once."""
        longest = self._home.settings.poll_seconds
        self._failures = self._failures + 1 if any(self._said.values()) else 0
        if self._failures:
            longest = min(longest, _AGAIN_SECONDS * 2.0 ** min(self._failures - 1, 16))
        lowest = 0.8 if self._failures or self._looked else 0.0
        self._looked = True
        return longest * random.uniform(lowest, 1.0)  # noqa: S311 - jitter, not a secret

    def _look_at_clock(self) -> None:
        self._now = self._now_seconds()

    def _renew(self) -> None:
        """A new certificate when less than a third of the old one's time is left."""
        agreed_seconds = self._membership.certificate_days * _DAY_SECONDS
        left = self._membership.expiry_seconds - self._now_seconds()
        if left > agreed_seconds * _LEFT_OF_CERTIFICATE:
            return
        self._renewal_due = self._now_seconds() + min(_DAY_SECONDS, agreed_seconds / 30)  # not at every look
        self._keep(self._gateway.post("/v1/renew", b"", JoinAnswer.largest_bytes))

    def _rejoin(self) -> None:
        """Ask a server that does not know this device to take it for a member again, by the certificate it gave."""
        self._rejoin_due = self._now + random.uniform(*_REJOIN_SECONDS)  # noqa: S311 - jitter, not a secret
        certificate = bytes.fromhex(self._membership.certificate)
        request = RejoinRequest.make(certificate, self._identity, self._home.keys.node_key())
        try:
            content = self._gateway.post("/v1/rejoin", request.encode(), JoinAnswer.largest_bytes)
        except Refused:
            self._rejoin_due = self._now + _REFUSED_SECONDS
            raise
        self._keep(content)
        _LOGGER.info("membership: the server had lost this device, and knows it again")

    def _keep(self, content: bytes) -> None:
        """Go on with the certificate of an answer, where it holds longer than the one before."""
        answer = JoinAnswer.decode(content)
        certificate = Certificate.decode(answer.certificate)
        self._membership.check_certificate(certificate, self._identity, self._now_seconds())
        if certificate.expiry_seconds <= self._membership.expiry_seconds:
            return
        self._membership = Membership.change(self._home.membership, certificate=certificate.encode().hex())
        _LOGGER.info("certificate: renewed for %.0f days", (certificate.expiry_seconds - self._now_seconds()) / 86_400)

    def _try(self, what: str, look: Callable[[], object]) -> None:
        """Say what failed in one line, and not again and again."""
        try:
            look()
            said = ""
        except HushrecError as reason:
            self._unknown = self._unknown or reason.code == "server-refuses"
            said = " ".join(str(reason).split())[:400]
        except Exception as error:  # a fault of ours must not end the care
            said = f"a fault of ours: {type(error).__name__}"
        if said and said != self._said.get(what):
            _LOGGER.warning("%s: not taken: %s", what, said)
        elif not said and self._said.get(what):
            _LOGGER.info("%s: works again", what)
        self._said[what] = said
