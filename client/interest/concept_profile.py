"""How all that a person ever chose splits over concepts: what they are told of themselves. Ranking uses none of it.

A choice is the person's own, or a step on from the last one that everybody tends to take, or chance. The release's M
knows those steps, so they need not be taken for interests (a mixture, told apart by expectation and maximisation).
Its settings stand in `InterestSettings`.
"""

import numpy as np
from numpy.typing import NDArray

from client.interest.settings import SETTINGS
from shared.arrays import FloatingArray

_STEPS = 30


def transition_probabilities(moves: FloatingArray, common: FloatingArray) -> NDArray[np.float64]:
    """How likely each concept is chosen after each other, float64 [K, K]; rows sum to one.

    Args:
        moves: [K, K], what M adds to the score of an item of concept j (row) after one of concept k (column).
        common: [K], shares of the concepts in the catalogue: what is likely where M says nothing.
    """
    logits = SETTINGS.transition_sharpness * np.asarray(moves, np.float64).T + np.log(np.maximum(common, 1e-12))
    likely = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
    return likely / likely.sum(1, keepdims=True)


def estimate_profile(
    concepts: NDArray[np.int64], evidence: FloatingArray, steps: FloatingArray, common: FloatingArray
) -> NDArray[np.float64]:
    """Shares of the concepts in what is the person's own, float64 [K]; zeros without any choice.

    Args:
        concepts: [n], the one that each choice is most of, oldest first.
        evidence: [n], above zero: how much each choice says.
        steps: [K, K], of `transition_probabilities`.
        common: [K], shares of the concepts in the catalogue.
    """
    if not len(concepts):
        return np.zeros(len(common))
    rare = 1.0 / np.maximum(common[concepts], 1e-12)  # everything is weighed against an item drawn from the catalogue
    led = np.append(0.0, SETTINGS.transition_share * steps[concepts[:-1], concepts[1:]]) * rare
    own_chance = 1.0 - SETTINGS.random_share - np.where(np.arange(len(concepts)), SETTINGS.transition_share, 0.0)
    mix = np.full(len(common), 1.0 / len(common))
    for _ in range(_STEPS):
        own = own_chance * mix[concepts] * rare
        counts = np.bincount(concepts, evidence * own / (own + led + SETTINGS.random_share), len(common))
        mix = counts / counts.sum()
    return mix


def uncertainty(shares: FloatingArray, weights: FloatingArray, samples: int) -> NDArray[np.float64]:
    """How sure each concept's share in a weighted mean is: its standard deviation, float64 [K].

    That is over events drawn anew with replacement (bootstrap, Efron 1979). The draws are seeded by the number of
    events, so that asking twice gives the same answer.

    Args:
        shares: [n, K].
        weights: [n], below zero for what was turned away from.
        samples: how many times all events are drawn anew.
    """
    count = len(shares)
    drawn = np.random.default_rng(count).multinomial(count, np.full(count, 1.0 / count), size=samples)
    mixes = ((drawn * weights) @ shares).clip(min=0.0)
    return np.asarray((mixes / np.maximum(mixes.sum(1, keepdims=True), 1e-12)).std(0))
