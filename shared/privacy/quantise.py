"""From a vector of real numbers to integers a private sum can add: clip, scale, round at random within an exact norm.

What goes in and what comes out is a person's: neither is ever printed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.privacy.keystream import RandomBytes

_TRIES = 64


def clip(vector: NDArray[np.floating[Any]], clip_norm: float) -> NDArray[np.float64]:
    """The vector, or each of several, shortened to an L2 norm of `clip_norm` where it is longer.

    Args:
        vector: float [..., d].
        clip_norm: largest L2 norm, above 0.

    Returns:
        float64 [..., d], a copy.

    Raises:
        Misconfigured: an entry is not finite, or the norm is not a number above 0.
    """
    if not (0 < clip_norm < float("inf")):
        raise Misconfigured(f"clip norm: expected a number above 0, got {clip_norm}")
    clipped = np.array(vector, np.float64)
    largest = np.abs(clipped).max(-1, initial=0.0, keepdims=True)
    if not np.isfinite(largest).all():
        raise Misconfigured("clip: expected finite entries, got NaN or infinity; lower the local learning rate")
    largest[largest == 0] = 1.0
    direction = clipped / largest  # so that no square overflows or vanishes
    length = np.sqrt(np.square(direction).sum(-1, keepdims=True))
    with np.errstate(over="ignore"):  # what is too long for a float is too long
        within = length * largest <= clip_norm
    return np.where(within, clipped, direction * (clip_norm / np.maximum(length, 1.0)))


def quantise(
    vector: NDArray[np.floating[Any]],
    clip_norm: float,
    scale: int,
    squared_norm_bound: int,
    stream: RandomBytes,
    same_work: bool = False,
) -> NDArray[np.int64]:
    """Clip, multiply by `scale / clip_norm`, round each entry up or down at random; drawn anew until the norm holds.

    Conditional stochastic rounding (Kairouz, Liu, Steinke 2021, "The Distributed Discrete Gaussian Mechanism for
    Federated Learning with Secure Aggregation", section 4.1): each entry is right in expectation but for the
    conditioning, whose chance of a new draw is below .61 at the bound used here (theirs at beta = exp(-1/2)). After 64
    draws, entries are cut towards zero instead, which never lengthens the vector.

    Args:
        vector: float [d].
        clip_norm: largest L2 norm of the vector before it is scaled, above 0.
        scale: units that stand for `clip_norm`.
        squared_norm_bound: largest squared L2 norm of the result, in units², checked in integers.
        stream: each draw takes d little-endian 32-bit words of it.
        same_work: make all draws, whichever of them is taken, so that the time it takes tells nothing of the vector.

    Returns:
        int64 [d], units.

    Raises:
        Misconfigured: as `clip`; the scale is below 1, or the bound leaves no room for the clipped vector.
    """
    return quantise_rows(vector[None], clip_norm, scale, squared_norm_bound, [stream], same_work)[0]


def quantise_rows(
    vectors: NDArray[np.floating[Any]],
    clip_norm: float,
    scale: int,
    squared_norm_bound: int,
    streams: Sequence[RandomBytes],
    same_work: bool = False,
) -> NDArray[np.int64]:
    """`quantise` of each row of float [n, d], with a stream each: int64 [n, d]; raises as that does."""
    if scale < 1 or squared_norm_bound < scale**2:
        raise Misconfigured(
            f"quantise: expected a scale of at least 1 and a squared norm bound of at least its square, "
            f"got scale {scale} and bound {squared_norm_bound}"
        )
    scaled = clip(vectors, clip_norm) * (scale / clip_norm)
    taken = np.trunc(scaled).astype(np.int64)  # where no draw fits
    still = np.ones(len(scaled), bool)  # without a draw that fits
    for _ in range(_TRIES):
        drawing = np.arange(len(scaled)) if same_work else np.flatnonzero(still)
        if not len(drawing):
            break
        words = np.frombuffer(b"".join([streams[row](4 * scaled.shape[1]) for row in drawing.tolist()]), "<u4")
        rounded = np.floor(scaled[drawing] + words.reshape(len(drawing), -1) * 2.0**-32).astype(np.int64)
        fits = still[drawing] & (squared_norms(rounded) <= squared_norm_bound)
        taken[drawing] = np.where(fits[:, None], rounded, taken[drawing])
        still[drawing] &= ~fits
    if (squared_norms(taken[still]) > squared_norm_bound).any():
        raise Misconfigured("quantise: the squared norm bound leaves no room for the clipped vector; raise it")
    return taken


def squared_norms(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exact squared L2 norms of rows of whole numbers below 2^31 / sqrt(d)."""
    return np.einsum("nd,nd->n", units, units)
