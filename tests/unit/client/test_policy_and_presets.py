"""The policy that devices are shipped with accepts every federation that is shipped, at every level they may join."""

from pathlib import Path

import pytest

import client
from client.policy import Policy
from server.home.create import federation_text
from shared.charges import epsilon_alone
from shared.errors import Refused
from shared.federation import group_size, read_federation
from shared.recipe import Facts
from shared.round_parameters import window_epsilon
from simulations.settings import resolve

POLICY = Policy.load(Path(client.__file__).parent / "policy.toml")
# As many people, items and events as the data sets of the results have.
SHIPPED = [
    Facts(285, 416, 26),
    Facts(1_900, 416, 26),
    Facts(896, 1_682, 60),
    Facts(5_738, 3_900, 90),
    Facts(48_019, 16_859, 4),
    Facts(4_000, 51_282, 20, shown_lists=True),
]
LONGEST = 60_000  # numbers in a summand: more than any of these trains at a time
COHORTS = ["round.minimum_answers=50"]  # what `hushrec-server init` writes


@pytest.mark.parametrize("level", ["user", "both"])
@pytest.mark.parametrize("facts", SHIPPED, ids=str)
def test_what_the_recipe_gives_is_accepted_and_keeps_what_windows_are_promised(facts, level):
    file = resolve("events", facts, None, COHORTS, None, None, level, "secure")
    POLICY.check_federation(file)
    longest = max(facts.items, sum(group_size(file, group, 384) for group in file.trained_groups))
    planned = window_epsilon(file, longest)
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
