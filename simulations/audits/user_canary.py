"""The noise of one sum against a canary: how far one person's vector moves what the server reads.

* Claim: one answer is rho-zCDP for a person, so that the sum moves by at most sqrt(2 rho) deviations of its noise.
* Adversary: reads sums, and takes off what colluding members added; the noise of the honest survivors that are sure is
  all that is left.
* Unit and neighbours: one person; their vector, or zeros.
* Method: sums by the devices' own clipping, rounding and noise. The canary is three clipping norms long and lies in a
  fixed direction; the measure is mu, the mean shift over the deviation. A round of a large rho gives a large mu, which
  few trials tell sharply; that the planned round of the shipped federation file has the deviation it should have is
  measured over all coordinates beside it.
* Bar: the 95 % upper bound of mu is within 2 % of sqrt(2 rho).
* Controls: noise of a tenth of the devices; no clipping; a scale of twice the units.
* Papers: Jagielski, Ullman, Oprea 2020, [Auditing Differentially Private Machine Learning](https://arxiv.org/abs/2006.07709);
  Dong, Roth, Su 2019, [Gaussian Differential Privacy](https://arxiv.org/abs/1905.02383) for mu.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.federation import read_federation
from shared.privacy import RandomBytes
from shared.round_parameters import derive_round_parameters
from shared.secure_sum import RHO_UNIT, RoundConfiguration, SumParameters
from simulations.audits.audit import AuditResult
from simulations.audits.bounds import Shift, shift_between
from simulations.audits.sums import noised_sum, seeded_bytes

_COHORT = 12  # of which ten are surely honest and there
_WIDTH = 64
_SHARP_RHO = 32.0
_PLANNED_WIDTH = 1000
_SLACK = 1.02


def audit_user_canary(seed: int, trials: int = 3000, control_trials: int = 300) -> AuditResult:
    """Run it, with so many sums with and so many without the canary."""
    planned = derive_round_parameters(read_federation(), "update", 1, _PLANNED_WIDTH, bytes(32), bytes(32))
    sharp = replace(planned.configuration, dimension=_WIDTH, rho_units=round(_SHARP_RHO / RHO_UNIT))
    parameters = sharp.for_cohort(_COHORT)
    chance = seeded_bytes(seed, "user-canary")
    honest = parameters.honest_survivors
    promised, bar = math.sqrt(2 * sharp.rho), _SLACK * math.sqrt(2 * sharp.rho)
    found = _measured(sharp, parameters, honest, trials, chance)
    deviation = _planned_ratio(planned.configuration, max(10, trials // 30), chance)
    controls = {
        "a tenth of the noise": _measured(sharp, parameters, honest // 10, control_trials, chance),
        "no clipping": _measured(
            replace(sharp, clip_norm=3 * sharp.clip_norm), _stretched(parameters, 3), honest, control_trials, chance
        ),
        "twice the scale": _measured(sharp, _stretched(parameters, 2), honest, control_trials, chance),
    }
    least = min(control.mu for control in controls.values())
    said = ", ".join(f"{control.mu:.2f} with {name}" for name, control in controls.items())
    return AuditResult(
        passes=found.above <= bar and deviation <= _SLACK,
        control_caught=all(control.low > bar for control in controls.values()),
        statistic=found.mu,
        bar=bar,
        interval=(found.low, found.high),
        control=least,
        sentence=f"A canary of three clipping norms moves the sum by {found.mu:.3f} deviations of its noise, where "
        f"{promised:.3f} are promised; in the planned round by {deviation:.3f} of what is promised. Controls: {said}.",
    )


def _measured(
    configuration: RoundConfiguration, parameters: SumParameters, shares: int, trials: int, chance: RandomBytes
) -> Shift:
    direction = np.random.default_rng(1).normal(size=configuration.dimension)
    direction /= np.linalg.norm(direction)
    without = np.zeros((parameters.honest_survivors, configuration.dimension), np.float32)
    canary = without.copy()
    canary[0] = 3 * read_federation().clipping.update_norm * direction

    def sums(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        drawn = [noised_sum(vectors, configuration, parameters, shares, chance) for _ in range(trials)]
        return np.array(drawn)

    return shift_between(sums(canary), sums(without), direction)


def _planned_ratio(configuration: RoundConfiguration, trials: int, chance: RandomBytes) -> float:
    """The longest vector over the measured deviation of a planned round, over what is promised of the two."""
    parameters = configuration.for_cohort(_COHORT)
    nobody = np.zeros((parameters.honest_survivors, configuration.dimension), np.float32)
    noise = [noised_sum(nobody, configuration, parameters, len(nobody), chance) for _ in range(trials)]
    longest = math.sqrt(parameters.squared_norm_bound)
    return longest / float(np.std(noise)) / math.sqrt(2 * configuration.rho)


def _stretched(parameters: SumParameters, times: int) -> SumParameters:
    """The same noise under more units for a clipping norm."""
    return replace(
        parameters,
        scale=times * parameters.scale,
        squared_norm_bound=times**2 * parameters.squared_norm_bound,
    )
