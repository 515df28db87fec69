"""A one-run attack: many canaries in one transcript of sums, each in or out by a coin, and guesses about the surest.

Steinke, Nasr, Jagielski 2023, [Privacy Auditing with One (1) Training Run](https://arxiv.org/abs/2305.08846).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.privacy import RandomBytes
from shared.secure_sum import RoundConfiguration
from simulations.audits.bounds import CONFIDENCE, one_run_epsilon
from simulations.audits.sums import noised_sum, seeded_bytes

COHORT = 50  # members of a roster in the shipped federation, of which forty are surely honest and there
PLACES = 40


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of the same terms that each canary gives in its life.

    Attributes:
        configuration: of each of the rounds.
        count: rounds.
        present, absent: what the canary at a place of its cohort sends with and without what is guessed; as many rows
            in all answers of a life, at most `PLACES`. Who stands at no such place sends zeros.
    """

    configuration: RoundConfiguration
    count: int
    present: NDArray[np.float32]
    absent: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OneRun:
    """What came of it.

    Attributes:
        epsilon: 95 % lower bound, the better one of two.
        right: guesses that were right, where it comes from.
        guesses: of so many.
    """

    epsilon: float
    right: int
    guesses: int


def one_run(life: Sequence[Answers], canaries: int, delta: float, shares: int, seed: int, purpose: str) -> OneRun:
    """Toss the coins, make all sums, guess about the surest twentieth and about all but a twentieth, and bound epsilon.

    Few guesses are right more often, and many can show more: no bound exceeds log(guesses / 3). Both numbers are fixed
    beforehand, and each bound is at 97.5 %.

    Args:
        life: all answers that each canary gives.
        canaries: how many; the last cohort may be filled in part.
        delta: of the promise.
        shares: members of each cohort that add noise, of `PLACES`.
        seed: of the audit.
        purpose: sets this run apart from others of the same seed.
    """
    chance = seeded_bytes(seed, purpose)
    inside = np.unpackbits(np.frombuffer(chance(canaries), np.uint8))[:canaries].astype(bool)
    odds = _log_odds(life, inside, shares, chance)
    runs = []
    for guesses in (canaries // 20, canaries - canaries // 20):
        right = _right_guesses(odds, inside, guesses)
        runs.append(OneRun(one_run_epsilon(canaries, guesses, right, delta, (1 + CONFIDENCE) / 2), right, guesses))
    return max(runs, key=lambda run: run.epsilon)


def directions(places: int, width: int) -> NDArray[np.float32]:
    """A direction for the canary at each place; where there are too few, several share one."""
    return np.eye(width, dtype=np.float32)[np.arange(places) % width]


def _log_odds(
    life: Sequence[Answers], inside: NDArray[np.bool_], shares: int, random_bytes: RandomBytes
) -> NDArray[np.float64]:
    """What an observer of all sums thinks of each canary, as the log of the odds that it is in.

    Canaries stand in cohorts, each of which counts as many honest survivors as are sure, all of them canaries. The
    observer knows everything but the coins and the noise, and believes the noise to be what it should be.

    Args:
        life: all answers.
        inside: of each canary whether it is in.
        shares: members of each cohort that add noise.
        random_bytes: everybody's chance.
    """
    odds = np.zeros(len(inside))
    for answers in life:
        parameters = answers.configuration.for_cohort(COHORT)
        unit = parameters.scale / answers.configuration.clip_norm
        variance = parameters.variance * parameters.honest_survivors
        places = len(answers.present)
        for start in range(0, len(inside), places):
            coins = inside[start : start + places, None]
            present, absent = answers.present[: len(coins)], answers.absent[: len(coins)]
            sent = np.zeros((PLACES, answers.configuration.dimension), np.float32)
            sent[: len(coins)] = np.where(coins, present, absent)
            reach = (present - absent).astype(np.float64) * unit
            expected = (present + absent).sum(0, dtype=np.float64) / 2 * unit
            for _ in range(answers.count):
                read = noised_sum(sent, answers.configuration, parameters, shares, random_bytes)
                odds[start : start + places] += reach @ (read - expected) / variance
    return odds


def _right_guesses(odds: NDArray[np.float64], inside: NDArray[np.bool_], guesses: int) -> int:
    """How many of the surest guesses are right; their number is fixed beforehand."""
    surest = np.argsort(-np.abs(odds), kind="stable")[:guesses]
    return int(((odds[surest] > 0) == inside[surest]).sum())
