"""Can items be read off a sum, because the gradient of a linear layer lies in the span of what went into it?

* Claim: the sums a server reads tell nothing of the items of one person in them.
* Adversary: the server, which knows the model, the catalogue and whatever colluding members know.
* Unit: one person. Neighbours: that person's vector made zero.
* Method: the gradient of the dense view's matrix is a sum of outer products with the texts of the items that a person
  met, and that their windows were contrasted with. An item is suspected the more, the more of its text lies in the span
  of the gradient's rows.
* Bar: an area under the curve of .5 and three standard errors.
* Control: the sum of one device, without noise.
* Paper: Petrov et al. 2024, [DAGER: Exact Gradient Inversion for Large Language Models](https://arxiv.org/abs/2405.15586).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.audits.audit import AuditResult
from simulations.audits.one_device import Ground, ground_of
from simulations.audits.sum_attacks import SETTINGS, SUMS, ItemAttack, judge
from simulations.engine import one_thread

_DENSE = "dense.change.weight"
_NEGLIGIBLE = 1e-3  # singular values below this share of the largest are rounding
_CAUGHT_FROM = 0.9


def in_span(gradient: NDArray[np.float64], directions: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much of each direction lies in the span of a gradient's rows, between 0 and 1.

    Args:
        gradient: [outputs, D]. Of a gradient of full rank the upper half of its span is taken.
        directions: unit rows, [n, D].

    Returns:
        float64 [n]; zeros for a gradient of zeros.
    """
    _, sizes, axes = np.linalg.svd(gradient, full_matrices=False)
    rank = min(int((sizes > _NEGLIGIBLE * sizes[0]).sum()), len(axes) // 2)
    return np.square(directions @ axes[:rank].T).sum(1)


@one_thread()
def run_span_check(seed: int, attacks: int = 120, sums: Sequence[int] = SUMS) -> AuditResult:
    """Attack sums of devices in a round of the heads.

    Args:
        seed: of people and of all chance.
        attacks: victims of each size of a sum.
        sums: sizes of the sums.
    """
    return judge(_attack_on(ground_of(SETTINGS)), seed, attacks, _CAUGHT_FROM, sums)


def _attack_on(ground: Ground) -> ItemAttack:
    index = ground.release.index
    directions = index / np.linalg.norm(index, axis=1, keepdims=True)
    held = ground.model.layout.select(ground.federation.trained_groups)
    block = next(block for block in held.blocks if block.name == _DENSE)

    def suspect(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return in_span(total[block.slice].reshape(block.shape), directions)

    return ItemAttack("heads' gradients (span check)", ground, np.arange(len(index)), suspect)
