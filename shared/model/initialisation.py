"""The model before anybody has taught it anything: concepts found in the public catalogue alone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F32Matrix
from shared.catalogue import Item
from shared.errors import Misconfigured

_SAMPLE = 4096
_CATEGORIES = 512
_CATEGORY_WEIGHT = 1.0
_STEPS = 20
_TRIALS = 16  # points drawn for each centre to start from; with one, some subjects go without a concept of their own


def find_concepts(
    x: F32Matrix, concepts: int, seed: int, items: Sequence[Item] = (), known: F32Matrix | None = None
) -> F32Matrix:
    """Unit centres float32 [K, D] of the whitened catalogue x [n, D], by k-means over directions.

    An item's categories, where it has any, count as much as its direction: texts are alike in manner too, and k-means
    alone cannot tell manner from subject. Beyond 4,096 items, a sample drawn by the seed stands for the catalogue: the
    time grows with items times K squared.

    Args:
        x: float32 [n, D], whitened catalogue.
        concepts: K, how many centres.
        seed: of the sample and of the points k-means starts from.
        items: the n items, for their categories.
        known: float32 [m, D], unit centres known beforehand: they come first and stay, the others settle around them
            (Basu, Banerjee, Mooney 2002, "Semi-supervised clustering by seeding").

    Raises:
        Misconfigured: more concepts than catalogue items, or more known ones than concepts.
    """
    from scipy.cluster.vq import kmeans2  # here, as only the server finds concepts

    known = np.zeros((0, x.shape[1]), np.float32) if known is None else known
    if concepts > len(x):
        raise Misconfigured(
            f"model.concepts: expected at most the {len(x)} catalogue items, got {concepts}; add items, or set "
            f"it to at most {len(x)}"
        )
    if len(known) > concepts:
        raise Misconfigured(
            f"model.concepts: expected at least the {len(known)} concepts of the concept graph, got {concepts}"
        )
    if len(known) == concepts:
        return known
    beside = _categories(items) if items else np.zeros((len(x), 0))
    sample = max(_SAMPLE, concepts)
    if len(x) > sample:
        drawn = np.sort(np.random.default_rng(seed).choice(len(x), sample, replace=False))
        x, beside = x[drawn], beside[drawn]
    directions = _unit(x.astype(np.float64))
    points = np.concatenate([directions, _CATEGORY_WEIGHT * beside], 1)
    start = _spread(points, concepts - len(known), np.random.default_rng(seed))
    centres, _ = kmeans2(points, start, iter=_STEPS, minit="matrix", missing="warn")
    if len(known):
        nearest = (directions @ known.T).argmax(1)
        taken = np.eye(len(known))[nearest]
        held = taken.T @ points[:, x.shape[1] :] / np.maximum(taken.sum(0), 1)[:, None]
        start = np.concatenate([np.concatenate([known, held], 1), centres])
        centres, _ = kmeans2(points, start, iter=_STEPS, minit="matrix", missing="warn")
    return np.concatenate([known, _unit(centres[len(known) :, : x.shape[1]])]).astype(np.float32)


def _spread(points: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points to start k-means from, float64 [count, m].

    Each is the best of some drawn by their squared distance from those before (greedy k-means++, Arthur and
    Vassilvitskii 2007).
    """
    squares = np.square(points).sum(1)
    nearest = np.full(len(points), np.inf)
    chosen: list[int] = []
    while len(chosen) < count:
        left = nearest if chosen and nearest.any() else np.ones(len(points))
        drawn = rng.choice(len(points), _TRIALS if chosen else 1, p=left / left.sum())
        apart = (squares[:, None] - 2.0 * points @ points[drawn].T + squares[drawn]).clip(min=0.0)
        after = np.minimum(nearest[:, None], apart)
        best = int(after.sum(0).argmin())
        chosen.append(int(drawn[best]))
        nearest = after[:, best]
    return points[chosen]


def _categories(items: Sequence[Item]) -> NDArray[np.float64]:
    """Float64 [items, categories]: unit rows of inverse document frequencies of the commonest categories."""
    held = Counter(category for item in items for category in set(item.categories))
    places = {category: place for place, (category, _) in enumerate(held.most_common(_CATEGORIES))}
    rows = np.zeros((len(items), len(places)))
    for row, item in enumerate(items):
        for category in item.categories:
            if category in places:
                rows[row, places[category]] = np.log(len(items) / held[category])
    return _unit(rows)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
