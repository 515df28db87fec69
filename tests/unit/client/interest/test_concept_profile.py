"""The mix of a person's own interests: steps that everybody takes are told apart, chance is not believed."""

import numpy as np
import pytest

from client.interest.concept_profile import estimate_profile, transition_probabilities, uncertainty

EVEN = np.full(8, 1 / 8)


def _log(rng: np.random.Generator, own: np.ndarray, follows: np.ndarray, count: int) -> np.ndarray:
    """Choices of a person who goes on to what follows at half of the places, and clicks by chance at one in ten."""
    log: list[int] = []
    for _ in range(count):
        going_on = log and rng.random() < 0.5
        concept = follows[log[-1]] if going_on else rng.choice(len(own), p=own)
        log.append(int(rng.integers(len(own)) if rng.random() < 0.1 else concept))
    return np.array(log)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_where_m_says_nothing_steps_are_as_likely_as_the_catalogue_makes_them():
    common = np.array([0.5, 0.3, 0.2])
    assert transition_probabilities(np.zeros((3, 3)), common) == pytest.approx(np.tile(common, (3, 1)))


def test_a_step_goes_from_column_to_row_of_m():
    moves = np.zeros((3, 3))
    moves[2, 0] = 2.0  # after concept 0 comes concept 2
    steps = transition_probabilities(moves, np.full(3, 1 / 3))
    assert steps.sum(1) == pytest.approx(1.0)
    assert steps[0].argmax() == 2
    assert steps[1:] == pytest.approx(1 / 3)


def test_a_step_that_everybody_takes_is_not_taken_for_an_interest():
    """Concepts 0 and 4 are the person's own; 1 follows 0 and 5 follows 4, and so on in a round."""
    own = np.zeros(8)
    own[[0, 4]] = 0.6, 0.4
    follows = (np.arange(8) + 1) % 8
    steps = np.eye(8)[follows]
    rng = np.random.default_rng(0)
    told, counted = [], []
    for _ in range(40):
        log = _log(rng, own, follows, 40)
        told.append(_cosine(estimate_profile(log, np.ones(len(log)), steps, EVEN), own))
        counted.append(_cosine(np.bincount(log, minlength=8).astype(float), own))
    assert np.mean(told) > 0.95
    assert np.mean(counted) < 0.9


def test_where_m_says_nothing_the_mix_keeps_to_the_counts_and_believes_the_rare_a_little_less():
    log = np.array([0] * 30 + [3] * 10)
    mix = estimate_profile(log, np.ones(40), np.tile(EVEN, (8, 1)), EVEN)
    assert mix[[0, 3]] == pytest.approx([0.75, 0.25], abs=0.1)
    assert mix[3] < 0.25


def test_an_event_that_says_little_counts_little():
    mix = estimate_profile(np.array([0, 3, 0, 3]), np.array([1.0, 0.1, 1.0, 0.1]), np.tile(EVEN, (8, 1)), EVEN)
    assert mix[0] > 0.9


def test_the_first_choice_follows_from_nothing():
    steps = np.zeros((8, 8))
    steps[:, 2] = 1.0  # whatever was chosen, everybody goes on to 2
    alone = estimate_profile(np.array([2]), np.ones(1), steps, EVEN)
    assert alone == pytest.approx(np.eye(8)[2])


def test_a_share_is_as_sure_as_drawing_events_anew_says():
    """By hand: of n even choices between two concepts the share of one deviates by 1 / (2 sqrt n)."""
    shares = np.eye(2)[[0, 1] * 32]
    assert uncertainty(shares, np.ones(64), 4000) == pytest.approx([1 / 16, 1 / 16], rel=0.05)
