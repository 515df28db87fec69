"""The roles of a whole cohort, played by the devices' own code for a server that shows each member what it likes.

Corrupt members follow the protocol up to the masks; the server has all that they hold, and they sign whatever it asks.
"""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from client.secagg import Agreed, Contribution, Credentials, Masked, SecAggClient, Shared
from shared.errors import Corrupt, Refused
from shared.privacy import RandomBytes
from shared.secure_sum import (
    Agreements,
    Identity,
    Inbox,
    MaskedVector,
    Ring,
    RoundConfiguration,
    ShareKind,
    ShareMessage,
    UnmaskShares,
    Words,
    agree_statement,
    encode_bitmap,
    issue_certificate,
    read_roster,
)

_NOW, _EXPIRY = 1_000_000, 2**40

Shares = dict[ShareKind, dict[int, dict[int, int]]]  # kind, owner, point of who holds it -> share


class PlayedCohort:
    """A private sum as its members see it, phase by phase; members go by their place in the roster.

    Attributes:
        parameters: of the cohort.
        session: ctx.
        ring: who is whose neighbour.
        words: the masked vectors that the server has, by place.
        shared: what corrupt members kept after phase 1, by place.
        shares: what the server knows of shared-out secrets, through corrupt members and from answers.
    """

    def __init__(
        self,
        configuration: RoundConfiguration,
        vectors: NDArray[np.float32],
        corrupt: AbstractSet[int],
        chance: RandomBytes,
    ) -> None:
        """Phases 0 and 1, in which nobody is missing; one row of `vectors` for each place."""
        registry = Ed25519PrivateKey.from_private_bytes(chance(32))
        pinned = registry.public_key().public_bytes_raw()
        identities = [Identity(Ed25519PrivateKey.from_private_bytes(chance(32))) for _ in vectors]
        self._identities = sorted(identities, key=lambda identity: identity.device)
        self._roles = [
            SecAggClient(
                Credentials(identity, issue_certificate(registry, identity.public_key, _EXPIRY), pinned),
                chance,
                lambda: float(_NOW),
            )
            for identity in self._identities
        ]
        self._configuration, self._corrupt = configuration, corrupt
        joined = [
            role.advertise(configuration, Contribution(vector))
            for role, vector in zip(self._roles, vectors, strict=True)
        ]
        roster = b"".join(advert for advert, _ in joined)
        self.parameters = configuration.for_cohort(len(vectors))
        self.session = read_roster(roster).session(configuration.digest())
        self.ring = Ring(self.session, len(vectors), self.parameters.degree)
        self._envelopes: list[dict[int, bytes]] = []
        self._shared: list[Shared] = []
        for role, (_, state) in zip(self._roles, joined, strict=True):
            message, following = role.share(state, roster)
            self._envelopes.append(dict(ShareMessage.decode(message).envelopes))
            self._shared.append(following)
        self.shared = {place: self._shared[place] for place in corrupt}
        self.words: dict[int, Words] = {}
        self.shares: Shares = {kind: {place: {} for place in range(len(vectors))} for kind in ShareKind}
        self._masked: dict[int, Masked] = {}
        self._signatures: dict[int, bytes] = {}

    def mask(self, u1: AbstractSet[int]) -> None:
        """Phase 2: every member of `u1` that takes it masks its vector."""
        bitmap = encode_bitmap(u1, len(self._roles))
        for place in sorted(u1):
            senders = [other for other in self.ring.neighbours(place) if other in u1]
            inbox = Inbox(tuple((sender, self._envelopes[sender][place]) for sender in senders)).encode()
            try:
                message, state = self._roles[place].mask(self._shared[place], bitmap, inbox, lambda: None)
            except (Corrupt, Refused):
                continue
            masked = MaskedVector.decode(message, self._configuration.dimension)
            self._masked[place], self._signatures[place] = state, masked.signature
            self.words[place] = masked.words
            if place in self._corrupt:
                self._read_shares(place, state)

    def agree(self, told: Mapping[int, AbstractSet[int]]) -> None:
        """Phases 3 and 4: each honest member is told its own u2, and then shown all signatures there are on it."""
        agreed: dict[int, Agreed] = {}
        signed: dict[bytes, dict[int, bytes]] = defaultdict(dict)
        for place, u2 in told.items():
            bitmap = encode_bitmap(u2, len(self._roles))
            signatures = b"".join(self._signatures[member] for member in sorted(u2))
            try:
                signature, state = self._roles[place].agree(self._masked[place], bitmap, signatures)
            except (Corrupt, Refused):
                continue
            agreed[place] = state
            signed[bitmap][place] = signature
        for place, state in agreed.items():
            self._unmask(place, state, signed[state.u2])

    def device(self, place: int) -> bytes:
        """Id of the device at a place."""
        return self._identities[place].device

    def known(self, kind: ShareKind) -> NDArray[np.int64]:
        """Shares of each member's secret of a kind that the server has."""
        return np.array([len(self.shares[kind][place]) for place in range(len(self._roles))])

    def _read_shares(self, place: int, state: Masked) -> None:
        senders = np.frombuffer(state.senders, "<u2").tolist()
        for number, sender in enumerate(senders):
            pair = state.shares[64 * number : 64 * number + 64]
            for kind, share in ((ShareKind.SELF, pair[:32]), (ShareKind.MASK_SEED, pair[32:])):
                self.shares[kind][sender][place + 1] = int.from_bytes(share, "little")

    def _unmask(self, place: int, state: Agreed, honest: Mapping[int, bytes]) -> None:
        statement = agree_statement(self.session, state.u1, state.u2)
        signed = dict(honest) | {member: self._identities[member].sign(statement) for member in self._corrupt}
        try:
            content = self._roles[place].unmask(state, Agreements(tuple(sorted(signed.items()))).encode())
        except (Corrupt, Refused):
            return
        for share in UnmaskShares.decode(content).shares:
            self.shares[share.kind][share.member][place + 1] = share.share
