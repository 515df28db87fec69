"""The policy: each rule says no by its name, and nothing but the person's own hand changes it."""

import hashlib
import math
from dataclasses import replace

import pytest
from scipy.stats import norm

from client.home import create_home
from client.participation import pause_answers, resume_answers
from client.policy import Policy, pin, reading
from client.settings_file import shipped
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import read_federation
from shared.round_parameters import derive_round_parameters
from shared.secure_sum import RHO_UNIT
from tests.support.persons import policy_file

OPERATOR, REGISTRY, OTHER = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
MODEL, TOKENIZER = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "be" * 32
FITTING = (
    "round.minimum_answers=50",
    f"backbone.tokenizer_sha256={TOKENIZER}",
)


@pytest.fixture
def path(tmp_path):
    """The shipped policy."""
    path = tmp_path / "policy.toml"
    path.write_text(shipped("policy.toml"))
    return path


def careful(path):
    """Of a person who allows a single answer less than the whole life."""
    return Policy.load(path).model_copy(update={"largest_epsilon_per_round": 2.0})


def federation(*settings):
    return read_federation(settings=[*FITTING, *settings])


def configuration(file, task="update"):
    return derive_round_parameters(file, task, 1, 10, bytes(32), REGISTRY).configuration


def test_while_the_person_pauses_nothing_is_read_as_allowed(tmp_path):
    home = create_home(tmp_path / "device", keyring=False)
    pause_answers(home)
    with pytest.raises(Refused, match="hushrec-device resume") as refused:
        reading(home.answering_policy)
    assert refused.value.code == "paused"
    assert home.policy() == reading(home.policy)
    resume_answers(home)
    resume_answers(home)
    assert reading(home.answering_policy) == home.policy()


def test_the_shipped_policy_takes_the_shipped_federation_with_fifty_people(path):
    policy = Policy.load(path)
    policy.check_federation(federation())
    for task in ("update", "statistics", "evaluation"):
        policy.check_round(federation(), configuration(federation(), task), task)
    assert policy.model_dump() == {
        "smallest_cohort": 50,
        "largest_epsilon_per_round": 8.0,
        "largest_epsilon_in_life": 8.0,
        "largest_epsilon_alone": 5000.0,
        "largest_delta": 1e-6,
        "tasks": ("update", "statistics", "evaluation"),
        "smallest_dropout_share": 0.05,
        "smallest_corrupt_share": 0.05,
        "accept_changed_terms": False,
        "pins": {"operator": "", "registry": "", "model_sha256": "", "tokenizer_sha256": ""},
    }


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (["round.minimum_answers=49"], "smallest_cohort: allows 50 people and more, got 49"),
        (["privacy.user_epsilon=8.1"], "largest_epsilon_in_life: allows 8.0, got 8.1"),
        (
            ["privacy.level=event", "privacy.local_noise=on"],
            "largest_epsilon_in_life: allows 8.0, got no promise at user level",
        ),
        (["privacy.level=none"], "largest_epsilon_in_life: allows 8.0, got no promise at user level"),
        (["privacy.user_delta=1.1e-6"], "largest_delta: allows 1e-06, got 1.1e-06"),
        (["privacy.participations.update=5"], "largest_epsilon_per_round: allows 2.0, got 3.03 for update"),
        (["privacy.shares.statistics=0.1"], "largest_epsilon_per_round: allows 2.0, got 2.18 for statistics"),
        (["sum.dropout_share=0.04"], "smallest_dropout_share: allows 0.05 and more, got 0.04"),
        (["sum.corrupt_share=0.04"], "smallest_corrupt_share: allows 0.05 and more, got 0.04"),
        (["sum.mode=ideal"], "secure sum: allows summands that are masked end to end, got sum.mode = ideal"),
        (["sum.mode=plain", "privacy.level=event", "privacy.local_noise=on"], "secure sum: allows"),
    ],
)
def test_a_federation_that_breaks_a_rule_is_refused_by_the_rules_name(path, settings, refusal):
    policy = careful(path)
    with pytest.raises(Refused) as caught:
        policy.check_federation(federation(*settings))
    assert str(caught.value).startswith(f"policy: {refusal}")
    with pytest.raises(Refused):
        policy.check_round(federation(*settings), configuration(federation()), "update")


def test_what_one_round_costs_is_what_the_privacy_profile_of_its_noise_says(path):
    """Of a Gaussian mechanism (Balle, Wang 2018): delta at an epsilon a little above, and a little below."""
    file = federation("privacy.participations.update=5")
    with pytest.raises(Refused, match=r"got 3\.03 for update"):
        careful(path).check_federation(file)
    mu = math.sqrt(2 * configuration(file).rho_units * RHO_UNIT)
    above, below = (
        norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
        for epsilon in (3.035, 3.025)
    )
    assert above < 1e-6 < below


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"minimum_cohort": 49}, "smallest_cohort: allows 50 people and more, got 49"),
        ({"dropout_ppm": 49_999}, "smallest_dropout_share: allows 0.05 and more, got 0.049999"),
        ({"corrupt_ppm": 49_999}, "smallest_corrupt_share: allows 0.05 and more, got 0.049999"),
        ({"noise": 0}, "largest_epsilon_per_round: allows 2.0, got a sum without noise"),
        ({"rho_units": round(0.5 / RHO_UNIT)}, "largest_epsilon_per_round: allows 2.0, got 4.89"),
        ({"registry_hash": hashlib.sha256(OTHER).digest()}, "pins.registry: allows devices of 020202020202, got"),
    ],
)
def test_a_round_that_asks_for_less_than_its_federation_file_says_is_refused(path, changed, refusal):
    pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256=MODEL, tokenizer_sha256=TOKENIZER)
    policy, file = careful(path), federation()
    policy.check_round(file, configuration(file), "update")
    with pytest.raises(Refused) as caught:
        policy.check_round(file, replace(configuration(file), **changed), "update")
    assert str(caught.value).startswith(f"policy: {refusal}")


def test_a_task_that_is_not_allowed_is_refused_and_what_it_would_cost_does_not_count(tmp_path):
    policy = Policy.load(policy_file(tmp_path, {"tasks": ["update"], "largest_epsilon_per_round": 1.4}))
    policy.check_round(federation(), configuration(federation()), "update")
    for task in ("statistics", "evaluation"):
        with pytest.raises(Refused, match=f"policy: tasks: allows update, got {task}"):
            policy.check_round(federation(), configuration(federation(), task), task)
    none = Policy.load(policy_file(tmp_path, {"tasks": []}))
    with pytest.raises(Refused, match="policy: tasks: allows none, got update"):
        none.check_round(federation(), configuration(federation()), "update")


def test_a_task_the_federation_has_no_budget_for_is_no_reason_to_refuse_it(path):
    Policy.load(path).check_federation(federation("privacy.shares.evaluation=0", "evaluation.every_rounds=0"))


def test_joining_pins_keys_and_digests_and_leaves_the_rest_of_the_file(path):
    before = path.read_text()
    policy = pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256=MODEL, tokenizer_sha256=TOKENIZER)
    assert Policy.load(path) == policy
    assert policy.pins.model_dump() == {
        "operator": OPERATOR.hex(),
        "registry": REGISTRY.hex(),
        "model_sha256": MODEL,
        "tokenizer_sha256": TOKENIZER,
    }
    changed = [one for one, other in zip(before.split("\n"), path.read_text().split("\n"), strict=True) if one != other]
    assert [line.split(" ")[0] for line in changed] == ["operator", "registry", "model_sha256", "tokenizer_sha256"]
    policy.check_offer(OPERATOR, REGISTRY)
    policy.check_federation(federation())
    assert pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256=MODEL, tokenizer_sha256=TOKENIZER) == policy


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"operator": OTHER}, "operator"),
        ({"registry": OTHER}, "registry"),
        ({"model_sha256": "ab" * 32}, "model_sha256"),
        ({"tokenizer_sha256": ""}, "tokenizer_sha256"),
    ],
)
def test_what_is_pinned_is_pinned_for_good(path, changed, name):
    pins = {"operator": OPERATOR, "registry": REGISTRY, "model_sha256": MODEL, "tokenizer_sha256": TOKENIZER}
    pin(path, **pins)
    before = path.read_bytes()
    with pytest.raises(Refused, match=f"policy: pins.{name}: allows .*, got"):
        pin(path, **(pins | changed))
    assert path.read_bytes() == before


def test_an_offer_or_a_release_of_another_operator_or_registry_is_refused(path):
    pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256=MODEL, tokenizer_sha256=TOKENIZER)
    policy = Policy.load(path)
    with pytest.raises(Refused, match=r"policy: pins\.operator: allows 010101010101, got 030303030303"):
        policy.check_offer(OTHER, REGISTRY)
    with pytest.raises(Refused, match=r"policy: pins\.registry: allows 020202020202, got 030303030303"):
        policy.check_offer(OPERATOR, OTHER)


@pytest.mark.parametrize("name", ["model_sha256", "tokenizer_sha256"])
@pytest.mark.parametrize("got", ["ab" * 32, ""])
def test_a_release_with_another_backbone_or_with_none_named_is_refused(path, name, got):
    pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256=MODEL, tokenizer_sha256=TOKENIZER)
    with pytest.raises(Refused, match=rf"policy: pins\.{name}: allows .*, got {got[:12] or 'none'}"):
        Policy.load(path).check_federation(federation(f"backbone.{name}={got}"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("smallest_cohorts = 2", "smallest_cohorts: expected a known key"),
        ("largest_delta = 0", "largest_delta: expected"),
        ("largest_epsilon_in_life = inf", "largest_epsilon_in_life: expected"),
        ("largest_epsilon_in_life = nan", "largest_epsilon_in_life: expected"),
        ('smallest_cohort = "50"', "smallest_cohort: expected a whole number, got '50'"),
        ("smallest_dropout_share = 1.0", "smallest_dropout_share: expected"),
        ('tasks = ["updates"]', "tasks.0: expected"),
        ('pins.operator = "short"', "pins.operator: expected"),
    ],
)
def test_unknown_keys_and_impossible_values_are_errors_that_name_the_key(path, line, expected):
    key = line.partition(" ")[0].removeprefix("pins.")
    lines = [one for one in shipped("policy.toml").split("\n") if not one.startswith(f"{key} ")]
    path.write_text("\n".join([line, *lines]) if not line.startswith("pins") else "\n".join([*lines, line[5:]]))
    with pytest.raises(Misconfigured) as caught:
        Policy.load(path)
    assert f"{path}: {expected}" in str(caught.value)
    with pytest.raises(Refused, match=r"^policy: file: allows nothing until it is mended: "):
        reading(lambda: Policy.load(path))


@pytest.mark.parametrize("rule", [line.split(" ")[0] for line in shipped("policy.toml").split("\n") if " = " in line])
def test_a_missing_rule_is_an_error_and_not_a_loose_default(path, rule):
    path.write_text("\n".join(line for line in shipped("policy.toml").split("\n") if not line.startswith(f"{rule} ")))
    with pytest.raises(Misconfigured, match=f"{rule}: expected a value"):
        Policy.load(path)


def test_a_missing_or_torn_file_allows_nothing(path):
    whole = path.read_bytes()
    for content in (None, b"", whole[:300], b"\xff" + whole, whole.replace(b"=", b"", 1)):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        with pytest.raises(Refused, match=r"^policy: file: allows nothing"):
            reading(lambda: Policy.load(path))
        with pytest.raises((Misconfigured, Corrupt)):
            pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256="", tokenizer_sha256="")
    path.write_bytes(whole)
    assert reading(lambda: Policy.load(path)).smallest_cohort == 50


def test_a_policy_whose_pins_are_spelt_another_way_is_not_written(path):
    """The value has to stand on the key's own line; anything else says so and leaves the file alone."""
    lines = [line for line in shipped("policy.toml").split("\n") if not line.startswith("[pins]")]
    dotted = [
        f"pins.{line}" if line.startswith(("operator", "registry", "model_", "token")) else line for line in lines
    ]
    path.write_text("\n".join(dotted))
    before = path.read_bytes()
    assert Policy.load(path).pins.operator == ""
    with pytest.raises(Misconfigured, match="expected a line for"):
        pin(path, operator=OPERATOR, registry=REGISTRY, model_sha256="", tokenizer_sha256="")
    assert path.read_bytes() == before
