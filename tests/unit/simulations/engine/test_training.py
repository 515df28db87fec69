"""The watch that a simulation keeps over its own training."""

from types import SimpleNamespace

import numpy as np
import pytest

from shared.model import Layout
from simulations.engine.training import check_moved

LAYOUT = Layout.of([("dense.weight", "dense", (2,)), ("scales.levels", "scales", (2,)), ("bias.weight", "bias", (1,))])
START = np.zeros(5, np.float32)


def trained(moved, *reports):
    return SimpleNamespace(vector=START + np.asarray(moved, np.float32), reports=reports)


def report(*groups, skipped=False):
    return SimpleNamespace(task="update", groups=groups, skipped=skipped)


def test_a_group_that_took_no_gradient_in_any_round_is_a_fault_that_is_told():
    with pytest.raises(RuntimeError, match="group dense took no gradient in any of 2 rounds"):
        check_moved(LAYOUT, START, trained([0, 0, 1, 1, 1], report("dense", "bias"), report("dense", "bias")))


@pytest.mark.parametrize(
    "reports",
    [
        (report("bias"),),  # dense was not trained
        (report("dense", "bias", skipped=True), report("bias")),  # nor here
        (report("scales", "bias"),),  # three numbers may stay where they are
    ],
)
def test_what_was_not_trained_may_stay_as_it_was(reports):
    check_moved(LAYOUT, START, trained([0, 0, 0, 0, 1], *reports))
