"""The traps of an active server, reduced: nothing is told by how devices answer, and little by what they add."""

import numpy as np

from simulations.audits.active_server import run_active_server
from tests.integration.audits.broken import with_failures_let_out, without_noise

PEOPLE = 40


def test_no_trap_tells_who_met_the_item_and_a_device_that_lets_failures_out_does() -> None:
    result = run_active_server(0, PEOPLE)
    assert result.passes
    assert result.control_caught
    assert result.statistic <= result.bar < result.control == 1.0
    assert "an advantage of 0 in telling who met the item" in result.sentence


def test_the_audit_fails_where_failures_get_out() -> None:
    with with_failures_let_out(), np.errstate(all="ignore"):
        result = run_active_server(0, 4)
    assert not result.passes
    assert result.bar == 0.0
    assert result.statistic == 1.0


def test_the_audit_fails_where_devices_leave_the_noise_out() -> None:
    with without_noise():
        result = run_active_server(0, 12)
    assert not result.passes
    assert result.statistic > 0.9
