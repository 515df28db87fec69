"""The federation file: strict, and the same bytes for the same meaning."""

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.federation import GROUPS, default_federation_text, read_federation, write_toml
from shared.federation.encoders import PACKAGED_ENCODERS

DEFAULT = read_federation()


def written(tmp_path, text):
    path = tmp_path / "federation.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_validates_and_promises_what_the_design_says():
    assert (DEFAULT.model.lora_rank, DEFAULT.adapter_rank) == (16, 16)
    assert DEFAULT.windows.events == 32
    assert DEFAULT.privacy.event_epsilon == 8.0
    assert DEFAULT.training.groups == (
        "transitions",
        "forgetting",
        "evolution",
        "context",
        "scales",
        "adapters",
    )  # LoRA is on
    assert DEFAULT.privacy.level == "both"
    assert (DEFAULT.privacy.user_epsilon, DEFAULT.privacy.user_delta) == (8.0, 1e-6)
    assert DEFAULT.sum.mode == "secure"


def test_every_section_of_the_default_is_complete():
    # Nothing is left to a value hidden in the code: the shipped text alone gives every key.
    shipped = tomllib.loads(default_federation_text())
    assert shipped.keys() == DEFAULT.model_dump().keys()
    for section, values in DEFAULT.model_dump().items():
        if isinstance(values, dict):
            assert shipped[section].keys() == values.keys(), section


def test_every_key_of_the_default_has_a_comment_beside_or_above_it():
    commented = False
    for line in default_federation_text().splitlines():
        if re.match(r"\w+ = ", line):
            assert "#" in line or commented, line
        else:
            commented = "#" in line


@pytest.mark.parametrize(
    ("setting", "key", "expected"),
    [
        (
            "round.deadline_seconds=5s",
            "round.deadline_seconds",
            "a number (the unit stands in the key's name), got '5s'",
        ),
        ("training.rounds=2.5", "training.rounds", "expected"),
        ("training.rounds=true", "training.rounds", "a whole number, got True"),
        ("training.rounds='2'", "training.rounds", "a whole number, got '2'"),
        ("training.round=5", "training.round", "a known key, got another; did you mean"),
        ("trainings.rounds=5", "trainings", "a known key"),
        ("model.lora_rank=0", "model.lora_rank", "got 0"),
        ("model.popularity=1", "model.popularity", "true or false, got 1"),
        ("model.views=['dense', 'dense']", "model", "views: expected each view once"),
        ("model.views=[]", "model.views", "expected"),
        ("model.concept_top=65", "model", "concept_top: expected at most concepts = 64, got 65"),
        ("model.lora_rank=65", "model.lora_rank", "got 65"),
        ("training.adapter_rounds=5", "training.adapter_rounds", "a known key, got another; did you mean"),
        ("training.local_steps=2", "file", "training.local_steps: expected 1 with privacy.level = 'both'"),
        ("windows.minimum_events=257", "file", "windows.minimum_events: expected at most"),
        ("round.minimum_answers=101", "file", "round.minimum_answers: expected at most training.clients_per_round"),
        ("windows.sampling_probability=0.0", "windows.sampling_probability", "got 0.0"),
        ("clipping.window_norm=inf", "clipping.window_norm", "got inf"),
        ("clipping.window_norm=nan", "clipping.window_norm", "got nan"),
        ("privacy.event_delta=1.0", "privacy.event_delta", "got 1.0"),
        ("privacy.level=all", "privacy.level", "got 'all'"),
        ("privacy.level=event", "privacy", "local_noise: expected 'on' with level = 'event'"),
        ("privacy.local_noise=true", "privacy.local_noise", "got True"),
        ("privacy.local_noise=some", "privacy.local_noise", "got 'some'"),
        ("privacy.local_epsilon=0.0", "privacy.local_epsilon", "got 0.0"),
        ("privacy.event_noise_multiplier=1.0", "privacy.event_noise_multiplier", "got another; its keys here are"),
        ("privacy.shares.evaluation=0.96", "privacy", "expected less than 1"),
        ("sum.mode=plain", "file", "sum.mode: expected secure (or ideal, in simulations)"),
        ("clipping.adaptive_quantile=0.5", "file", "clipping.adaptive_quantile: expected 0 with event-level privacy"),
        ("privacy.period_days=-1", "privacy.period_days", "got -1"),
        ("sum.maximum_cohort=5000", "sum.maximum_cohort", "got 5000"),
        ("sum.corrupt_share=0.0", "sum.corrupt_share", "got 0.0"),
        ("optimizer.group_rates={dence=1.0}", "optimizer.group_rates.dence", "expected"),
        ("backbone.model_sha256=abc", "backbone.model_sha256", "got 'abc'"),
        ("model=5", "model", "got 5"),
    ],
)
def test_a_wrong_setting_is_refused_and_its_key_named(setting, key, expected):
    with pytest.raises(Misconfigured) as error:
        read_federation(settings=[setting])
    assert f"{key}: " in str(error.value)
    assert expected in str(error.value)


def test_a_period_may_promise_no_more_than_a_life_and_its_answers_are_its_own():
    period = ["privacy.period_days=365", "privacy.period_user_epsilon=2.0", "privacy.period_event_epsilon=1.0"]
    for level in ("user", "event"):
        with pytest.raises(
            Misconfigured, match=f"period_{level}_epsilon: expected at most {level}_epsilon = 8, as a p"
        ):
            read_federation(settings=[*period, f"privacy.period_{level}_epsilon=8.5"])
    privacy = read_federation(settings=period).privacy
    assert (privacy.spread_epsilon, privacy.spread_event_epsilon) == (2.0, 1.0)
    assert (privacy.span, privacy.most_answers("update")) == ("any 365 days in a row", 25)
    without = read_federation(settings=["privacy.period_user_epsilon=99.0"]).privacy
    assert (without.spread_epsilon, without.spread_event_epsilon) == (8.0, 8.0)
    assert without.span == "a device's whole life"


def test_every_wrong_key_is_named_at_once():
    with pytest.raises(Misconfigured) as error:
        read_federation(settings=["model.lora_rank=0", "training.rounds=0"])
    assert "model.lora_rank" in str(error.value)
    assert "training.rounds" in str(error.value)


def test_several_local_steps_are_possible_without_event_level_privacy():
    assert read_federation(settings=["training.local_steps=2", "privacy.level=none"]).training.local_steps == 2


@pytest.mark.parametrize("setting", ["training.rounds", "=5", "training.=5", ".rounds=5"])
def test_a_setting_without_key_or_value_is_refused_with_an_example(setting):
    with pytest.raises(Misconfigured, match=r"section\.key=value"):
        read_federation(settings=[setting])


def test_settings_take_toml_values_and_bare_words():
    file = read_federation(
        settings=[
            "name=a = b",
            "training.groups=['bias', 'dense']",
            "optimizer.name=fedavg",
            "optimizer.learning_rate=1",
            "optimizer.group_rates.adapters=0.5",
        ]
    )
    assert file.name == "a = b"
    assert file.training.groups == ("bias", "dense")
    assert file.optimizer.name == "fedavg"
    assert file.optimizer.learning_rate == 1.0
    assert file.optimizer.group_rates == {**DEFAULT.optimizer.group_rates, "adapters": 0.5}


def test_each_source_overrides_the_one_before_key_by_key(tmp_path):
    path = written(tmp_path, "[training]\nrounds = 20\nclients_per_round = 30\n")
    file = read_federation(
        path, ["training.clients_per_round=40"], [{"training": {"rounds": 11, "local_learning_rate": 3}}]
    )
    training = file.training
    assert (training.rounds, training.clients_per_round, training.local_learning_rate) == (20, 40, 3.0)


def test_an_encoder_that_a_package_carries_brings_its_digests(tmp_path):
    shipped, other = PACKAGED_ENCODERS["all-MiniLM-L6-v2"], PACKAGED_ENCODERS["multilingual-e5-small"]
    assert read_federation().backbone.model_dump().items() >= shipped.items()
    named = "backbone.name=multilingual-e5-small"
    assert read_federation(settings=[named]).backbone.model_dump().items() >= other.items()
    path = tmp_path / "federation.toml"
    path.write_text('[backbone]\nname = "multilingual-e5-small"\n')
    assert read_federation(path).backbone.model_dump().items() >= other.items()
    # Over a whole file, in whatever order, the digests that are given stay.
    path.write_text(write_toml(read_federation()))
    assert read_federation(path, [named]).backbone.tokenizer_sha256 == other["tokenizer_sha256"]
    for order in ([named, "backbone.model_sha256="], ["backbone.model_sha256=", named]):
        assert read_federation(path, order).backbone.model_sha256 == ""
    # Of any other encoder nobody knows them: what was pinned stays, and loading says so.
    assert read_federation(settings=["backbone.name=own"]).backbone.model_dump().items() >= shipped.items()


def test_a_missing_file_and_one_that_is_not_toml_are_told_apart(tmp_path):
    with pytest.raises(Misconfigured, match="could not be read"):
        read_federation(tmp_path / "nowhere.toml")
    with pytest.raises(Corrupt, match="expected TOML"):
        read_federation(written(tmp_path, "rounds 5"))
    (tmp_path / "federation.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(Corrupt, match="expected TOML"):
        read_federation(tmp_path / "federation.toml")


def test_order_and_comments_do_not_enter_the_canonical_bytes(tmp_path):
    # Groups for which the default has no rate, which would fix their order.
    rates, turned = "{dense = 2.0, transitions = 3.0}", "{transitions = 3.0, dense = 2.0}"
    one = (
        "[training]\nrounds = 20 # short\nclients_per_round = 30\n"
        f"[optimizer]\nlearning_rate = 1\ngroup_rates = {rates}\n"
    )
    other = (
        f"# another hand\n[optimizer]\ngroup_rates = {turned}\nlearning_rate = 1.0\n"
        "[training]\nclients_per_round = 30\nrounds = 20\n"
    )
    first, second = (read_federation(written(tmp_path, text)) for text in (one, other))
    assert first.canonical_bytes() == second.canonical_bytes()
    assert first.digest() == second.digest() != DEFAULT.digest()


def test_every_value_enters_the_digest():
    digests = {
        read_federation(settings=[setting]).digest()
        for setting in ("name=x", "model.seed=1", "training.groups=['dense']", "privacy.event_delta=1e-7")
    }
    assert len({*digests, DEFAULT.digest()}) == 5


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    rate=st.floats(1e-300, 1e300),
    seed=st.integers(0, 2**62),
    groups=st.lists(st.sampled_from(GROUPS), min_size=1),
    rates=st.dictionaries(st.sampled_from(GROUPS), st.floats(0, 10)),
)
def test_a_written_file_reads_back_equal(tmp_path_factory, name, rate, seed, groups, rates):
    overlay = {
        "name": name,
        "model": {"seed": seed},
        "training": {"groups": groups},
        "optimizer": {"learning_rate": rate, "group_rates": rates},
    }
    file = read_federation(overlays=[overlay])
    path = tmp_path_factory.mktemp("written") / "federation.toml"
    path.write_bytes(write_toml(file).encode())
    assert read_federation(path) == file
    assert read_federation(path).digest() == file.digest()


def test_every_round_trains_the_groups_that_exist_in_canonical_order():
    assert DEFAULT.trained_groups == ("transitions", "forgetting", "scales", "adapters")
    file = read_federation(settings=["training.groups=['adapters', 'bias', 'transitions', 'dense']"])
    assert file.trained_groups == ("dense", "transitions", "bias", "adapters")
    assert read_federation(settings=["training.groups=['gates']"]).trained_groups == ()


def test_an_encoder_carries_an_adapter_only_where_it_is_trained():
    assert read_federation(settings=["model.lora_rank=5"]).adapter_rank == 5
    assert read_federation(settings=["model.lora_rank=5", "training.groups=['dense']"]).adapter_rank == 0


def test_a_cohort_is_as_many_as_are_wanted_and_never_fewer_than_have_to_answer():
    file = read_federation(
        settings=["training.clients_per_round=70", "evaluation.clients=9", "round.minimum_answers=40"]
    )
    assert (file.cohort_of("update"), file.cohort_of("evaluation")) == (70, 40)


def test_as_many_windows_are_expected_as_coins_give():
    assert (
        read_federation(settings=["windows.per_device=6", "windows.sampling_probability=0.25"]).expected_windows == 1.5
    )


def test_an_answer_leaves_after_the_seconds_of_its_task():
    file = read_federation(settings=["round.answer_seconds={update=3.0}"])
    assert [file.round.answer_seconds_of(task) for task in ("update", "statistics")] == [3.0, 5.0]
    with pytest.raises(Misconfigured, match=r"round\.answer_seconds: expected less than round\.deadline_seconds = 600"):
        read_federation(settings=["round.answer_seconds.evaluation=600.0"])


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ("[0.5, 0.2, 0.2]", "interest.levels: expected three weights that sum to 1, got 0.9"),
        ("[1.2, -0.2, 0.0]", "interest.levels"),
        ("[0.5, 0.5]", "interest.levels"),
        ("[0.5, 0.5, true]", "interest.levels"),
    ],
)
def test_the_levels_of_interest_are_three_shares(levels, told):
    with pytest.raises(Misconfigured, match=re.escape(told)):
        read_federation(None, [f"interest.levels={levels}"])


def test_one_level_alone_is_fine():
    assert read_federation(None, ["interest.levels=[0.0, 1.0, 0.0]"]).interest.levels == (0.0, 1.0, 0.0)
