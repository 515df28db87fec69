"""The phases of FEDREC-SA/1 as a device goes through them: bytes and a state in, bytes and the next state out.

Implements FEDREC-SA/1 section 5. It never decides whether to take part: the device's policy and ledger do. Whatever
does not hold ends the round here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from client.secagg.encode import encode_contribution
from client.secagg.public_checks import allowed_members, check_agreed, check_masked, members_of
from client.secagg.state import Agreed, Contribution, Joined, Masked, Shared
from shared.errors import Corrupt
from shared.privacy import RandomBytes
from shared.secure_sum import (
    PRIME,
    Advert,
    Certificate,
    Identity,
    Inbox,
    MaskedVector,
    Ring,
    RoundConfiguration,
    ShareKind,
    ShareMessage,
    SumParameters,
    UnmaskShare,
    UnmaskShares,
    add_mask,
    agree_statement,
    commitment,
    draw_element,
    mask_secret,
    mask_statement,
    open_envelope,
    pair_key,
    places_of,
    public_key,
    read_roster,
    ring_of,
    seal,
    self_key,
    session_of,
    share_key,
    shared_secrets,
    signers_of,
    split_secret,
    verify_roster,
)

_KEY = 32
_SHARES = 64


@dataclass(frozen=True, slots=True)
class Credentials:
    """What makes a device a member of a federation.

    Attributes:
        identity: its signing key.
        certificate: the registry's word for that key.
        registry: Ed25519 public key of the registry, pinned when the device joined.
        revoked: reads the ids of devices whose certificates count no more; asked for each roster.
    """

    identity: Identity
    certificate: Certificate
    registry: bytes
    revoked: Callable[[], frozenset[bytes]] = frozenset


class SecAggClient:
    """One device's side of private sums. It keeps nothing between calls: states come in and go out."""

    def __init__(
        self,
        membership: Credentials,
        random_bytes: RandomBytes,
        now_seconds: Callable[[], float],
        local_noise_over_clip: float = 0.0,
        same_work: bool = False,
    ) -> None:
        """Put a role together.

        Args:
            membership: the device's identity and certificate, the registry, and which devices are revoked.
            random_bytes: source of all secrets.
            now_seconds: since 1970 UTC, for the expiry of certificates.
            local_noise_over_clip: standard deviation of every member's noise of its own over the clipping norm.
            same_work: mask as slowly for every contribution, so that time tells nothing of it.
        """
        self._member = membership
        self._random_bytes = random_bytes
        self._now_seconds = now_seconds
        self._local_noise, self._same_work = local_noise_over_clip, same_work

    def __repr__(self) -> str:
        return f"SecAggClient({self._member.identity.device.hex()[:8]})"

    def advertise(self, configuration: RoundConfiguration, contribution: Contribution) -> tuple[bytes, Joined]:
        """Phase 0: draw this round's secrets and say who one is.

        Returns:
            The advert, 280 bytes.

        Raises:
            Misconfigured: the contribution does not fit the configuration, or is not finite.
        """
        contribution.check(configuration.dimension)
        ch, identity = configuration.digest(), self._member.identity
        encryption_secret = self._random_bytes(_KEY)
        mask_seed, self_seed = draw_element(self._random_bytes), draw_element(self._random_bytes)
        advert = Advert.signed(
            identity,
            self._member.certificate,
            ch,
            public_key(encryption_secret),
            public_key(mask_secret(mask_seed)),
            commitment(ch, identity.device, self_seed),
        ).encode()
        state = Joined(
            configuration.encode(),
            advert,
            encryption_secret,
            _element(mask_seed),
            _element(self_seed),
            contribution.vector.tobytes(),
        )
        return advert, state

    def share(self, state: Joined, roster_bytes: bytes) -> tuple[bytes, Shared]:
        """Phase 1: check everybody, agree on keys, share the seeds out.

        Args:
            state: what `advertise` left.
            roster_bytes: 280 bytes per member.

        Returns:
            An envelope for each neighbour.

        Raises:
            Corrupt: the roster is not one of this round.
            Misconfigured: no safe sum can be had with so many members.
        """
        configuration = RoundConfiguration.decode(state.configuration)
        ch = configuration.digest()
        roster = read_roster(roster_bytes)
        if not configuration.minimum_cohort <= len(roster) <= configuration.maximum_cohort:
            raise Corrupt(
                f"roster: expected from {configuration.minimum_cohort} to {configuration.maximum_cohort} members, "
                f"got {len(roster)}"
            )
        own, places = Advert.decode(state.advert), places_of(roster_bytes)
        place = places.get(own.device)
        if place is None or roster.adverts[place] != own:
            raise Corrupt("roster: expected this device's own advert, byte for byte, got none or another")
        if revoked := sorted(self._member.revoked() & places.keys()):
            raise Corrupt(f"roster: expected members whose certificates count, got {revoked[0].hex()}, revoked")
        verify_roster(roster_bytes, ch, self._member.registry, int(self._now_seconds()))
        session = session_of(roster_bytes, ch)
        parameters = configuration.for_cohort(len(roster), self._local_noise)
        neighbours = ring_of(session, len(roster), parameters.degree).neighbours(place)
        points = [neighbour + 1 for neighbour in neighbours]
        of_self = split_secret(
            int.from_bytes(state.self_seed, "little"), parameters.threshold, points, self._random_bytes
        )
        of_mask = split_secret(
            int.from_bytes(state.mask_seed, "little"), parameters.threshold, points, self._random_bytes
        )
        mask_key = mask_secret(int.from_bytes(state.mask_seed, "little"))
        envelopes, opening, pairs = [], [], []
        peers = [roster.adverts[neighbour] for neighbour in neighbours]
        secrets = _agreed(state.encryption_secret, neighbours, [peer.encryption_key for peer in peers])
        of_pairs = _agreed(mask_key, neighbours, [peer.mask_key for peer in peers])
        for neighbour, peer, secret, of_pair in zip(neighbours, peers, secrets, of_pairs, strict=True):
            sealing = share_key(secret, session, own.device, peer.device)
            shares = _element(of_self[neighbour + 1]) + _element(of_mask[neighbour + 1])
            envelopes.append((neighbour, seal(sealing, place, neighbour, session, shares)))
            opening.append(share_key(secret, session, peer.device, own.device))
            pairs.append(pair_key(of_pair, session, own.device, peer.device))
        following = Shared(
            state.configuration,
            session,
            place,
            signers_of(roster_bytes),
            b"".join(opening),
            b"".join(pairs),
            self_key(int.from_bytes(state.self_seed, "little"), session, own.device),
            state.vector,
        )
        return ShareMessage(tuple(envelopes)).encode(), following

    def mask(self, state: Shared, u1: bytes, inbox: bytes, charge: Callable[[], None]) -> tuple[bytes, Masked]:
        """Phase 2: read the neighbours' shares, pay, and hide the contribution.

        Args:
            state: what `share` left.
            u1: bitmap of the members whose envelopes the server has.
            inbox: the envelopes sent to this device.
            charge: writes the ledger; called once everything else holds and before the vector exists.

        Returns:
            The masked vector and a signature.

        Raises:
            Corrupt: the sets or an envelope do not hold.
            Refused: by `charge`.
        """
        configuration, parameters, ring = self._round_of(state)
        members = allowed_members(u1, state.place, parameters, ring, "u1")
        neighbours = ring.neighbours(state.place)
        envelopes = Inbox.decode(inbox).envelopes
        live = tuple(neighbour for neighbour in neighbours if neighbour in members)
        if tuple(sender for sender, _ in envelopes) != live:
            raise Corrupt(f"inbox: expected the envelopes of all {len(live)} live neighbours and no others")
        if len(live) < parameters.threshold:
            raise Corrupt(f"inbox: expected at least {parameters.threshold} envelopes, got {len(live)}")
        opening = dict(zip(neighbours, _keys(state.opening_keys), strict=True))
        shares = [
            open_envelope(opening[sender], sender, state.place, state.session, envelope)
            for sender, envelope in envelopes
        ]
        for sender, pair in zip(live, shares, strict=True):
            if any(int.from_bytes(share, "little") >= PRIME for share in _keys(pair)):
                raise Corrupt(f"envelope from member {sender}: expected two shares below 2^255 - 19")
        charge()
        words = encode_contribution(
            Contribution.of(state), configuration, parameters, self._random_bytes, self._same_work
        )
        add_mask(words, state.own_key, 1)
        for neighbour, key in zip(neighbours, _keys(state.pair_keys), strict=True):
            if neighbour in members:
                add_mask(words, key, 1 if state.place < neighbour else -1)
        signature = self._member.identity.sign(mask_statement(state.session, u1))
        following = Masked(
            state.configuration,
            state.session,
            state.place,
            state.signers,
            np.array(live, "<u2").tobytes(),
            b"".join(shares),
            u1,
        )
        return MaskedVector(words, signature).encode(), following

    def agree(self, state: Masked, u2: bytes, signatures: bytes) -> tuple[bytes, Agreed]:
        """Phase 3: sign one pair of sets, and never another.

        Args:
            state: what `mask` left.
            u2: bitmap of the members whose vectors are in the sum.
            signatures: of all of them on the masks of u1, ascending by member, 64 bytes each.

        Returns:
            A signature, 64 bytes.

        Raises:
            Corrupt: the sets or a signature do not hold.
        """
        _, parameters, ring = self._round_of(state)
        cohort = parameters.cohort
        members = allowed_members(u2, state.place, parameters, ring, "u2")
        if not members <= members_of(state.u1, cohort):
            raise Corrupt("u2: expected members of u1 only")
        if len(signatures) != 64 * len(members):
            raise Corrupt(f"u2: expected {len(members)} signatures of 64 bytes, got {len(signatures)} bytes")
        check_masked(state.signers, members, signatures, mask_statement(state.session, state.u1))
        following = Agreed(state.configuration, state.session, state.signers, state.senders, state.shares, state.u1, u2)
        return self._member.identity.sign(agree_statement(state.session, state.u1, u2)), following

    def unmask(self, state: Agreed, agreements: bytes) -> bytes:
        """Phase 4: of each neighbour one share, of b if its vector is in the sum, else of its mask seed; never both.

        Args:
            state: what `agree` left.
            agreements: signatures of members of u2 on (u1, u2).

        Raises:
            Refused: fewer than a quorum agreed.
            Corrupt: a signature does not hold.
        """
        _, parameters, _ = self._round_of(state)
        members = members_of(state.u2, len(state.signers) // _KEY)
        statement = agree_statement(state.session, state.u1, state.u2)
        check_agreed(state.signers, members, agreements, statement, parameters.quorum)
        revealed = []
        for number, sender in enumerate(np.frombuffer(state.senders, "<u2").tolist()):
            kind = ShareKind.SELF if sender in members else ShareKind.MASK_SEED
            start = _SHARES * number + (0 if kind is ShareKind.SELF else _KEY)
            revealed.append(UnmaskShare(sender, kind, int.from_bytes(state.shares[start : start + _KEY], "little")))
        return UnmaskShares(tuple(revealed)).encode()

    def _round_of(self, state: Shared | Masked | Agreed) -> tuple[RoundConfiguration, SumParameters, Ring]:
        """What follows from the configuration and the roster: derived again, never taken from the server."""
        configuration = RoundConfiguration.decode(state.configuration)
        parameters = configuration.for_cohort(len(state.signers) // _KEY, self._local_noise)
        return configuration, parameters, ring_of(state.session, parameters.cohort, parameters.degree)


def _element(value: int) -> bytes:
    return value.to_bytes(_KEY, "little")


def _agreed(secret: bytes, members: Sequence[int], keys: Sequence[bytes]) -> list[bytes]:
    """What this device shares with each of some members; names the one whose key is none."""
    try:
        return shared_secrets(secret, keys)
    except Corrupt:
        for member, key in zip(members, keys, strict=True):
            try:
                shared_secrets(secret, [key])
            except Corrupt as error:
                raise Corrupt(f"roster: member {member}: {error}") from None
        raise


def _keys(joined: bytes) -> Sequence[bytes]:
    return [joined[start : start + _KEY] for start in range(0, len(joined), _KEY)]
