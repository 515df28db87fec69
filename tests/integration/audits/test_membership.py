"""The likelihood-ratio attack on releases, reduced: it tells who took part without privacy, and hardly with it."""

from simulations.audits.membership import run_membership
from tests.integration.audits.broken import without_noise

RUNS = 16


def test_members_are_told_from_a_release_without_privacy_and_not_beyond_the_bound_with_it() -> None:
    result = run_membership(0, RUNS)
    assert result.passes
    assert result.control_caught
    assert result.statistic <= result.bar < result.control


def test_the_audit_fails_where_devices_leave_the_noise_out() -> None:
    with without_noise():
        result = run_membership(0, RUNS)
    assert not result.passes
    assert result.interval is not None
    assert result.interval[0] > result.bar
