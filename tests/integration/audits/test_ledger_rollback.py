"""The audit of ledgers that are put back: no attack gives a further answer, and each does where nothing is compared."""

import pytest

from simulations.audits.ledger_rollback import _ATTACKS, LEDGER_ROLLBACK, attack


@pytest.mark.parametrize("name", _ATTACKS)
def test_an_attack_gives_nothing_and_would_without_the_comparison(name):
    assert attack(name, 1, guarded=True) <= 0
    assert attack(name, 1, guarded=False) >= 1


def test_the_suite_finds_the_audit_by_its_name_and_its_result_is_the_same_each_time():
    result = LEDGER_ROLLBACK.run(5)
    assert LEDGER_ROLLBACK.name == "ledger-rollback"
    assert result.passes
    assert result.control_caught
    assert result == LEDGER_ROLLBACK.run(6)
