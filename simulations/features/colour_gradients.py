"""A picture as a histogram of its colours and of the directions of its edges: small, fixed, nothing to download."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from simulations.features.encoder import Image

_HUES, _GREYS, _DIRECTIONS = 12, 4, 12


@dataclass(frozen=True, slots=True)
class ColourGradients:
    """Three histograms side by side, the root of each share (so that cosines are Bhattacharyya coefficients).

    Hues weighted by how colourful a pixel is, brightness, and directions of gradients modulo 180 degrees weighted by
    their length (Dalal and Triggs 2005, over the whole picture).
    """

    name: str = "image"
    width: int = _HUES + _GREYS + _DIRECTIONS

    def encode(self, inputs: Sequence[Image]) -> NDArray[np.float32]:
        """Float32 [pictures, 28].

        Raises:
            Misconfigured: a picture is not uint8 [height, width, 3].
        """
        rows = [_histograms(image) for image in inputs]
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, self.width), np.float32)


def _histograms(image: Image) -> NDArray[np.float64]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 2:
        raise Misconfigured(f"picture: expected uint8 [height, width, 3], got {image.dtype} {list(image.shape)}")
    colours = image / 255.0
    red, green, blue = np.moveaxis(colours, 2, 0)
    # The hue as an angle in the plane that looks along the greys.
    across, along = np.sqrt(3) * (green - blue), 2 * red - green - blue
    light = colours.mean(2)
    up, right = np.gradient(light)
    return np.concatenate(
        [
            _circular(np.arctan2(across, along) / (2 * np.pi), np.hypot(across, along), _HUES),
            _shares(np.histogram(light, _GREYS, (0.0, 1.0))[0].astype(np.float64)),
            _circular(np.arctan2(up, right) / np.pi, np.hypot(up, right), _DIRECTIONS),
        ]
    )


def _circular(turns: NDArray[np.float64], weights: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Weighted histogram of turns modulo one, each shared between the two nearest bins."""
    places = (turns % 1.0) * bins
    lower = np.floor(places)
    filled = np.zeros(bins)
    for bin_, share in ((lower, 1 - (places - lower)), (lower + 1, places - lower)):
        np.add.at(filled, bin_.astype(np.int64) % bins, share * weights)
    return _shares(filled)


def _shares(filled: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(filled / max(filled.sum(), 1e-12))
