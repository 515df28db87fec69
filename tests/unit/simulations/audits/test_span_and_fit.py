"""The two ways in which items are suspected, and the likelihood ratios, on made-up numbers."""

import numpy as np

from simulations.audits.attack_statistics import detection_at, ranking_auc
from simulations.audits.gradient_matching import GradientFit
from simulations.audits.membership import Trainings, likelihood_ratios
from simulations.audits.span_check import in_span


def test_what_a_gradient_was_made_of_lies_in_its_span_and_nothing_else_does() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(40, 24)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    gradient = rng.normal(size=(10, 5)) @ directions[:5]
    found = in_span(gradient, directions)
    assert np.allclose(found[:5], 1, atol=1e-5)
    assert (found[5:] < 0.9).all()
    assert not in_span(np.zeros((10, 24)), directions).any()


def test_a_sum_of_candidates_own_updates_is_taken_apart() -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(size=(20, 300)).astype(np.float32)
    total = own[[3, 7]].sum(0) + 0.5 * rng.normal(size=300)
    assert ranking_auc(GradientFit(own)(total), np.array([3, 7])) == 1.0


def test_likelihood_ratios_find_whose_loss_fell_and_no_more_where_none_did() -> None:
    rng = np.random.default_rng(2)
    taken = np.argsort(rng.random((40, 10)), 0) % 2 == 0
    losses = rng.normal(size=taken.shape)
    for shift, least, most in ((8.0, 0.9, 1.0), (0.0, 0.0, 0.1)):
        scores = likelihood_ratios(Trainings(taken, losses - shift * taken))
        found, _ = detection_at(scores[~taken], scores[taken], 0.01)
        assert least <= found / taken.sum() <= most
