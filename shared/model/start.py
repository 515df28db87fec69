"""The model before anybody has taught it anything: concepts found and named in the public catalogue alone."""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from shared.catalogue import Catalogue
from shared.errors import Misconfigured

_SAMPLE = 4096
_WORD = re.compile(r"[^\W\d_]{3,}")


def find_concepts(x: NDArray[np.float32], concepts: int, seed: int) -> NDArray[np.float32]:
    """Unit centres float32 [K, D] of the whitened catalogue texts x [n, D], by k-means over directions.

    Beyond 4,096 texts, a sample drawn by the seed stands for the catalogue: the time grows with texts times K squared.

    Raises:
        Misconfigured: more concepts than catalogue items.
    """
    if concepts > len(x):
        raise Misconfigured(f"model.concepts: expected at most the {len(x)} catalogue items, got {concepts}")
    sample = max(_SAMPLE, concepts)
    if len(x) > sample:
        x = x[np.sort(np.random.default_rng(seed).choice(len(x), sample, replace=False))]
    directions = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    centres, _ = kmeans2(directions.astype(np.float64), concepts, iter=20, minit="++", seed=seed, missing="warn")
    return np.asarray(centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12), np.float32)


def name_concepts(catalogue: Catalogue, shares: NDArray[np.float32], words: int = 3) -> list[str]:
    """A name per concept: the category its items are richest in, then the words that set them apart.

    Args:
        shares: float32 [items, K], concept distribution of every item.
    """
    frequency: Counter[str] = Counter()
    texts = []
    for item in catalogue:
        found = set(_WORD.findall(item.text.lower()))
        texts.append(found)
        frequency.update(found)
    categories = Counter(category for item in catalogue for category in item.categories)
    names: list[str] = []
    for concept in range(shares.shape[1]):
        rows = np.argsort(-shares[:, concept], kind="stable")[: max(10, len(catalogue) // shares.shape[1])]
        rows = rows[shares[rows, concept] > 0]
        weight = {row: float(shares[row, concept]) for row in rows}
        total = sum(weight.values()) or 1.0
        lifts = _lifts({r: catalogue[r].categories for r in rows}, weight, total, categories, len(catalogue))
        category = max(lifts, key=lambda name: (lifts[name], name), default="")
        telling = _lifts({r: texts[r] for r in rows}, weight, total, frequency, len(catalogue))
        taken = set(_WORD.findall(category.lower()))
        best = sorted((w for w in telling if w not in taken), key=lambda w: (-telling[w], w))[:words]
        name = " · ".join(part for part in (category, ", ".join(best)) if part) or f"concept {concept + 1}"
        names.append(name if name not in names else f"{name} ({concept + 1})")
    return names


def _lifts(
    held: dict[int, "set[str] | tuple[str, ...]"],
    weight: dict[int, float],
    total: float,
    overall: Counter[str],
    items: int,
) -> dict[str, float]:
    """Share inside the concept times the logarithm of how much larger it is than in the whole catalogue."""
    inside: Counter[str] = Counter()
    for row, terms in held.items():
        for term in terms:
            inside[term] += weight[row]  # type: ignore[assignment]
    return {
        term: (count / total) * float(np.log((count / total) / (overall[term] / items)))
        for term, count in inside.items()
        if overall[term] > 1 or items < 50
    }
