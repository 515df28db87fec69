"""What every feature encoder does, and how its vectors get into a catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.catalogue import Catalogue
from shared.errors import Misconfigured

Image = NDArray[np.uint8]  # shape [height, width, 3], red, green, blue

Input = TypeVar("Input")
_Input = TypeVar("_Input", contravariant=True)


class FeatureEncoder(Protocol[_Input]):
    """Turns what an item has besides its text into vectors. The same input always gives the same vector."""

    @property
    def name(self) -> str:
        """Of the block of features: small letters, digits, underscores."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    def encode(self, inputs: Sequence[_Input]) -> NDArray[np.float32]:
        """Vectors float32 [inputs, width], finite, in no particular scale: a release standardises them."""
        ...


def with_features(
    catalogue: Catalogue, encoder: FeatureEncoder[Input], inputs: Mapping[str, Input], batch: int = 32
) -> Catalogue:
    """The catalogue with one more block of features for those items that have an input.

    Args:
        catalogue: whose items with an input gain the block.
        encoder: makes the block, and names it.
        inputs: item id to what the encoder reads; items left out lack the block.
        batch: inputs encoded at once.

    Raises:
        Misconfigured: an input of an unknown item.
    """
    unknown = sorted(set(inputs) - {item.id for item in catalogue})
    if unknown:
        raise Misconfigured(f"features {encoder.name!r}: expected inputs of catalogue items, got one of {unknown[0]!r}")
    ids = list(inputs)
    vectors: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(ids), batch):
        part = ids[start : start + batch]
        vectors |= dict(zip(part, encoder.encode([inputs[item] for item in part]), strict=True))
    return Catalogue(
        replace(item, features={**item.features, encoder.name: vectors[item.id]}) if item.id in vectors else item
        for item in catalogue
    )
