"""What differs between two federation files: what people are asked about, what is the server's, what never changes."""

import pytest

from shared.amendment import FIXED, FREE, changes_to_accept, check_amendable, term_changes
from shared.errors import Misconfigured
from shared.federation import meanings_of_keys, read_federation

COHORT = "round.minimum_answers=50"


def file(*settings):
    return read_federation(settings=[COHORT, *settings])


def test_equal_files_differ_in_nothing():
    assert term_changes(file(), file()) == changes_to_accept(file(), file()) == ()
    check_amendable(file(), file())


def test_people_are_asked_about_what_is_sent_and_charged_and_not_about_the_server_s_own_step():
    after = file(
        "optimizer.learning_rate=0.5", "training.rounds=7", "privacy.user_epsilon=7.0", "clipping.window_norm=0.5"
    )
    assert [change.key for change in term_changes(file(), after)] == [
        "clipping.window_norm",
        "optimizer",
        "privacy.user_epsilon",
        "training.rounds",
    ]
    asked = changes_to_accept(file(), after)
    assert [(one.key, one.before, one.after) for one in asked] == [
        ("clipping.window_norm", 1.0, 0.5),
        ("privacy.user_epsilon", 8.0, 7.0),
    ]
    check_amendable(file(), after)


def test_a_smaller_company_is_asked_about_and_a_larger_one_is_not():
    assert [one.key for one in changes_to_accept(file(), file("round.minimum_answers=49"))] == ["round.minimum_answers"]
    assert changes_to_accept(file(), file("round.minimum_answers=51")) == ()


@pytest.mark.parametrize(
    "setting",
    [
        "name=another",
        "backbone.max_tokens=32",
        "model.dense_scale=3.0",
        "interest.hidden=8",
        "windows.events=16",
        "sum.mode=ideal",
        "sum.corrupt_share=0.05",
        "evaluation.negatives=98",
        "optimizer.name=fedavgm",
        "privacy.period_days=30",
        "privacy.level=user",
        "privacy.local_noise=off",
        'training.groups=["dense"]',
    ],
)
def test_what_stays_as_long_as_the_federation_lives_is_named(setting):
    key = setting.partition("=")[0].replace("optimizer.name", "optimizer")
    with pytest.raises(Misconfigured, match=rf"^{key}: expected .* as long as this federation lives, got .*: "):
        check_amendable(file(), file(setting))


def test_of_nothing_else_is_a_server_free_to_decide():
    """Whoever adds a key here decides for people: each was weighed."""
    assert {
        "evaluation.clients",
        "evaluation.every_rounds",
        "evaluation.patience",
        "optimizer",
        "round.deadline_seconds",
        "round.minimum_answers",
        "round.over_selection",
        "round.straggler_seconds",
        "training.clients_per_round",
        "training.rounds",
    } == FREE


def test_noise_of_a_device_s_own_that_comes_or_goes_by_itself_never_does():
    auto = ("privacy.local_noise=auto", "privacy.local_epsilon=1000.0", "privacy.shares.statistics=0.0")
    few, many = file(*auto, "evaluation.clients=51"), file(*auto, "evaluation.clients=250")
    (change,) = changes_to_accept(few, many)
    assert change.key == "privacy.local_noise"
    assert "noise of the device's own" in change.before
    with pytest.raises(Misconfigured, match=r"^privacy.local_noise"):
        check_amendable(few, many)


def test_every_key_that_people_are_asked_about_has_a_meaning():
    keys = {change.key for change in term_changes(file(), file("optimizer.learning_rate=0.5"))} | FREE | FIXED.keys()
    sections = {"backbone", "model", "interest"}
    assert keys - sections <= meanings_of_keys().keys()
    assert all(meanings_of_keys()[key] for key in keys - sections)
