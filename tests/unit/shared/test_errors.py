"""The exit statuses that other tools rely on."""

import pytest

from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused


@pytest.mark.parametrize(("error", "status"), [(Misconfigured, 2), (Corrupt, 2), (Refused, 3), (NotYet, 4)])
def test_each_no_has_its_own_exit_status(error, status):
    assert error.exit_status == status
    assert issubclass(error, HushrecError)


def test_a_fault_of_ours_would_exit_with_one():
    assert HushrecError.exit_status == 1
