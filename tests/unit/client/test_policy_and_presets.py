"""The policy that devices are shipped with accepts every federation that is shipped, at every level they may join."""

from pathlib import Path

import pytest

import client
from client.policy import Policy
from server.home.create import federation_text
from shared.charges import epsilon_alone
from shared.errors import Refused
from shared.federation import read_federation
from shared.round_parameters import window_epsilon
from simulations.settings import resolve

POLICY = Policy.load(Path(client.__file__).parent / "policy.toml")
# Kind of data, events, devices: as many as the data sets of the results have.
SHIPPED = [
    ("demo", 5_000, 285),
    ("pictures", 5_000, 285),
    ("movielens:x", 100_000, 896),
    ("movielens:x", 1_000_000, 5_738),
    ("amazon:x", 350_000, 48_019),
    ("mind:x", 100_000, 4_000),
]
LONGEST = 60_000  # numbers in a summand: more than any of these trains at a time
COHORTS = ["round.minimum_answers=50"]  # what `hushrec-server init` writes


@pytest.mark.parametrize("level", ["user", "both"])
@pytest.mark.parametrize(("kind", "events", "devices"), SHIPPED)
def test_a_shipped_preset_is_accepted_and_keeps_what_windows_are_promised(kind, events, devices, level):
    file = resolve(kind, events, devices, None, COHORTS, None, None, level, "secure")
    POLICY.check_federation(file)
    planned = window_epsilon(file, LONGEST)
    assert (planned is None) == (level == "user")
    assert planned is None or planned <= file.privacy.event_epsilon


def test_what_a_server_starts_with_is_accepted(tmp_path):
    path = tmp_path / "federation.toml"
    path.write_text(federation_text())
    file = read_federation(path)
    POLICY.check_federation(file)
    assert window_epsilon(file, LONGEST) <= file.privacy.event_epsilon
    assert file.cohort_of("update") >= file.round.minimum_answers


def test_a_policy_that_trusts_nobody_asks_for_small_sums():
    file = read_federation(settings=COHORTS)
    strict = POLICY.model_copy(update={"largest_epsilon_alone": 200.0})
    with pytest.raises(Refused, match="largest_epsilon_alone: allows 200"):
        strict.check_federation(file)
    small = read_federation(settings=[*COHORTS, "sum.maximum_cohort=100", "evaluation.clients=100"])
    assert epsilon_alone(small) < 200.0
    strict.check_federation(small)
