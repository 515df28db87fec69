"""The private sum beside Flower's own SecAgg+ functions and beside its floor, one pass of AES-CTR over the mask bytes.

All figures are CPU time of this process, the median of several runs. Theirs are timed on a few of the operations that
are repeated, and scaled.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flwr.common.secure_aggregation.crypto.shamir import combine_shares, create_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import decrypt, encrypt, generate_shared_key
from flwr.common.secure_aggregation.ndarrays_arithmetic import (
    parameters_addition,
    parameters_mod,
    parameters_subtraction,
)
from flwr.common.secure_aggregation.quantization import quantize
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
from flwr.supercore.primitives.asymmetric import generate_key_pairs, private_key_to_bytes

from client.secagg import Contribution, Credentials, Joined, SecAggClient
from server.aggregation import unmask
from shared.privacy import GaussianTable
from shared.secure_sum import (
    Advert,
    Identity,
    Inbox,
    Ring,
    Roster,
    RoundConfiguration,
    ShareKind,
    UnmaskShare,
    UnmaskShares,
    encode_bitmap,
    issue_certificate,
    seal,
    share_key,
    shared_secret,
    split_secret,
)
from simulations.report import Progress

COHORT = 1000
DROPPED = 50
DIMENSION = 300_000
SEMI_HONEST = (48, 27)  # degree and threshold that Bell et al. 2020 ask for against a server that follows the protocol
REPEATS = 9  # of each of their operations
_RUNS = 3  # of our server
_MODULUS = 2**32
_NEVER_SECONDS = 2**40


@dataclass(frozen=True, slots=True, repr=False)
class _Party:
    """One made-up device of the benchmark, its role and what it keeps after joining."""

    role: SecAggClient
    state: Joined


def secure_sum(progress: Progress) -> dict[str, Any]:
    """CPU time of the private sum against flwr's SecAgg+ functions, for server and device."""
    with progress.stage("secure sum", total=6) as stage:
        configuration = _configuration(noise=0)
        parties, roster = _joined(configuration)
        own = configuration.for_cohort(COHORT)
        stage.advance(1, "server")
        strong = _server(configuration, parties, roster, own.degree, own.threshold)
        stage.advance(1, "server, equal graph")
        equal = _server(configuration, parties, roster, *SEMI_HONEST)
        stage.advance(1, "theirs")
        theirs = _their_server(*SEMI_HONEST)
        stage.advance(1, "device")
        quiet = _device(configuration, parties, roster)
        noisy_configuration = _configuration(noise=1)
        noisy = _device(noisy_configuration, *_joined(noisy_configuration))
        stage.advance(1, "their device")
        their_device, their_bytes = _their_device(own.degree, own.threshold)
        stage.advance()
    survivors = COHORT - DROPPED
    floor_server = _floor(survivors + DROPPED * own.degree)
    floor_device = _floor(1 + own.degree)
    our_bytes = 4 * DIMENSION + 64
    return {
        "members, dropped, dimension": f"{COHORT}, {DROPPED}, {DIMENSION}",
        "theirs were measured on": f"{REPEATS} of each operation, scaled to all of them",
        "rows": [
            {"who": "server, equal graph", "degree": SEMI_HONEST[0], "ours": equal, "theirs": theirs},
            {"who": "server, own graph", "degree": own.degree, "ours": strong, "theirs": theirs},
            {"who": "device, without noise", "degree": own.degree, "ours": quiet, "theirs": their_device},
            {"who": "device, with noise", "degree": own.degree, "ours": noisy, "theirs": their_device},
        ],
        "server ratio, equal graph": theirs / equal,
        "server ratio, own graph": theirs / strong,
        "device ratio, without noise": their_device / quiet,
        "server over one pass of AES-CTR": strong / floor_server,
        "device over one pass of AES-CTR": quiet / floor_device,
        "upload bytes, ours": our_bytes,
        "upload bytes, ours over theirs": our_bytes / their_bytes,
    }


def _seconds(run: Callable[[], object], repeats: int = 1) -> float:
    """CPU seconds of one call; the median of several, which other work on the machine moves least."""
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def _configuration(noise: int) -> RoundConfiguration:
    return RoundConfiguration(
        bytes(16), 1, bytes(32), bytes(32), DIMENSION, 1.0, 2**36, 2, 4096, 100_000, 100_000, noise=noise
    )


def _joined(configuration: RoundConfiguration) -> tuple[dict[bytes, _Party], Roster]:
    registry = Ed25519PrivateKey.generate()
    public = registry.public_key().public_bytes_raw()
    nothing = Contribution(np.zeros(DIMENSION, np.float32))
    parties, adverts = {}, {}
    for _ in range(COHORT):
        identity = Identity(Ed25519PrivateKey.generate())
        certificate = issue_certificate(registry, identity.public_key, _NEVER_SECONDS)
        role = SecAggClient(Credentials(identity, certificate, public), os.urandom, lambda: 0.0)
        advert, state = role.advertise(configuration, nothing)
        parties[identity.device] = _Party(role, state)
        adverts[identity.device] = Advert.decode(advert)
    return parties, Roster(tuple(adverts[device] for device in sorted(adverts)))


def _server(
    configuration: RoundConfiguration, parties: Mapping[bytes, _Party], roster: Roster, degree: int, threshold: int
) -> float:
    """Seconds to add the vectors and take every mask off."""
    ch = configuration.digest()
    session = roster.session(ch)
    ring = Ring(session, COHORT, degree)
    neighbours = [ring.neighbours(place) for place in range(COHORT)]
    dropped = frozenset(range(0, COHORT, COHORT // DROPPED))
    summed = frozenset(range(COHORT)) - dropped
    revealed: dict[int, list[UnmaskShare]] = {place: [] for place in summed}
    for place, device in enumerate(roster.devices):
        kind = ShareKind.SELF if place in summed else ShareKind.MASK_SEED
        state = parties[device].state
        secret = int.from_bytes(state.self_seed if place in summed else state.mask_seed, "little")
        for point, share in split_secret(secret, threshold, [other + 1 for other in neighbours[place]]).items():
            if point - 1 in summed:
                revealed[point - 1].append(UnmaskShare(place, kind, share))
    messages = {place: UnmaskShares(tuple(shares)) for place, shares in revealed.items()}
    total = np.zeros(DIMENSION, np.uint32)
    vector = np.ones(DIMENSION, np.uint32)
    adding = len(summed) * _seconds(lambda: np.add(total, vector, out=total), 50)
    return adding + _seconds(
        lambda: unmask(total, roster, session, ch, threshold, neighbours, summed, dropped, messages), _RUNS
    )


def _device(configuration: RoundConfiguration, parties: Mapping[bytes, _Party], roster: Roster) -> float:
    """Seconds of one device in the phases `share` and `mask`, every signature of the roster checked anew."""
    ch = configuration.digest()
    session, place = roster.session(ch), COHORT // 2
    device = roster.devices[place]
    party = parties[device]
    ring = Ring(session, COHORT, configuration.for_cohort(COHORT).degree)
    envelopes = []
    for other in ring.neighbours(place):
        peer = roster.adverts[other]
        key = share_key(shared_secret(party.state.encryption_secret, peer.encryption_key), session, peer.device, device)
        envelopes.append((other, seal(key, other, place, session, bytes(64))))
    inbox, everybody = Inbox(tuple(envelopes)).encode(), encode_bitmap(set(range(COHORT)), COHORT)
    encoded = roster.encode()
    if configuration.noise:
        GaussianTable.of(configuration.for_cohort(COHORT).variance)  # made once for all rounds of a size
    started = time.process_time()
    _, shared = party.role.share(party.state, encoded)
    party.role.mask(shared, everybody, inbox, lambda: None)
    return time.process_time() - started


def _their_server(degree: int, threshold: int) -> float:
    seed, secret = os.urandom(32), private_key_to_bytes(generate_key_pairs()[0])
    of_seed, of_secret = (create_shares(word, threshold, degree)[:threshold] for word in (seed, secret))
    mask = pseudo_rand_gen(seed, _MODULUS, [(DIMENSION,)])
    one, other = generate_key_pairs(), generate_key_pairs()
    regenerate = _seconds(lambda: pseudo_rand_gen(seed, _MODULUS, [(DIMENSION,)]), REPEATS)
    combine = _seconds(lambda: parameters_subtraction(mask, mask), REPEATS)
    reduce = _seconds(lambda: parameters_mod(mask, _MODULUS), REPEATS)
    agree = _seconds(lambda: generate_shared_key(one[0], other[1]), REPEATS)
    survivors = COHORT - DROPPED
    return (
        survivors * (_seconds(lambda: combine_shares(of_seed), REPEATS) + regenerate + 2 * combine)
        + DROPPED * _seconds(lambda: combine_shares(of_secret), REPEATS)
        + DROPPED * degree * (agree + regenerate + combine)
        + reduce
    )


def _their_device(degree: int, threshold: int) -> tuple[float, int]:
    """Seconds of one device, and the bytes of its masked vector."""
    seed, pair, peer = os.urandom(32), generate_key_pairs(), generate_key_pairs()
    secret = private_key_to_bytes(pair[0])
    shares = _seconds(lambda: create_shares(seed, threshold, degree), 1) + _seconds(
        lambda: create_shares(secret, threshold, degree), 1
    )
    agree = _seconds(lambda: generate_shared_key(pair[0], peer[1]), REPEATS)
    key = generate_shared_key(pair[0], peer[1])
    plain = bytes(32 + len(secret))
    envelope = _seconds(lambda: decrypt(key, encrypt(key, plain)), REPEATS)
    values = [np.zeros(DIMENSION)]
    rounding = _seconds(lambda: quantize(values, 1.0, 65536), REPEATS)
    mask = pseudo_rand_gen(seed, _MODULUS, [(DIMENSION,)])
    masking = _seconds(lambda: parameters_addition(mask, pseudo_rand_gen(seed, _MODULUS, [(DIMENSION,)])), REPEATS)
    reduced = parameters_mod(mask, _MODULUS)
    total = shares + degree * (2 * agree + envelope) + rounding + (degree + 1) * masking
    return total, reduced[0].nbytes


def _floor(masks: int) -> float:
    """Seconds of one pass of AES-256-CTR over so many masks."""
    zeros = bytes(4 * DIMENSION)
    stream = Cipher(algorithms.AES256(bytes(32)), modes.CTR(bytes(16))).encryptor()
    return masks * _seconds(lambda: stream.update(zeros), 50)
