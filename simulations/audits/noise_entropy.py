"""How much of the operating system's entropy stands behind a device's secret chance.

* Claim: noise, rounding and the coins that draw windows come from at least 128 bits of the operating system, and all of
  them count: nobody tries all seeds.
* Adversary: knows the code and one noised vector, and looks for the seed of its noise.
* Unit: one answer of one device.
* Method: the operating system's entropy is replaced by blocks of the audit's own. Each bit that a generator takes is
  turned round by itself, and those that change the stream are counted; then streams are made of blocks that agree in
  their lowest 32 bits, at either end, as a generator of 32 bits of state would not tell them apart.
* Bar: 128 bits that count, and no two streams equal.
* Control: `torch.Generator.manual_seed`, whose CPU generator keeps 32 bits of a seed.
* Paper: Mironov 2012, [On Significance of the Least Significant Bits for Differential Privacy](https://doi.org/10.1145/2382196.2382264),
  for noise that is only as good as its generator; Matsumoto, Nishimura 1998,
  [Mersenne Twister](https://doi.org/10.1145/272991.272995), the control's.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch

from client import randomness
from client.secagg import Contribution, encode_contribution
from shared.federation import read_federation
from shared.privacy import RandomBytes
from shared.round_parameters import derive_round_parameters
from simulations.audits.audit import AuditResult
from simulations.audits.sums import seeded_bytes

_BITS = 128
_WIDTH = 64
_COHORT = 50

Stream = Callable[[], bytes]


def _noise_of_a_sum() -> bytes:
    return _encoded(0.0, "variance")


def _rounding_of_a_sum() -> bytes:
    return _encoded(0.1)


def _coins() -> bytes:
    """What draws windows and negatives."""
    return randomness.SystemRandomness().numpy("windows").bytes(4 * _WIDTH)


def _noise_of_a_device() -> bytes:
    """Noise of the local level."""
    return _encoded(0.0, "local_variance")


_STREAMS: Mapping[str, Stream] = {
    "noise of a sum": _noise_of_a_sum,
    "noise of a device's own": _noise_of_a_device,
    "rounding": _rounding_of_a_sum,
    "coins": _coins,
}


def _thirty_two_bits() -> bytes:
    """The control: a seed of 63 bits, of which 32 count."""
    generator = torch.Generator().manual_seed(secrets.randbits(63))
    return torch.normal(0.0, 1.0, (_WIDTH,), generator=generator).numpy().tobytes()


def audit_noise_entropy(seed: int, blocks: int = 200) -> AuditResult:
    """Run it, with so many blocks that agree in their lowest 32 bits."""
    chance = seeded_bytes(seed, "noise-entropy")
    counted = {name: _bits_that_count(stream, chance(4096)) for name, stream in _STREAMS.items()}
    equal = sum(_equal_streams(stream, blocks, chance) for stream in _STREAMS.values())
    control, control_equal = (
        _bits_that_count(_thirty_two_bits, chance(4096)),
        _equal_streams(_thirty_two_bits, 4, chance),
    )
    least = min(counted.values())
    said = ", ".join(f"{bits} bits for {name}" for name, bits in counted.items())
    return AuditResult(
        passes=least >= _BITS and not equal,
        control_caught=control < _BITS and control_equal > 0,
        statistic=float(least),
        bar=float(_BITS),
        interval=None,
        control=float(control),
        sentence=f"Of the operating system's entropy there count {said}; {equal} of the streams from blocks that agree "
        f"in their lowest 32 bits are equal. Control: {control} bits count for a seeded generator of torch.",
    )


def _encoded(value: float, noise: str = "") -> bytes:
    """A device's words: each entry is this share of a unit, and noise is of one kind at most."""
    file = read_federation(settings=["privacy.local_noise=on"])
    terms = derive_round_parameters(file, "update", 1, _WIDTH, bytes(32), bytes(32))
    configuration = terms.configuration
    parameters = configuration.for_cohort(_COHORT, terms.local_noise_over_clip)
    vector = np.full(_WIDTH, value * configuration.clip_norm / parameters.scale, np.float32)
    quiet = {kind: 0 for kind in ("variance", "local_variance") if kind != noise}
    source = randomness.SystemRandomness().bytes("noise")
    return encode_contribution(Contribution(vector), configuration, replace(parameters, **quiet), source).tobytes()


@contextmanager
def _entropy(block: bytes) -> Iterator[list[int]]:
    """Have the operating system give out this block, from its start; yields a list of how much each call took."""
    taken: list[int] = []

    def give(count: int) -> bytes:
        start = sum(taken)
        taken.append(count)
        return block[start : start + count]

    with patch("os.urandom", give), patch("random._urandom", give):
        yield taken


def _drawn(stream: Stream, block: bytes) -> tuple[bytes, list[int]]:
    with _entropy(block) as taken:
        return stream(), taken


def _bits_that_count(stream: Stream, block: bytes) -> int:
    """Bits of the block that change the stream when they are turned round, each by itself."""
    whole, taken = _drawn(stream, block)
    counted = 0
    for bit in range(8 * sum(taken)):
        turned = bytearray(block)
        turned[bit // 8] ^= 1 << bit % 8
        counted += _drawn(stream, bytes(turned))[0] != whole
    return counted


def _equal_streams(stream: Stream, blocks: int, chance: RandomBytes) -> int:
    """Streams that another of as many blocks gives too, all of which agree in four bytes of each call's share."""
    _, taken = _drawn(stream, chance(4096))
    equal = 0
    for lowest in (slice(0, 4), slice(-4, None)):
        seen = set[bytes]()
        for _ in range(blocks):
            parts = [bytearray(chance(count)) for count in taken]
            for part in parts:
                part[lowest] = bytes(4)
            seen.add(_drawn(stream, b"".join(parts))[0])
        equal += blocks - len(seen)
    return equal
