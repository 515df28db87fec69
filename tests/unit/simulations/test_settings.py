"""The federation file of a run: the default, the data's format, the recipe, and above all what the caller says."""

import pytest

from shared.federation import read_federation
from shared.recipe import Facts
from shared.round_parameters import window_epsilon
from simulations.settings import data_format, resolve

FACTS = Facts(1_900, 416, 26)


@pytest.mark.parametrize(
    ("settings", "rounds", "expected"),
    [
        ((), None, 40),
        ((), 3, 3),
        (("training.rounds=10",), None, 10),
        (("training.rounds=10",), 5, 5),
    ],
)
def test_what_the_caller_says_of_rounds_goes_before_the_recipe(settings, rounds, expected):
    assert resolve("demo", FACTS, None, settings, rounds, None, "user", "secure").training.rounds == expected


def test_no_data_set_has_numbers_of_its_own():
    files = {kind: resolve(kind, FACTS, None, [], None, None, "user", "secure") for kind in ("demo", "movielens:x")}
    assert files["demo"] == files["movielens:x"]
    assert data_format("pictures") == [{"model": {"features": {"image": 28}}}]
    assert data_format("demo-zh") == [{"backbone": {"name": "multilingual-e5-small"}}]


def test_a_file_of_the_callers_own_is_taken_without_the_recipe(tmp_path):
    path = tmp_path / "federation.toml"
    path.write_text("[training]\nrounds = 20\nclients_per_round = 30\n", encoding="utf-8")
    settings = ["evaluation.every_rounds=4", "evaluation.clients=60"]
    file = resolve("demo", Facts(120, 416), path, settings, None, None, "user", "secure")
    assert file.windows == read_federation().windows
    # 20 rounds ask 30 of 120 devices each; six evaluations ask 60 each
    assert (file.privacy.participations["update"], file.privacy.participations["evaluation"]) == (5, 3)


def test_fewer_devices_a_round_answer_less_often():
    all_of_them = resolve("demo", FACTS, None, [], None, None, "user", "secure")
    some = resolve("demo", FACTS, None, [], None, 950, "user", "secure")
    assert (all_of_them.training.clients_per_round, all_of_them.privacy.participations["update"]) == (1_900, 40)
    assert (some.training.clients_per_round, some.privacy.participations["update"]) == (950, some.training.rounds // 2)


def test_event_level_privacy_alone_has_noise_of_each_devices_own():
    assert resolve("demo", FACTS, None, [], None, None, "event", "ideal").privacy.local_noise == "on"


def test_the_default_promises_both_levels() -> None:
    settings = resolve("demo", FACTS, None, [], None, None, "both", "checked")
    assert settings.sum.mode == "secure"
    assert settings.privacy.user_epsilon == 8.0
    assert 0 < window_epsilon(settings, 8_000) <= 8.0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("privacy", "aggregation", "settings", "pairs_of"),
    [
        ("none", "plain", (), 32),
        ("none", "ideal", (), 32),
        ("none", "checked", (), 0),  # each of a cohort's devices would hold its whole summand
        ("none", "secure", ("statistics.pairs_of=5",), 5),
        ("user", "ideal", (), 0),  # noise would cover them
        ("both", "ideal", ("statistics.pairs_of=5",), 5),
    ],
)
def test_pairs_are_counted_where_nothing_covers_them_or_the_caller_says_so(privacy, aggregation, settings, pairs_of):
    resolved = resolve("events:x", FACTS, None, settings, None, None, privacy, aggregation)
    assert resolved.statistics.pairs_of == pairs_of
