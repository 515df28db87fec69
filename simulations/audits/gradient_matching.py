"""Can items be read off a sum by comparing it with the gradient that each candidate would leave?

* Claim: the sums a server reads tell nothing of the items of one person in them.
* Adversary: the server, which knows the model, the catalogue and whatever colluding members know.
* Unit: one person. Neighbours: that person's vector made zero.
* Method: analytic gradient matching. For each candidate the server lets made-up devices of its own, which met the
  candidate again and again among random items, compute updates, and takes their mean; it then fits the sum by these
  means, with a ridge, and suspects the candidates with the largest coefficients. Once for the heads, and once for the
  encoder's adapter, of which B alone is trained and A is public.
* Bar: an area under the curve of .5 and three standard errors.
* Control: the sum of one device, without noise.
* Papers: Zhu, Liu, Han 2019, [Deep Leakage from Gradients](https://arxiv.org/abs/1906.08935); Geiping et al. 2020,
  [Inverting Gradients](https://arxiv.org/abs/2003.14053).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.audits.audit import AuditResult
from simulations.audits.one_device import Ground, Question, Respondent, ground_of
from simulations.audits.sum_attacks import COHORT, ITEMS, SETTINGS, SUMS, ItemAttack, judge, worst_of
from simulations.engine import one_thread

_CANDIDATES = 96
_RIDGE = 0.1  # of the mean squared length of the candidates' own updates
_CAUGHT_FROM = 0.75
_MADE_UP = 24  # devices of the server's own for each candidate, whose updates are averaged
_PARTS = {
    "heads' gradients (matching)": (),
    "adapter's gradients (matching)": ('training.groups=["adapters"]', "model.lora_rank=64"),
}


class GradientFit:
    """Fits a sum of updates by the updates that single candidates would leave."""

    def __init__(self, own: NDArray[np.float32]) -> None:
        """Prepare for candidates whose own updates are float32 [candidates, d]."""
        self._own = own - own.mean(0)
        gram = (self._own @ self._own.T).astype(np.float64)
        self._solve = np.linalg.inv(gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)))

    def __repr__(self) -> str:
        return f"GradientFit{self._own.shape}"

    def __call__(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficient of each candidate, float64 [candidates]."""
        return self._solve @ (self._own @ total)


@one_thread()
def run_gradient_matching(
    seed: int, attacks: int = 40, candidates: int = _CANDIDATES, sums: Sequence[int] = SUMS
) -> AuditResult:
    """Attack sums of devices that train the heads, and of devices that train the adapter.

    Args:
        seed: of candidates, people and all chance.
        attacks: victims of each size of a sum.
        candidates: items that people's are drawn from.
        sums: sizes of the sums.
    """
    results = {
        part: judge(
            _attack_on(ground_of((*SETTINGS, *settings)), part, seed, candidates), seed, attacks, _CAUGHT_FROM, sums
        )
        for part, settings in _PARTS.items()
    }
    return worst_of(results)


def _attack_on(ground: Ground, part: str, seed: int, count: int) -> ItemAttack:
    rng = np.random.default_rng([seed, len(part)])
    items = len(ground.release.catalogue)
    candidates = rng.permutation(items)[:count]
    openly = ground.without_privacy()  # the server computes as devices do, and adds no noise
    question = Question(openly, "update", 1, openly.federation.trained_groups)
    own = []
    for place, candidate in enumerate(candidates):
        updates = []
        for device in range(_MADE_UP):
            met = rng.integers(items, size=ITEMS)
            met[1::2] = candidate
            person = Respondent(openly.log_of(met), seed=seed, number=place * _MADE_UP + device)
            updates.append(question.values(person.words(question, COHORT), COHORT))
        own.append(np.mean(updates, axis=0).astype(np.float32))
    return ItemAttack(part, ground, candidates, GradientFit(np.stack(own)))
