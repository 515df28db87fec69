"""The signed configuration of one round, and everything each party derives from it instead of being told.

Implements FEDREC-SA/1 section 4, and what sections 6 and 7 derive from a configuration.
"""

import math
import struct
from dataclasses import dataclass

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum.degrees import LARGEST_COHORT, PPM, graph_degrees
from shared.secure_sum.hashing import digest

RHO_UNIT = 2.0**-40

_LAYOUT = struct.Struct("<B16sQ32s32sIdQHHIIBB")
_VERSION = 1
_LARGEST_SCALE = 65536
_LARGEST_VARIANCE = 2**28  # of the sampler, `shared.privacy.discrete_gaussian`
_LARGEST_LOCAL_VARIANCE = _LARGEST_VARIANCE * 2_000**2  # of sums of two of its draws
_SMALLEST_SCALE = 256
_SMALLEST_VARIANCE = 256
_MODULUS_HALF = 2**31


@dataclass(frozen=True, slots=True)
class SumParameters:
    """What follows from a configuration once the cohort is known (FEDREC-SA/1 sections 4 and 6).

    Attributes:
        cohort: members of the roster, n.
        corrupt: most members that may collude with the server, B.
        minimum_survivors: fewest members whose vectors are summed, u_min.
        honest_survivors: honest shares of noise that are surely in the sum, h_min.
        quorum: signatures on one pair of sets, without which nothing is unmasked.
        scale: integer units per clipping norm, S.
        variance: variance of each member's own noise, in squared units; 0 only where noise is off.
        local_variance: variance of what each member adds to that for the local level, in squared units; mostly 0.
        squared_norm_bound: bound on a rounded vector's squared norm, in squared units, Bq2.
        degree: neighbours of every member, k.
        threshold: shares that rebuild a secret, t.
        window: most missing members in any degree // 2 consecutive places of the ring, w; None on the complete graph.
    """

    cohort: int
    corrupt: int
    minimum_survivors: int
    honest_survivors: int
    quorum: int
    scale: int
    variance: int
    local_variance: int
    squared_norm_bound: int
    degree: int
    threshold: int
    window: int | None


@dataclass(frozen=True, slots=True)
class RoundConfiguration:
    """What a server asks of the devices in one round (FEDREC-SA/1 section 4).

    Attributes:
        task_id: 16 bytes.
        round_number: u64; a device answers each number of a task at most once.
        model_hash: SHA-256 of the model sent, 32 bytes.
        registry_hash: SHA-256 of the registry's state, 32 bytes.
        dimension: coordinates of the vectors summed, u32.
        clip_norm: Euclidean norm each vector is clipped to.
        rho_units: zCDP charged per participation, in 2^-40.
        minimum_cohort, maximum_cohort: bounds on the roster, and the fewest survivors, u16.
        corrupt_ppm: share of members that may collude with the server, per million.
        dropout_ppm: share of members that may drop out, per million.
        bits: of the modulus; always 32.
        noise: 1; or 0 in tests of exact sums, which no device's policy accepts.
    """

    task_id: bytes
    round_number: int
    model_hash: bytes
    registry_hash: bytes
    dimension: int
    clip_norm: float
    rho_units: int
    minimum_cohort: int
    maximum_cohort: int
    corrupt_ppm: int
    dropout_ppm: int
    bits: int = 32
    noise: int = 1

    def __post_init__(self) -> None:
        for name, length in (("task_id", 16), ("model_hash", 32), ("registry_hash", 32)):
            if len(getattr(self, name)) != length:
                raise Misconfigured(f"{name}: expected {length} bytes, got {len(getattr(self, name))}")
        for name, least, most in (
            ("round_number", 0, 2**64 - 1),
            ("dimension", 1, 2**32 - 1),
            ("rho_units", 1, 2**64 - 1),
            ("minimum_cohort", 2, self.maximum_cohort),
            ("maximum_cohort", 2, 2**16 - 1),
            ("corrupt_ppm", 0, PPM - 1),
            ("dropout_ppm", 0, PPM - 1),
            ("bits", 32, 32),
            ("noise", 0, 1),
        ):
            if not least <= getattr(self, name) <= most:
                raise Misconfigured(f"{name}: expected from {least} to {most}, got {getattr(self, name)}")
        if not (math.isfinite(self.clip_norm) and self.clip_norm > 0):
            raise Misconfigured(f"clip_norm: expected a finite number above 0, got {self.clip_norm}")

    @property
    def rho(self) -> float:
        """Charged per participation, as rho of zCDP."""
        return self.rho_units * RHO_UNIT

    def encode(self) -> bytes:
        """The 123 bytes that are signed and hashed (FEDREC-SA/1 section 4)."""
        return _LAYOUT.pack(
            _VERSION,
            self.task_id,
            self.round_number,
            self.model_hash,
            self.registry_hash,
            self.dimension,
            self.clip_norm,
            self.rho_units,
            self.minimum_cohort,
            self.maximum_cohort,
            self.corrupt_ppm,
            self.dropout_ppm,
            self.bits,
            self.noise,
        )

    @classmethod
    def decode(cls, content: bytes) -> "RoundConfiguration":
        """Read what `encode` wrote.

        Raises:
            Corrupt: another length or version, or a value no round can have.
        """
        if len(content) != _LAYOUT.size:
            raise Corrupt(f"round configuration: expected {_LAYOUT.size} bytes, got {len(content)}")
        version, *values = _LAYOUT.unpack(content)
        if version != _VERSION:
            raise Corrupt(f"round configuration: expected version {_VERSION}, got {version}")
        try:
            return cls(*values)
        except Misconfigured as error:
            raise Corrupt(f"round configuration: {error}") from None

    def digest(self) -> bytes:
        """ch, the 32 bytes everything in the round is bound to (FEDREC-SA/1 section 3)."""
        return digest("config", self.encode())

    def for_cohort(self, n: int, local_noise_over_clip: float = 0.0) -> SumParameters:
        """Derive the parameters of a roster of `n` members, in integer arithmetic (FEDREC-SA/1 sections 4, 6 and 7).

        Args:
            n: members of the roster.
            local_noise_over_clip: standard deviation of further noise that each member adds, over the clipping norm.

        Raises:
            Misconfigured: no safe sum can be had from this configuration with so many members.
        """
        if not self.minimum_cohort <= n <= min(self.maximum_cohort, LARGEST_COHORT):
            most = min(self.maximum_cohort, LARGEST_COHORT)
            raise Misconfigured(f"cohort: expected from {self.minimum_cohort} to {most} members, got {n}")
        corrupt = n * self.corrupt_ppm // PPM
        survivors = max(self.minimum_cohort, n - n * self.dropout_ppm // PPM)
        honest = survivors - corrupt
        if honest < 2:
            raise Misconfigured(
                f"cohort of {n}: {honest} honest survivors are certain, expected at least 2; raise minimum_cohort "
                "or lower corrupt_ppm"
            )
        scale = self._scale(honest)
        norm_bound = scale**2 + scale + self.dimension // 4 + math.isqrt(self.dimension) // 2
        variance = max(_SMALLEST_VARIANCE, -(-(norm_bound << 40) // (2 * self.rho_units * honest))) * self.noise
        if not (math.isfinite(local_noise_over_clip) and local_noise_over_clip >= 0):
            raise Misconfigured(
                f"local_noise_over_clip: expected a finite number of at least 0, got {local_noise_over_clip}"
            )
        local_variance = math.ceil((local_noise_over_clip * scale) ** 2)
        self._check_room(n, scale, variance, local_variance)
        if local_variance > _LARGEST_LOCAL_VARIANCE:
            raise Misconfigured(
                f"cohort of {n}: expected a local noise of at most {_LARGEST_LOCAL_VARIANCE} squared units, as more "
                f"cannot be drawn exactly, got {local_variance}; raise privacy.local_epsilon, or let devices answer "
                "less often"
            )
        degree, threshold, window = graph_degrees(n, self.corrupt_ppm, self.dropout_ppm)
        return SumParameters(
            cohort=n,
            corrupt=corrupt,
            minimum_survivors=survivors,
            honest_survivors=honest,
            quorum=(n + corrupt) // 2 + 1,
            scale=scale,
            variance=variance,
            local_variance=local_variance,
            squared_norm_bound=norm_bound,
            degree=degree,
            threshold=threshold,
            window=window,
        )

    @property
    def smallest_scale(self) -> int:
        """Units that stand for the clipping norm, no more than in any cohort that this configuration allows."""
        # Honest survivors are fewest in the largest cohort of which the minimum may be all that survives.
        largest = self.minimum_cohort * PPM // (PPM - self.dropout_ppm) + 1
        return self._scale(max(1, self.minimum_cohort - largest * self.corrupt_ppm // PPM - 1))

    def _scale(self, honest: int) -> int:
        """Largest power of two at which each member's noise stays near 8192 units or below."""
        scale = _LARGEST_SCALE
        while scale > _SMALLEST_SCALE and scale**2 << 14 > 2 * self.rho_units * honest:
            scale //= 2
        return scale

    @staticmethod
    def _check_room(n: int, scale: int, variance: int, local_variance: int) -> None:
        """Refuse a sum that twelve standard deviations of noise could wrap around (FEDREC-SA/1 section 7)."""
        room = _MODULUS_HALF - n * (scale + 1)
        if room <= 0 or 144 * n * (variance + local_variance) >= room**2:
            raise Misconfigured(
                f"cohort of {n}: the noise of {variance} + {local_variance} squared units each could wrap the "
                "32-bit sum; expected a larger rho, a lower dimension or less local noise"
            )
        if variance > _LARGEST_VARIANCE:  # said here, before anybody has paid for a vector that cannot be noised
            raise Misconfigured(
                f"cohort of {n}: expected a noise of at most {_LARGEST_VARIANCE} squared units each, as more cannot be "
                f"drawn exactly, got {variance}; expected a larger rho, a lower dimension or a larger cohort"
            )
