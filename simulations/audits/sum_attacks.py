"""Attacks that read a victim's items off a sum, carried out on sums of 1, 10 and 50 devices and judged.

Victims' items are drawn uniformly from the candidates, so an attack that learns nothing has an AUC of exactly 1/2 in
the mean, and its standard error is known. Of a cohort of 50 as many members may collude as the federation file says;
what they add is taken off, so the sum of "50" holds the 45 honest ones, and every sum the noise of 45.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulations.audits.attack_statistics import guessing_deviation, ranking_auc
from simulations.audits.audit import AuditResult
from simulations.audits.one_device import BINDING, Ground, Question, Respondent, chance_of, sum_of

COHORT = 50
SUMS = (1, 10, 50)
ITEMS = 16  # of each person, all different: two windows
_VICTIMS = 10  # at most, of one sum

# Few long windows, all drawn, and an update as long as clipping lets it be: what is best for who attacks.
SETTINGS = (
    *BINDING,
    "model.concepts=16",
    "privacy.level=user",
    "windows.events=8",
    "windows.per_device=2",
    "windows.sampling_probability=1.0",
    "windows.negatives=32",
    'training.groups=["dense", "concepts", "transitions", "forgetting", "bias", "scales"]',
    "training.rounds=2",
    f"round.minimum_answers={COHORT}",
)

# Suspicion of each candidate, from the sum in the unit of updates.
Suspect = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class ItemAttack:
    """An attack on the items of people in sums of one round.

    Attributes:
        part: of the model, in words.
        candidates: int64, catalogue rows that people's items are drawn from.
        suspect: the attack itself.
    """

    part: str
    ground: Ground
    candidates: NDArray[np.int64]
    suspect: Suspect

    def question(self, ground: Ground) -> Question:
        """What the devices are asked."""
        return Question(ground, "update", 1, ground.federation.trained_groups)

    def auc(self, ground: Ground, devices: int, attacks: int, seed: int) -> float:
        """Mean over attacks on victims in sums of so many devices.

        Args:
            ground: the federation, with or without noise.
            devices: in a sum.
            attacks: on how many victims.
            seed: of people and of all chance.
        """
        question, found = self.question(ground), list[float]()
        honest = min(devices, question.cohort(COHORT).honest_survivors)
        for number in range(-(-attacks // min(honest, _VICTIMS))):
            chance = partial(chance_of, seed, self.part, devices, number)
            rng = np.random.default_rng(int.from_bytes(chance("items")(8), "little"))
            places = [rng.permutation(len(self.candidates))[:ITEMS] for _ in range(honest)]
            people = [
                Respondent(
                    ground.log_of(self.candidates[own]), seed=int.from_bytes(chance(person)(6), "little"), number=person
                )
                for person, own in enumerate(places)
            ]
            total = sum_of(question, people, COHORT, chance("noise"))
            suspicion = self.suspect(question.values(total, COHORT))
            found += [ranking_auc(suspicion, own) for own in places[:_VICTIMS]]
        return float(np.mean(found[:attacks]))


def judge(attack: ItemAttack, seed: int, attacks: int, caught_from: float, sums: Sequence[int] = SUMS) -> AuditResult:
    """Carry an attack out on sums with noise, and on one device without.

    Args:
        attack: what is tried.
        seed: of people and of all chance.
        attacks: victims of each size of a sum.
        caught_from: AUC from which the control counts as read.
        sums: sizes of the sums.
    """
    noised = {devices: attack.auc(attack.ground, devices, attacks, seed) for devices in sums}
    openly = attack.ground.without_privacy()
    control = attack.auc(openly, 1, attacks, seed)
    deviation = guessing_deviation(ITEMS, len(attack.candidates) - ITEMS, attacks)
    bar, worst = 0.5 + 3 * deviation, max(noised.values())
    return AuditResult(
        passes=worst <= bar,
        control_caught=control >= max(caught_from, bar),
        statistic=worst,
        bar=bar,
        interval=(worst - 1.96 * deviation, worst + 1.96 * deviation),
        control=control,
        sentence=_sentence(attack.part, noised, bar, control, attacks),
    )


def _sentence(part: str, noised: Mapping[int, float], bar: float, control: float, attacks: int) -> str:
    sums = ", ".join(f"{value:.3f} in sums of {devices}" for devices, value in noised.items())
    return (
        f"A victim's items are told from others by the {part} with an AUC of {sums} under noise (guessing gives .5, "
        f"the bar is {bar:.3f} at {attacks} victims each), and of {control:.3f} from one device without noise."
    )


def worst_of(results: Mapping[str, AuditResult]) -> AuditResult:
    """Several attacks on one promise as one result: the figures are those of the attack that got furthest."""
    worst = max(results.values(), key=lambda result: result.statistic - result.bar)
    return AuditResult(
        passes=all(result.passes for result in results.values()),
        control_caught=all(result.control_caught for result in results.values()),
        statistic=worst.statistic,
        bar=worst.bar,
        interval=worst.interval,
        control=min(result.control for result in results.values()),
        sentence=" ".join(result.sentence for result in results.values()),
    )
