"""What a person decided holds at once, survives releases, and is read back exactly or not at all."""

import json

import numpy as np
import pytest

from client import Controls
from shared.errors import Corrupt, Misconfigured

NAMES = ("music", "garden", "kitchen")
CENTRES = np.eye(3, 5, dtype=np.float32)


def decided():
    controls = Controls(NAMES, CENTRES)
    controls.mute("garden")
    controls.boost("music")
    return controls


def test_a_muted_concept_counts_nothing_and_a_boosted_one_three_times():
    weighed = decided().weighed(np.array([0.2, 0.5, 0.3], np.float32))
    assert weighed == pytest.approx([0.6 / 0.9, 0.0, 0.3 / 0.9])  # by hand
    assert decided().muted.tolist() == [False, True, False]


def test_an_interest_that_is_muted_whole_becomes_none():
    controls = Controls(NAMES, CENTRES)
    controls.mute("garden")
    assert not controls.weighed(np.array([0.0, 1.0, 0.0], np.float32)).any()


def test_the_last_decision_about_a_concept_holds():
    controls = decided()
    controls.boost("garden")
    assert not controls.muted.any()
    controls.clear("garden")
    assert [ruling.name for ruling in controls.rulings] == ["music"]


def test_a_decision_finds_its_concept_in_a_release_that_numbers_and_names_them_anew():
    turned = CENTRES[[2, 0, 1]] + 0.1
    later = Controls(("cooking", "sound", "plants"), turned, decided().rulings)
    assert later.muted.tolist() == [False, False, True]


def test_a_decision_rests_while_its_concept_is_gone_and_holds_again_when_it_is_back():
    gone = Controls(("a", "b"), np.eye(2, 5, 3, dtype=np.float32), decided().rulings)
    assert not gone.muted.any()
    assert Controls(NAMES, CENTRES, gone.rulings).muted.tolist() == [False, True, False]


def test_a_decision_rests_under_a_release_that_measures_concepts_by_more_than_before():
    wider = Controls(("a", "b"), np.eye(2, 7, dtype=np.float32), decided().rulings)
    assert not wider.muted.any()
    wider.boost("b")
    assert wider.boosted.tolist() == [False, True]
    assert len(wider.rulings) == len(decided().rulings) + 1


def test_what_is_written_is_read_back():
    controls = Controls.from_json(NAMES, CENTRES, decided().to_json())
    assert controls.rulings == decided().rulings
    assert controls.muted.tolist() == [False, True, False]


@pytest.mark.parametrize(
    "bent",
    [
        "",
        "{}",
        "[1]",
        '[{"decision": "mute"}]',
        json.dumps([{"decision": "hide", "name": "a", "centre": [0] * 5}]),
        json.dumps([{"decision": "mute", "name": "a", "centre": []}]),
        json.dumps([{"decision": "mute", "name": 3, "centre": [0] * 5}]),
        json.dumps([{"decision": "mute", "name": "a", "centre": [0] * 5, "more": 1}]),
        '[{"decision": "mute", "name": "a", "centre": [NaN, 0, 0, 0, 0]}]',
    ],
)
def test_anything_else_is_refused(bent):
    with pytest.raises(Corrupt):
        Controls.from_json(NAMES, CENTRES, bent)


def test_an_unknown_concept_is_named_with_those_there_are():
    with pytest.raises(Misconfigured, match="music, garden, kitchen"):
        decided().mute("opera")


def test_nothing_decided_is_printed():
    assert "garden" not in repr(decided()) + repr(decided().rulings)
