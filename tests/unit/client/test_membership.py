"""The terms of a membership: every key counts that says what a device computes, sends and is charged, and with whom."""

import json

import pytest

from shared.charges import adds_local_noise
from shared.errors import Refused
from shared.federation import read_federation
from tests.unit.client.test_budget_guard import membership

AGREED = ("round.minimum_answers=50",)


def offered(*settings):
    return read_federation(settings=[*AGREED, *settings])


def check(*settings, agreed=()):
    membership(offered(*agreed)).check_terms(offered(*settings))


@pytest.mark.parametrize(
    "setting",
    [
        "name=another",
        "backbone.max_tokens=32",
        "model.concepts=77",
        "interest.levels=[0.5, 0.25, 0.25]",
        "windows.events=4",
        "clipping.window_norm=0.123",
        "clipping.update_norm=0.123",
        "clipping.group_shares={dense=0.5}",
        'training.groups=["dense"]',
        "training.local_learning_rate=0.5",
        "model.lora_rank=8",
        "round.answer_seconds.update=60.0",
        "sum.corrupt_share=0.05",
        "sum.phase_seconds=60.0",
        "privacy.user_epsilon=9.0",
        "privacy.period_days=30",
        "privacy.participations.update=26",
        "statistics.items_per_device=32",
        "evaluation.negatives=98",
    ],
)
def test_what_changes_what_is_sent_or_charged_is_refused_and_named(setting):
    key = setting.partition("=")[0]
    section = ".".join(key.split(".")[:2])
    with pytest.raises(Refused, match=f"^terms: {section}: expected .* agreed to, got ") as refused:
        check(setting)
    assert refused.value.code == "terms-changed"
    assert "another device" not in str(refused.value)


@pytest.mark.parametrize(
    "setting",
    [
        "optimizer.learning_rate=0.5",
        "optimizer.group_rates={dense=0.5}",
        "round.deadline_seconds=500.0",
        "round.over_selection=1.5",
        "round.minimum_answers=51",
        "training.rounds=999",
        "training.clients_per_round=400",
        "evaluation.every_rounds=5",
        "evaluation.clients=99",
    ],
)
def test_the_servers_own_step_and_whom_it_asks_when_may_change(setting):
    check(setting)


def test_fewer_people_in_a_sum_are_refused():
    with pytest.raises(Refused, match=r"round.minimum_answers: expected 50, as was agreed to, got 49"):
        check("round.minimum_answers=49")


def test_cohorts_that_make_a_device_add_noise_of_its_own_or_no_more_are_refused():
    """Under "auto" it does where that is nearly free, which the cohorts say."""
    auto = ("privacy.local_noise=auto", "privacy.local_epsilon=1000.0", "privacy.shares.statistics=0.0")
    few, many = ("evaluation.clients=51", "evaluation.clients=250")
    terms = membership(offered(*auto, few))
    assert adds_local_noise(offered(*auto, few)) != adds_local_noise(offered(*auto, many))
    with pytest.raises(Refused, match=r"terms: privacy.local_noise: expected with.* noise of the device's own"):
        terms.check_terms(offered(*auto, many))


def test_every_key_of_the_file_is_agreed_to_or_named_as_free():
    """A key that comes is bound unless somebody says otherwise."""
    from shared.amendment import FIXED, FREE, _flat

    keys = _flat(json.loads(offered().canonical_bytes()))
    assert keys.keys() >= FREE
    assert len(keys) - len(FREE) > 60
    assert {*keys, *(key.partition(".")[0] for key in keys)} >= set(FIXED)
