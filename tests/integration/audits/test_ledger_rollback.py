"""The audit of ledgers that are put back: no attack gives a further answer, and each does where nothing is compared."""

import pytest

from simulations.audits.ledger_rollback import _ATTACKS, attack, run_ledger_rollback


@pytest.mark.parametrize("name", _ATTACKS)
def test_an_attack_gives_nothing_and_would_without_the_comparison(name):
    assert attack(name, 1, guarded=True) <= 0
    assert attack(name, 1, guarded=False) >= 1


def test_its_result_is_the_same_each_time():
    result = run_ledger_rollback(5)
    assert result.passes
    assert result.control_caught
    assert result == run_ledger_rollback(6)
