"""The phases of FEDREC-SA/1 as the server goes through them: one method per message, one that closes each phase.

Implements FEDREC-SA/1 section 5. It adds vectors as they come and keeps none. A message out of its phase, of a stranger
or not as it must be is refused and changes nothing; a phase that too few came through ends the round.
"""

from collections.abc import Collection, Container
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from server.aggregation.unmasking import Culprit, unmask
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import (
    Advert,
    Agreements,
    Inbox,
    MaskedVector,
    Ring,
    Roster,
    RoundConfiguration,
    ShareMessage,
    SumParameters,
    UnmaskShares,
    agree_statement,
    encode_bitmap,
    mask_statement,
    shared_secret,
    verify_signature,
)

_ANY_SECRET = bytes(range(32))


class _Phase(IntEnum):
    ADVERTISE = 0
    SHARE = 1
    MASK = 2
    AGREE = 3
    UNMASK = 4
    DONE = 5


@dataclass(frozen=True, slots=True)
class Collected:
    """The sum, and nothing else.

    Attributes:
        units: int64 [d], centred lift of the sum modulo 2^32.
        members: places of those whose vectors are in it.
        parameters: of the cohort.
        culprits: who sent shares that do not fit the others'.
    """

    units: NDArray[np.int64]
    members: frozenset[int]
    parameters: SumParameters
    culprits: tuple[Culprit, ...]

    def __repr__(self) -> str:
        return f"Collected({len(self.members)} members)"


class SecAggServer:
    """One private sum on the server, O(d) in memory. After the result, or any NotYet, there is nothing left of it."""

    def __init__(
        self,
        configuration: RoundConfiguration,
        registry: bytes,
        now_seconds: float,
        local_noise_over_clip: float = 0.0,
    ) -> None:
        """Open phase 0.

        Args:
            configuration: what every member of this round is bound to.
            registry: Ed25519 public key of the registry that certifies devices.
            now_seconds: since 1970 UTC.
            local_noise_over_clip: standard deviation of every member's noise of its own over the clipping norm.
        """
        self._configuration = configuration
        self._ch = configuration.digest()
        self._registry = registry
        self._now = int(now_seconds)
        self._local_noise = local_noise_over_clip
        self._phase = _Phase.ADVERTISE
        self._adverts: dict[bytes, Advert] = {}
        self._keys: set[bytes] = set()
        self._inboxes: dict[int, dict[int, bytes]] = {}
        self._shared: set[int] = set()
        self._accumulator = np.zeros(0, np.uint32)
        self._mask_signatures: dict[int, bytes] = {}
        self._agreements: dict[int, bytes] = {}
        self._revealed: dict[int, UnmaskShares] = {}

    def __repr__(self) -> str:
        return f"SecAggServer({self._phase.name.lower()}, {len(self._adverts)} members)"

    def advert(self, content: bytes) -> bytes:
        """Phase 0: take a device in.

        Returns:
            Its id, 16 bytes.

        Raises:
            Corrupt: not a certified device's advert for this round, or one whose device or keys are taken.
        """
        self._expect(_Phase.ADVERTISE)
        advert = Advert.decode(content)
        advert.verify(self._ch, self._registry, self._now)
        keys = {advert.encryption_key, advert.mask_key}
        for key in keys:
            shared_secret(_ANY_SECRET, key)  # members could agree on nothing with a key of low order
        if advert.device in self._adverts or len(keys) < 2 or keys & self._keys:
            raise Corrupt(f"advert of device {advert.device.hex()}: expected a device and keys not yet in this round")
        if len(self._adverts) == self._configuration.maximum_cohort:
            raise Refused(
                f"advert: this round has its {self._configuration.maximum_cohort} members", code="cohort-full"
            )
        self._adverts[advert.device] = advert
        self._keys |= keys
        return advert.device

    def close_advertising(self) -> bytes:
        """End phase 0.

        Returns:
            The roster, for every member.

        Raises:
            NotYet: fewer joined than a sum needs.
            Misconfigured: no safe sum can be had with so many.
        """
        self._expect(_Phase.ADVERTISE)
        if len(self._adverts) < self._configuration.minimum_cohort:
            self._abort()
            raise NotYet(
                f"private sum: expected at least {self._configuration.minimum_cohort} members, "
                f"got {len(self._adverts)}; wait for more devices"
            )
        try:
            self._parameters = self._configuration.for_cohort(len(self._adverts), self._local_noise)
        except Misconfigured:
            self._abort()
            raise
        roster = Roster(tuple(self._adverts[device] for device in sorted(self._adverts)))
        self._roster, self._session = roster, roster.session(self._ch)
        self._ring = Ring(self._session, len(roster), self._parameters.degree)
        self._place = {device: place for place, device in enumerate(roster.devices)}
        self._neighbours = [self._ring.neighbours(place) for place in range(len(roster))]
        self._phase = _Phase.SHARE
        return roster.encode()

    def envelopes(self, device: bytes, content: bytes) -> None:
        """Phase 1: take a member's envelopes, one for each neighbour.

        Raises:
            Corrupt: not exactly that; or a stranger; or a member for the second time.
        """
        self._expect(_Phase.SHARE)
        place = self._member(device, self._shared)
        entries = ShareMessage.decode(content).envelopes
        if tuple(receiver for receiver, _ in entries) != self._neighbours[place]:
            raise Corrupt(f"envelopes of member {place}: expected one for each of its neighbours and no others")
        for receiver, envelope in entries:
            self._inboxes.setdefault(receiver, {})[place] = envelope
        self._shared.add(place)

    def close_sharing(self) -> bytes:
        """End phase 1.

        Returns:
            u1, the bitmap of those whose envelopes are here, for every one of them.

        Raises:
            NotYet: too few, or too many missing side by side.
        """
        self._expect(_Phase.SHARE)
        self._u1 = self._closed(self._shared)
        self._accumulator = np.zeros(self._configuration.dimension, np.uint32)
        self._phase = _Phase.MASK
        return self._u1

    def inbox(self, device: bytes) -> bytes:
        """The envelopes for one member of u1.

        Raises:
            Corrupt: it is none.
        """
        self._expect(_Phase.MASK)
        place = self._member(device, (), among=self._shared)
        kept = self._inboxes.get(place, {})
        return Inbox(tuple((sender, kept[sender]) for sender in sorted(kept))).encode()

    def vector(self, device: bytes, content: bytes) -> None:
        """Phase 2: add a member's masked vector, and forget it.

        Raises:
            Corrupt: not a vector of this round, not signed for this u1; or not of a member of u1, or its second.
        """
        self._expect(_Phase.MASK)
        place = self._member(device, self._mask_signatures.keys(), among=self._shared)
        masked = MaskedVector.decode(content, self._configuration.dimension)
        signer = self._roster.adverts[place].device_public_key
        if not verify_signature(signer, masked.signature, mask_statement(self._session, self._u1)):
            raise Corrupt(f"masked vector of member {place}: expected its signature for this u1")
        np.add(self._accumulator, masked.words, out=self._accumulator)
        self._mask_signatures[place] = masked.signature

    def close_masking(self) -> tuple[bytes, bytes]:
        """End phase 2.

        Returns:
            u2, the bitmap of those whose vectors are in the sum, and their signatures, for every one of them.

        Raises:
            NotYet: too few, or too many missing side by side.
        """
        self._expect(_Phase.MASK)
        self._inboxes.clear()
        self._u2 = self._closed(self._mask_signatures.keys())
        self._phase = _Phase.AGREE
        return self._u2, b"".join(self._mask_signatures[place] for place in sorted(self._mask_signatures))

    def agreement(self, device: bytes, signature: bytes) -> None:
        """Phase 3: take a member's signature on the pair of sets.

        Raises:
            Corrupt: it does not hold; or not of a member of u2, or its second.
        """
        self._expect(_Phase.AGREE)
        place = self._member(device, self._agreements.keys(), among=self._mask_signatures.keys())
        signer = self._roster.adverts[place].device_public_key
        if not verify_signature(signer, signature, agree_statement(self._session, self._u1, self._u2)):
            raise Corrupt(f"agreement of member {place}: expected its signature for this pair of sets")
        self._agreements[place] = signature

    def close_agreeing(self) -> bytes:
        """End phase 3.

        Returns:
            A quorum of signatures, for every member that signed.

        Raises:
            NotYet: no quorum.
        """
        self._expect(_Phase.AGREE)
        quorum = self._parameters.quorum
        if len(self._agreements) < quorum:
            agreed = len(self._agreements)
            self._abort()
            raise NotYet(f"private sum: expected {quorum} members to agree, got {agreed}; the sum stays masked")
        self._phase = _Phase.UNMASK
        return Agreements(tuple(sorted(self._agreements.items())[:quorum])).encode()

    def shares(self, device: bytes, content: bytes) -> None:
        """Phase 4: take the shares that a member reveals.

        Raises:
            Corrupt: not one share of the right kind for each of its live neighbours; or a stranger; or its second.
        """
        self._expect(_Phase.UNMASK)
        place = self._member(device, self._revealed.keys(), among=self._mask_signatures.keys())
        revealed = UnmaskShares.decode(content)
        held = [neighbour for neighbour in self._neighbours[place] if neighbour in self._shared]
        kinds = [int(neighbour not in self._mask_signatures) for neighbour in held]
        if [(share.member, int(share.kind)) for share in revealed.shares] != list(zip(held, kinds, strict=True)):
            raise Corrupt(f"shares of member {place}: expected one of the right kind for each of its live neighbours")
        self._revealed[place] = revealed

    def result(self) -> Collected:
        """End phase 4: rebuild the seeds, take the masks off, and forget everything but the sum.

        Raises:
            NotYet: too few shares of some secret, or too many wrong ones: nothing can be unmasked.
        """
        self._expect(_Phase.UNMASK)
        try:
            members = frozenset(self._mask_signatures)
            culprits = unmask(
                self._accumulator,
                self._roster,
                self._session,
                self._ch,
                self._parameters.threshold,
                self._neighbours,
                members,
                frozenset(self._shared) - members,
                self._revealed,
            )
            units = self._accumulator.astype(np.int32).astype(np.int64)
            return Collected(units, members, self._parameters, culprits)
        finally:
            self._abort()

    def _expect(self, phase: _Phase) -> None:
        if self._phase is not phase:
            raise Refused(
                f"private sum: expected phase {self._phase.name.lower()}, got {phase.name.lower()}", code="out-of-turn"
            )

    def _member(self, device: bytes, done: Container[int], among: Container[int] | None = None) -> int:
        place = self._place.get(device)
        if place is None or (among is not None and place not in among):
            raise Corrupt(f"device {device.hex()}: expected a member of this phase")
        if place in done:
            raise Corrupt(f"member {place}: expected one message in this phase, got a second")
        return place

    def _closed(self, came: Collection[int]) -> bytes:
        """The bitmap of those who came through a phase, if they are enough for devices to go on with."""
        members = frozenset(came)
        least, window = self._parameters.minimum_survivors, self._parameters.window
        if len(members) < least:
            self._abort()
            raise NotYet(f"private sum: expected at least {least} members to come through, got {len(members)}")
        if not self._ring.window_holds(members, window):
            self._abort()
            raise NotYet(f"private sum: more than {window} members missing side by side; nothing can be summed safely")
        return encode_bitmap(members, self._parameters.cohort)

    def _abort(self) -> None:
        self._phase = _Phase.DONE
        self._accumulator = np.zeros(0, np.uint32)
        self._inboxes.clear()
        self._revealed.clear()
