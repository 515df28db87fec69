"""One person among the server's own devices: what is left of the promise where the registry is not honest.

* Claim: none of the plain epsilon, which counts on h_min honest members; what a person keeps is the noise of their own.
  Its rho is h_min times that of the promise, since one share of noise is left of h_min.
* Adversary: the server with all other members of the cohort, which hold shares of the person's secrets.
* Unit and neighbours: one person; their vectors, or zeros in their places.
* Method: a private sum of fifty with the messages of real roles. The server rebuilds the person's own mask from the
  shares of its devices, takes it and the pair masks off the person's masked vector, and measures the deviation of what
  is left around the vector. From it follow mu, rho and the epsilon of all updates of a life.
* Bar: within 2 % of the epsilon that one's own noise amounts to by the accountant ("epsilon alone").
* Control: the plain epsilon, which such a server breaks.
* Paper: Douceur 2002, [The Sybil Attack](https://www.microsoft.com/en-us/research/publication/the-sybil-attack/).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from shared.federation import read_federation
from shared.privacy import SummedGaussian, composed_epsilon
from shared.round_parameters import derive_round_parameters
from shared.secure_sum import ShareKind, add_mask, recover, self_key
from simulations.audits.audit import AuditResult
from simulations.audits.bounds import CONFIDENCE
from simulations.audits.cohort import PlayedCohort
from simulations.audits.sums import seeded_bytes

_COHORT = 50
_VICTIM = 17
_SLACK = 1.02


def audit_sybil(seed: int, width: int = 100_000) -> AuditResult:
    """Run it, on vectors of so many coordinates."""
    federation = read_federation()
    terms = derive_round_parameters(federation, "update", 1, width, bytes(32), bytes(32))
    configuration, answers = terms.configuration, federation.privacy.most_answers("update")
    vectors = np.zeros((_COHORT, width), np.float32)
    vectors[_VICTIM] = configuration.clip_norm / math.sqrt(width)
    others = frozenset(range(_COHORT)) - {_VICTIM}
    cohort = PlayedCohort(configuration, vectors, others, seeded_bytes(seed, "sybil"))
    everybody = frozenset(range(_COHORT))
    cohort.mask(everybody)
    cohort.agree({_VICTIM: everybody})
    parameters = cohort.parameters
    known = vectors[_VICTIM].astype(np.float64) * (parameters.scale / configuration.clip_norm)
    noise = _unmasked(cohort) - known

    def epsilon(variance: float) -> float:
        rho = parameters.squared_norm_bound / (2 * variance)
        return composed_epsilon({SummedGaussian("update", rho): answers}, federation.privacy.user_delta)

    alone = composed_epsilon(
        {SummedGaussian("update", configuration.rho * parameters.honest_survivors): answers},
        federation.privacy.user_delta,
    )
    squares, tail = float(np.square(noise).sum()), (1 - CONFIDENCE) / 2
    low, high = (epsilon(squares / float(stats.chi2.ppf(at, width))) for at in (tail, 1 - tail))
    found, plain = epsilon(squares / width), federation.privacy.user_epsilon
    return AuditResult(
        passes=high <= _SLACK * alone,
        control_caught=low > plain,
        statistic=found,
        bar=_SLACK * alone,
        interval=(low, high),
        control=found,
        sentence=f"Among {_COHORT - 1} devices of the server's own, the {answers} updates of a life are worth epsilon "
        f"{found:.1f} by the noise measured around a person's vector; by the accountant their own noise alone comes to "
        f"{alone:.1f}, and the plain promise of {plain:g} does not hold there.",
    )


def _unmasked(cohort: PlayedCohort) -> NDArray[np.float64]:
    """The victim's noised vector in units, from its masked one and what all others hold."""
    words = cohort.words[_VICTIM].copy()
    own = recover(cohort.shares[ShareKind.SELF][_VICTIM], cohort.parameters.threshold)
    add_mask(words, self_key(own, cohort.session, cohort.device(_VICTIM)), -1)
    for place, kept in cohort.shared.items():
        number = cohort.ring.neighbours(place).index(_VICTIM)
        add_mask(words, kept.pair_keys[32 * number : 32 * number + 32], -1 if place > _VICTIM else 1)
    return words.astype(np.int32).astype(np.float64)
