"""Where the concepts of a release lie beside one another, in two dimensions (principal components, Pearson 1901)."""

import numpy as np
from numpy.typing import NDArray

from client import Recommender
from shared.model import GlobalModel
from shared.release import Release
from simulations.report.parts import ConceptMap, ConceptPlace

_SHOWN, _FOLLOWING = 48, 8
_EVEN = 0.6  # how much of a place is its rank: concepts in a crowd are told apart


def map_concepts(release: Release, model: GlobalModel, recommender: Recommender) -> ConceptMap | None:
    """The concepts that the catalogue is about most; None without the concept view."""
    if not release.concept_names:
        return None
    heads = model.heads_at(release.vector)
    shares = recommender.views.shares.mean(0)
    shown = np.argsort(-shares, kind="stable")[:_SHOWN]
    plane = _plane(heads.concept_centres()[shown]).round(4).tolist()
    after = heads.transitions.weight.detach().numpy()
    places = [
        ConceptPlace(release.concept_names[number], x, y, float(shares[number]))
        for number, (x, y) in zip(shown, plane, strict=True)
    ]
    return ConceptMap(places, _strongest(after[np.ix_(shown, shown)]), len(shares))


def _strongest(following: NDArray[np.float32]) -> list[tuple[int, int, float]]:
    """What `transitions` adds most of, from one concept to another: (from, to, weight)."""
    other = following.T.copy()  # a row leads to its columns
    np.fill_diagonal(other, 0.0)
    order = np.argsort(-other, axis=None, kind="stable")[:_FOLLOWING]
    pairs = [tuple(map(int, np.unravel_index(place, other.shape))) for place in order]
    return [(one, another, float(other[one, another])) for one, another in pairs if other[one, another] > 0]


def _plane(centres: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places float64 [K, 2] in the unit square."""
    units = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    turned, lengths, axes = np.linalg.svd(units - units.mean(0), full_matrices=False)
    kept = (turned * lengths)[:, :2] * np.where(axes[:2].sum(1) < 0, -1.0, 1.0)
    if kept.shape[1] < 2:
        kept = np.pad(kept, ((0, 0), (0, 2 - kept.shape[1])))
    spread = np.ptp(kept, axis=0)
    scaled = (kept - kept.min(0)) / np.where(spread > 0, spread, 1.0)
    ranks = kept.argsort(0, kind="stable").argsort(0, kind="stable") / max(1, len(kept) - 1)
    mixed = np.asarray(_EVEN * ranks + (1 - _EVEN) * scaled, np.float64)
    return mixed / np.maximum(mixed.max(0), 1e-12)
