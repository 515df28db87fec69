"""What one round of a task asks of every device, derived from the federation file by devices and the server alike."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.charges import charges_of, local_noise_over_clip, user_charge
from shared.federation import FederationFile
from shared.privacy import PrivacyEvent, composed_epsilon
from shared.secure_sum import RHO_UNIT, RoundConfiguration, digest
from shared.tasks import TASK_ROWS, Task

_NO_NOISE_RHO_UNITS = 2**50


@dataclass(frozen=True, slots=True)
class RoundParameters:
    """The terms of one round.

    Attributes:
        configuration: what the private sum is bound to.
        charges: what a device pays for one answer, at each level that is promised.
        local_noise_over_clip: standard deviation of the noise of each device's own, over the clipping norm; 0 mostly.
    """

    configuration: RoundConfiguration
    charges: tuple[PrivacyEvent, ...]
    local_noise_over_clip: float


def derive_round_parameters(
    federation: FederationFile,
    task: Task,
    round_number: int,
    dimension: int,
    subject: bytes,
    registry: bytes,
    clip_norm: float | None = None,
) -> RoundParameters:
    """Derive the terms of a round.

    Args:
        federation: the terms that the round follows.
        task: what the sum is for: an update, statistics or an evaluation.
        round_number: training rounds count from 1; 0 comes before training.
        dimension: numbers in a summand, the indicator of an adaptive clip aside.
        subject: what the round is about (`round_binding`), 32 bytes.
        registry: Ed25519 public key of the registry.
        clip_norm: where an update's adapts, as it is in this round; noise and charge are relative to it.
    """
    adaptive = task == "update" and federation.clipping.adaptive_quantile > 0
    charge = user_charge(federation, task)
    configuration = RoundConfiguration(
        task_id=digest("task", federation.digest().encode(), task.encode())[:16],
        round_number=round_number,
        model_hash=subject,
        registry_hash=hashlib.sha256(registry).digest(),
        dimension=dimension + adaptive,
        clip_norm=clip_norm if adaptive and clip_norm is not None else TASK_ROWS[task].clip_norm(federation),
        rho_units=_NO_NOISE_RHO_UNITS if charge is None else round(charge.rho / RHO_UNIT),
        minimum_cohort=federation.round.minimum_answers,
        maximum_cohort=federation.sum.maximum_cohort,
        corrupt_ppm=round(federation.sum.corrupt_share * 1e6),
        dropout_ppm=round(federation.sum.dropout_share * 1e6),
        noise=int(charge is not None),
    )
    charges = charges_of(federation, task, configuration)
    scale = 0 if federation.sum.mode == "plain" else configuration.smallest_scale
    noise = local_noise_over_clip(federation, task, configuration.dimension, scale)
    return RoundParameters(configuration, charges, noise)


def round_binding(
    task: Task, federation: str, release: str, round_number: int, groups: Sequence[str], vector: bytes
) -> bytes:
    """SHA-256 that names what a device is asked to compute on, 32 bytes.

    Args:
        task: what the sum is for: an update, statistics or an evaluation.
        federation: digest of the federation file.
        release: digest of the release that devices work under.
        round_number: of the sum.
        groups: of parameters to train; empty for other tasks than updates.
        vector: float32 parameters, little-endian; empty where there are none.
    """
    return digest(
        "subject",
        task.encode(),
        federation.encode(),
        release.encode(),
        round_number.to_bytes(8, "little"),
        ",".join(groups).encode(),
        vector,
    )


def window_epsilon(federation: FederationFile, dimension: int) -> float | None:
    """What all answers of a device's life together promise to one window of its events, at `privacy.event_delta`.

    Args:
        federation: the terms, with how often a device takes part.
        dimension: of the longest summand; shorter ones cost no more.

    Returns:
        epsilon against readers of sums; None where windows are promised nothing by them.
    """
    privacy = federation.privacy
    charged: Counter[PrivacyEvent] = Counter()
    for task in privacy.tasks:
        if privacy.level == "both":
            derived = derive_round_parameters(federation, task, 1, dimension, bytes(32), bytes(32))
            charged[derived.charges[1]] += privacy.most_answers(task)
    return composed_epsilon(charged, privacy.event_delta) if charged else None


def group_norms(federation: FederationFile, groups: Sequence[str]) -> dict[str, float]:
    """L2 bound of each group of an update; their squares sum to that of the whole."""
    named = {str(group): share for group, share in federation.clipping.group_shares.items()}
    shares = {group: named.get(group, 1.0) for group in groups}
    whole = math.sqrt(sum(share**2 for share in shares.values()))
    return {group: federation.clipping.update_norm * share / whole for group, share in shares.items()}
