"""The attacks on items in a sum, reduced: they read one device without noise, and nothing under it."""

from functools import partial

import pytest

from simulations.audits.gradient_matching import run_gradient_matching
from simulations.audits.span_check import run_span_check
from tests.integration.audits.broken import without_noise

RUNS = {
    "span check": partial(run_span_check, 0, attacks=6, sums=(1, 10)),
    "gradient matching": partial(run_gradient_matching, 0, attacks=4, candidates=32, sums=(1,)),
}


@pytest.mark.parametrize("attack", RUNS)
def test_items_are_read_off_one_device_without_noise_and_off_no_sum_with_it(attack: str) -> None:
    result = RUNS[attack]()
    assert result.passes
    assert result.control_caught
    assert result.statistic <= result.bar < result.control


@pytest.mark.parametrize("attack", RUNS)
def test_the_audit_fails_where_devices_leave_the_noise_out(attack: str) -> None:
    with without_noise():
        result = RUNS[attack]()
    assert not result.passes
    assert result.control_caught
