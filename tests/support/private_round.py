"""A private sum in memory: a registry, members whose chance is known, and a round that can be bent at any message."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from client.secagg import Contribution, Credentials, RoleState, SecAggClient
from server.aggregation import Collected, SecAggServer
from shared.errors import Corrupt, HushrecError, Refused
from shared.privacy import Keystream, RandomBytes, quantise
from shared.secure_sum import Identity, RoundConfiguration, issue_certificate

NOW = 1_000_000.0
EXPIRY = 2**40
REGISTRY_KEY = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
REGISTRY = REGISTRY_KEY.public_key().public_bytes_raw()

Tamper = Callable[[str, int, bytes], bytes]


def rng(seed: bytes) -> RandomBytes:
    """Bytes that can be drawn a second time: AES-256-CTR under the hash of a seed."""
    stream = Cipher(algorithms.AES256(hashlib.sha256(seed).digest()), modes.CTR(bytes(16))).encryptor()
    return lambda count: stream.update(bytes(count))


def configuration(dimension: int = 8, **changed: Any) -> RoundConfiguration:
    """A round without noise, for 3 members or more, of whom a tenth may collude and a fifth drop out."""
    asked: dict[str, Any] = {
        "task_id": bytes(range(16)),
        "round_number": 42,
        "model_hash": hashlib.sha256(b"model").digest(),
        "registry_hash": hashlib.sha256(b"registry").digest(),
        "dimension": dimension,
        "clip_norm": 1.0,
        "rho_units": 2**39,
        "minimum_cohort": 3,
        "maximum_cohort": 4096,
        "corrupt_ppm": 100_000,
        "dropout_ppm": 200_000,
        "noise": 0,
    }
    return RoundConfiguration(**(asked | changed))


def membership(key_seed: bytes, registry_key: Ed25519PrivateKey = REGISTRY_KEY, expiry: int = EXPIRY) -> Credentials:
    """A device whose key is 32 bytes of its own choice; it trusts the registry of these tests, whoever certified it."""
    identity = Identity(Ed25519PrivateKey.from_private_bytes(key_seed))
    return Credentials(identity, issue_certificate(registry_key, identity.public_key, expiry), REGISTRY)


@dataclass
class Party:
    """One member on its way through a round.

    Attributes:
        seed: of its chance.
        charges: times it paid.
        state: between two phases; None once it has left or is done.
    """

    member: Credentials
    seed: bytes
    vector: NDArray[np.float32]
    role: SecAggClient
    charges: int = 0
    state: RoleState | None = None

    @property
    def device(self) -> bytes:
        return self.member.identity.device

    def charge(self) -> None:
        self.charges += 1


def party(
    member: Credentials,
    seed: bytes,
    vector: NDArray[np.float32],
    local_noise_over_clip: float = 0.0,
    now_seconds: float = NOW,
) -> Party:
    """A member that draws from `chance(seed)` and nowhere else."""
    role = SecAggClient(member, rng(seed), lambda: now_seconds, local_noise_over_clip)
    return Party(member, seed, vector, role)


def parties(count: int, dimension: int = 8, seed: int = 0, **about: Any) -> list[Party]:
    """Members with random vectors, about half of them longer than a clipping norm of 1; in the roster's order."""
    drawn = np.random.default_rng([seed, count, dimension])
    made = []
    for index in range(count):
        vector = (drawn.normal(size=dimension) / dimension**0.5 * drawn.uniform(0.5, 1.5)).astype(np.float32)
        name = f"{seed} {index}".encode()
        made.append(party(membership(hashlib.sha256(b"key " + name).digest()), b"chance " + name, vector, **about))
    return sorted(made, key=lambda one: one.device)


class PrivateRound:
    """Drives parties and a collector; whoever raises leaves, and what the collector rejects is as if never sent.

    Members go by their place in the roster. `drop` names those that are silent from this phase on. `tamper` gets the
    name, the member and the bytes of every message and says what arrives: down to the members "roster", "u1", "inbox",
    "u2", "signatures", "agreements"; up from them "advert", "envelopes", "vector", "agreement", "shares".

    Attributes:
        present: places still taking part.
        left: why a member ended the round for itself.
        rejected: why the collector did not take a member's message.
        sent: what members sent, by name and place.
    """

    def __init__(
        self,
        asked: RoundConfiguration,
        members: Sequence[Party],
        tamper: Tamper = lambda name, place, content: content,
        local_noise_over_clip: float = 0.0,
    ) -> None:
        self.configuration = asked
        self.collector = SecAggServer(asked, REGISTRY, NOW, local_noise_over_clip)
        self.parties = sorted(members, key=lambda one: one.device)
        self.tamper = tamper
        self.present: set[int] = set()
        self.left: dict[int, HushrecError] = {}
        self.rejected: dict[int, HushrecError] = {}
        self.sent: dict[str, dict[int, bytes]] = defaultdict(dict)

    def advertise(self, drop: Iterable[int] = ()) -> bytes:
        """Phase 0; afterwards `parties` are those in the roster."""
        self.present = set(range(len(self.parties)))

        def advert(place: int, one: Party) -> tuple[bytes, RoleState]:
            return one.role.advertise(self.configuration, Contribution(one.vector))

        self._ask("advert", drop, advert, lambda _, content: self.collector.advert(content))
        self.roster = self.collector.close_advertising()
        self.parties = [self.parties[place] for place in sorted(self.present)]
        self.present = set(range(len(self.parties)))
        return self.roster

    def share(self, drop: Iterable[int] = ()) -> bytes:
        """Phase 1."""

        def envelopes(place: int, one: Party) -> tuple[bytes, RoleState]:
            return one.role.share(one.state, self.tamper("roster", place, self.roster))

        self._ask("envelopes", drop, envelopes, self.collector.envelopes)
        self.u1 = self.collector.close_sharing()
        return self.u1

    def mask(self, drop: Iterable[int] = ()) -> bytes:
        """Phase 2."""

        def vector(place: int, one: Party) -> tuple[bytes, RoleState]:
            inbox = self.tamper("inbox", place, self.collector.inbox(one.device))
            return one.role.mask(one.state, self.tamper("u1", place, self.u1), inbox, one.charge)

        self._ask("vector", drop, vector, self.collector.vector)
        self.u2, self.signatures = self.collector.close_masking()
        return self.u2

    def agree(self, drop: Iterable[int] = ()) -> bytes:
        """Phase 3."""

        def agreement(place: int, one: Party) -> tuple[bytes, RoleState]:
            signatures = self.tamper("signatures", place, self.signatures)
            return one.role.agree(one.state, self.tamper("u2", place, self.u2), signatures)

        self._ask("agreement", drop, agreement, self.collector.agreement)
        self.agreements = self.collector.close_agreeing()
        return self.agreements

    def unmask(self, drop: Iterable[int] = ()) -> Collected:
        """Phase 4, and the result."""

        def shares(place: int, one: Party) -> tuple[bytes, None]:
            return one.role.unmask(one.state, self.tamper("agreements", place, self.agreements)), None

        self._ask("shares", drop, shares, self.collector.shares)
        return self.collector.result()

    def go(self, **drops: Iterable[int]) -> Collected:
        """All phases; the names of `drops` are theirs."""
        for phase in ("advertise", "share", "mask", "agree"):
            getattr(self, phase)(drops.get(phase, ()))
        return self.unmask(drops.get("unmask", ()))

    def expected(self, places: Iterable[int]) -> list[int]:
        """The sum of these members' rounded vectors, from the chance they drew: no key, share or mask takes part."""
        parameters = self.configuration.for_cohort(len(self.parties))
        total = np.zeros(self.configuration.dimension, np.int64)
        for place in places:
            one = self.parties[place]
            total += quantise(
                one.vector,
                self.configuration.clip_norm,
                parameters.scale,
                parameters.squared_norm_bound,
                Keystream(rounding_key(one.seed, parameters.threshold)),
            )
        return total.tolist()

    def charges(self) -> list[int]:
        """Times each member paid."""
        return [one.charges for one in self.parties]

    def _ask(
        self,
        name: str,
        drop: Iterable[int],
        answer: Callable[[int, Party], tuple[bytes, RoleState | None]],
        take: Callable[[bytes, bytes], object],
    ) -> None:
        self.present -= set(drop)
        for place in sorted(self.present):
            one = self.parties[place]
            try:
                content, one.state = answer(place, one)
            except HushrecError as error:
                self.left[place], one.state = error, None
                self.present.discard(place)
                continue
            self.sent[name][place] = self.tamper(name, place, content)
            try:
                take(one.device, self.sent[name][place])
            except (Corrupt, Refused) as error:
                self.rejected[place] = error
                self.present.discard(place)


def rounding_key(seed: bytes, threshold: int) -> bytes:
    """What a member draws after e_sk, mseed, b and the coefficients of both shared-out secrets, 32 bytes each."""
    return rng(seed)(32 * (3 + 2 * (threshold - 1) + 1))[-32:]


def bent(name: str, place: int, change: Callable[[bytes], bytes]) -> Tamper:
    """Changes one message of one member."""
    return lambda what, who, content: change(content) if (what, who) == (name, place) else content


def flipped(content: bytes, place: int = -1, bit: int = 1) -> bytes:
    """One bit of a message turned round."""
    turned = bytearray(content)
    turned[place] ^= bit
    return bytes(turned)


def another_round(asked: RoundConfiguration, **changed: Any) -> RoundConfiguration:
    """The same configuration but for these fields."""
    return replace(asked, **changed)
