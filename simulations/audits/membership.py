"""Can a reader of a release tell whether a certain person's data went into its training?

* Claim: who took part with data cannot be told from released parameters better than the user-level epsilon allows.
* Adversary: a reader of releases who has the person's whole log, and knows all but whether it was trained on.
* Unit: one person. Neighbours: that person's vectors made zero; that their device took part is public.
* Method: the online likelihood-ratio attack (LiRA). Many trainings over the same people, each of whom has data by a
  coin or an empty log; the loss of a person's log under the released parameters is held against its distribution over
  the other trainings with that person's data and without.
* Bar: true positives at 1 % false ones are at most e^eps / 100 + delta.
* Control: trainings of five people without privacy.
* Paper: Carlini et al. 2022, [Membership Inference Attacks From First Principles](https://arxiv.org/abs/2112.03570).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from client.training import cut_windows
from shared.model import Vector
from simulations.audits.attack_statistics import allowed_detection, detection_at, rate_interval
from simulations.audits.audit import AuditResult
from simulations.audits.bare_training import train_bare
from simulations.audits.one_device import BINDING, Ground, Respondent, ground_of
from simulations.engine import one_thread

EPSILON, FALSE_POSITIVES = 1.0, 0.01  # so small that the bound means something
PEOPLE, FEW = 20, 5  # of the promise's trainings, of the control's
_EVENTS = 16
_ROUNDS = 3
_SETTINGS = (
    *BINDING,
    "model.concepts=8",
    "model.dense_trained=16",
    "model.popularity=false",
    "privacy.level=user",
    f"privacy.user_epsilon={EPSILON}",
    f"privacy.participations.update={_ROUNDS}",
    "privacy.shares={statistics=0.0, evaluation=0.0}",
    "windows.events=8",
    "windows.per_device=2",
    "windows.sampling_probability=1.0",
    "windows.negatives=16",
    'training.groups=["dense", "concepts", "bias"]',
    f"training.rounds={_ROUNDS}",
    f"round.minimum_answers={PEOPLE}",
    "optimizer.learning_rate=0.05",
    "optimizer.final_rate=1.0",
)
_DETECTED_FROM = 0.2  # the control's rate of true positives


@dataclass(frozen=True)
class Trainings:
    """What many trainings over the same people came to.

    Attributes:
        taken: bool [runs, people], whose data each was over.
        losses: float64 [runs, people], of each person's log under each run's parameters.
    """

    taken: NDArray[np.bool_]
    losses: NDArray[np.float64]


def likelihood_ratios(trainings: Trainings) -> NDArray[np.float64]:
    """LiRA's score of every person in every run, float64 [runs, people]; each run is judged by all the others."""
    taken, losses = trainings.taken, trainings.losses
    scores = np.zeros(losses.shape)
    for run in range(len(losses)):
        others = np.arange(len(losses)) != run
        for person in range(losses.shape[1]):
            densities = []
            for had in (True, False):
                known = losses[others & (taken[:, person] == had), person]
                densities.append(norm.logpdf(losses[run, person], known.mean(), max(known.std(), 1e-9)))
            scores[run, person] = densities[0] - densities[1]
    return scores


@one_thread()
def run_membership(seed: int, runs: int = 64) -> AuditResult:
    """Attack trainings of 20 people under a small epsilon, and of 5 people without privacy.

    Args:
        seed: of people, coins and all chance.
        runs: trainings of either kind.
    """
    ground = ground_of(_SETTINGS)
    openly = ground.without_privacy(f"round.minimum_answers={FEW}")
    found, missed, rate, interval = _attacked(trainings_of(ground, PEOPLE, runs, seed))
    _, _, control, _ = _attacked(trainings_of(openly, FEW, runs, seed))
    allowed = allowed_detection(EPSILON, ground.federation.privacy.user_delta, FALSE_POSITIVES)
    return AuditResult(
        passes=rate <= allowed,
        control_caught=control >= _DETECTED_FROM,
        statistic=rate,
        bar=allowed,
        interval=interval,
        control=control,
        sentence=(
            f"In {runs} trainings of {PEOPLE} people at epsilon {EPSILON:g}, {found} of {found + missed} who were in "
            f"are told by the release at {FALSE_POSITIVES:.0%} false positives: {rate:.3f} ({interval[0]:.3f} to "
            f"{interval[1]:.3f}) where {allowed:.3f} is allowed. Of {FEW} people without privacy {control:.3f} are."
        ),
    )


def trainings_of(ground: Ground, people: int, runs: int, seed: int) -> Trainings:
    """So many trainings, over the data of a random half of people each; nobody is in all or in none of them."""
    rng = np.random.default_rng([seed, people])
    items = len(ground.release.catalogue)
    logs = [rng.permutation(items)[:_EVENTS] for _ in range(people)]
    taken = np.argsort(rng.random((runs, people)), 0) % 2 == 0
    losses = []
    for run, having in enumerate(taken):
        devices = [
            Respondent(ground.log_of(log) if has else (), seed=seed * 1000 + run, number=number)
            for number, (log, has) in enumerate(zip(logs, having, strict=True))
        ]
        losses.append(_losses(ground, train_bare(ground, devices), logs))
    return Trainings(taken, np.array(losses))


def _losses(ground: Ground, vector: Vector, logs: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Mean loss of each person's windows under these parameters, with the same contrasts each time."""
    length, found = ground.federation.windows.events, []
    with ground.model.at(vector):
        for person, log in enumerate(logs):
            windows = cut_windows(ground.log_of(log), length)
            coins = np.random.default_rng(person)
            losses = ground.training.losses(ground.release, windows, ground.federation.trained_groups, coins)
            found.append(float(losses.detach().mean()))
    return np.array(found)


def _attacked(trainings: Trainings) -> tuple[int, int, float, tuple[float, float]]:
    """True positives at the rate of false ones, those missed, their rate, and its interval."""
    scores = likelihood_ratios(trainings)
    having = scores[trainings.taken]
    found, _ = detection_at(scores[~trainings.taken], having, FALSE_POSITIVES)
    return found, len(having) - found, found / len(having), rate_interval(found, len(having))
