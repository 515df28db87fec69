"""The one recipe: what follows from people, items, length of logs and the promise."""

import math

import pytest

from shared.federation import FederationFile, group_size, read_federation
from shared.recipe import Facts, participations, people_for_pairs, plan_groups, recipe
from shared.recipe.group_plan import LEAST_RATIO, noise_per_number
from shared.round_parameters import window_epsilon

WIDTH = 384
# People, items and events as small trials, films, and a shop have them.
FACTS = [Facts(50, 1000, 10), Facts(1_900, 416, 26), Facts(5_738, 3_900, 90), Facts(48_019, 16_859, 4)]


def resolved(facts: Facts, *settings: str) -> FederationFile:
    def read(overlays):
        return read_federation(settings=settings, overlays=overlays)

    return read(recipe(read, facts, WIDTH))


@pytest.mark.parametrize("facts", FACTS, ids=str)
@pytest.mark.parametrize("level", ["none", "event", "user", "both"])
def test_it_gives_a_federation_file_at_every_size_and_level(facts, level):
    file = resolved(facts, f"privacy.level={level}", *(["privacy.local_noise=on"] if level == "event" else []))
    assert file.trained_groups
    assert file.training.clients_per_round <= max(facts.people, 2)
    assert file.model.concepts <= facts.items


@pytest.mark.parametrize("facts", FACTS, ids=str)
@pytest.mark.parametrize("epsilon", [2.0, 8.0])
def test_windows_get_what_they_are_promised(facts, epsilon):
    file = resolved(facts, f"privacy.user_epsilon={epsilon}", f"privacy.event_epsilon={epsilon}")
    dimension = max(facts.items, sum(group_size(file, group, WIDTH) for group in file.trained_groups))
    promised = window_epsilon(file, dimension)
    assert promised <= min(epsilon, 0.75 * file.privacy.user_epsilon)
    moves = file.clipping.window_norm / file.expected_windows / file.clipping.update_norm
    assert moves >= 0.4  # shorter windows leave less to learn than noise covers


@pytest.mark.parametrize(("people", "rounds"), [(300, 8), (1_400, 8), (2_000, 40), (5_738, 40)])
def test_few_people_learn_few_numbers_in_few_rounds(people, rounds):
    for level in ("user", "both"):
        file = resolved(Facts(people, 416, 26), f"privacy.level={level}")
        assert file.training.rounds == rounds
        assert ("transitions" in file.trained_groups) == (rounds > 8)


@pytest.mark.parametrize("facts", FACTS, ids=str)
@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_under_a_promise_only_what_stands_out_of_its_noise_is_trained(facts, epsilon):
    file = resolved(facts, "privacy.level=user", f"privacy.user_epsilon={epsilon}")
    rows = {row.group: row for row in plan_groups(file, facts.people, WIDTH, facts.events)}
    assert {"forgetting", "scales"} <= set(file.trained_groups)
    for group in set(file.trained_groups) - {"forgetting", "scales"}:
        assert rows[group].signal >= LEAST_RATIO * rows[group].noise, group


def test_the_more_people_and_the_weaker_the_promise_the_more_numbers_are_trained():
    def numbers(people, epsilon):
        file = resolved(Facts(people, 4_000), "privacy.level=user", f"privacy.user_epsilon={epsilon}")
        return sum(group_size(file, group, WIDTH) for group in file.trained_groups)

    by_people = [numbers(people, 8.0) for people in (100, 1_000, 5_000, 50_000)]
    by_promise = [numbers(5_000, epsilon) for epsilon in (1.0, 2.0, 8.0)]
    assert by_people == sorted(set(by_people))
    assert by_promise == sorted(set(by_promise))


def test_everybody_is_asked_up_to_what_a_sum_carries():
    assert resolved(Facts(1_900, 416), "privacy.level=user").training.clients_per_round == 1_900
    assert resolved(Facts(48_019, 416), "privacy.level=user").training.clients_per_round == 4_096
    assert resolved(Facts(48_019, 416), "sum.maximum_cohort=1000").training.clients_per_round == 1_000


def test_without_a_promise_concepts_learn_too_and_nothing_is_left_off():
    file = resolved(Facts(285, 416), "privacy.level=none")
    assert "concepts" in file.trained_groups
    assert file.model.dense_trained == WIDTH


def test_counts_get_the_more_of_the_budget_the_rarer_items_are():
    shares = [
        resolved(Facts(5_000, items, 16), "privacy.level=user").privacy.shares["statistics"]
        for items in (500, 5_000, 50_000)
    ]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


@pytest.mark.parametrize(
    ("facts", "pairs_of"),
    [
        (Facts(48_019, 16_859, 4), 8),
        (Facts(5_000, 4_000, 16), 8),
        (Facts(5_000, 4_000, 17), 32),
        (Facts(800, 1_682, 60), 32),
        (Facts(799, 1_682, 60), 0),  # chance alone
        (Facts(5_000, 50_000, 20, shown_lists=True), 0),
    ],
    ids=str,
)
def test_pairs_are_counted_of_more_items_where_logs_are_long_and_not_among_few_people(facts, pairs_of):
    assert resolved(facts, "privacy.level=none").statistics.pairs_of == pairs_of
    alone = resolved(facts, "privacy.level=event", "privacy.local_noise=on")  # every pair under each device's own noise
    assert alone.statistics.pairs_of == 0


@pytest.mark.parametrize("level", ["user", "both"])
@pytest.mark.parametrize("facts", [Facts(400_000, 300, 10), Facts(450_000, 300, 10), Facts(10**6, 300)], ids=str)
def test_under_a_promise_pairs_are_counted_by_as_many_people_as_let_them_stand_out(facts, level):
    file = resolved(facts, f"privacy.level={level}")
    needed = people_for_pairs(file, facts.items, facts.events)
    assert needed is not None
    assert (file.statistics.pairs_of > 0) == (facts.people >= needed)


def test_counts_get_more_of_the_budget_where_pairs_are_counted_too():
    alone, both = (
        resolved(Facts(10_000, 5_000, 16), "privacy.level=user", f"statistics.pairs_of={pairs_of}")
        for pairs_of in (0, 8)
    )
    ratio = both.privacy.shares["statistics"] / alone.privacy.shares["statistics"]
    assert ratio == pytest.approx((16 + 28) / 16, rel=0.01)


def test_where_lists_are_known_the_adapter_learns_from_them_alone():
    file = resolved(Facts(5_000, 50_000, 20, shown_lists=True), "privacy.level=none")
    assert (file.windows.only_shown, file.windows.shown > 0) == (True, True)
    assert "adapters" in file.trained_groups
    assert "dense" not in file.trained_groups
    assert "adapters" not in resolved(Facts(5_000, 50_000, 20)).trained_groups


def test_only_the_power_of_two_of_a_logs_length_counts():
    assert resolved(Facts(5_000, 4_000, 20)).windows == resolved(Facts(5_000, 4_000, 31)).windows


def test_as_many_answers_are_planned_as_rounds_ask_of_a_device():
    file = read_federation(
        settings=["training.rounds=20", "training.clients_per_round=30", "evaluation.every_rounds=4",
                  "evaluation.clients=60"]
    )  # fmt: skip
    # 20 rounds ask 30 of 120 devices each; evaluations before them, after every fourth and the last ask 60 each
    assert participations(file, 120) == {"update": 5, "evaluation": 3}


def test_the_noise_is_that_of_the_closed_form():
    file = read_federation(
        settings=["privacy.level=user", "training.clients_per_round=1000", "round.minimum_answers=50",
                  "privacy.participations.update=3", "privacy.shares.statistics=0.3", "privacy.shares.evaluation=0.1"]
    )  # fmt: skip
    from shared.privacy import rho_for

    rho = 0.6 * rho_for(8.0, 1e-6) / 3
    # 100 of 1,000 may drop out and 100 collude: 800 are sure
    assert noise_per_number(file, 20_000) == pytest.approx(1 / math.sqrt(2 * rho * 800 * 1000), rel=1e-6)
    assert noise_per_number(read_federation(settings=["privacy.level=none"]), 20_000) == 0.0


def test_every_group_says_why_it_is_trained_or_not():
    file = resolved(Facts(1_900, 416), "privacy.level=user", 'training.groups=["scales", "concepts"]')
    rows = {row.group: row for row in plan_groups(file, 1_900, WIDTH)}
    assert rows["scales"].reason.startswith("stands out")
    assert rows["concepts"].reason.startswith("trained by choice, though noise hides it")
    assert rows["dense"].rounds == 0
    assert rows["adapters"].reason.startswith("left off: it pays where")
    assert sum(row.share for row in rows.values()) == pytest.approx(1.0)
    openly = plan_groups(resolved(Facts(1_900, 416), "privacy.level=none"), 1_900, WIDTH)
    assert {row.noise for row in openly} == {0.0}


def test_the_file_says_why_each_group_is_trained_or_not():
    file = resolved(Facts(1_900, 416), "privacy.level=user")
    assert file.training.reasons["scales"].startswith("stands out")
    assert file.training.reasons["concepts"].startswith("left off")


def test_few_people_count_what_is_popular_by_a_tenth_of_their_budget():
    file = resolved(Facts(300, 416, 26), "privacy.level=user")
    assert file.model.popularity
    assert file.privacy.shares["statistics"] == 0.1
