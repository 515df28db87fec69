"""The tiny catalogue with feature blocks: pictures for most items, prices for some."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shared.catalogue import Catalogue
from shared.model import GlobalModel, build_model
from shared.release.making import first_release
from shared.release.release import Release
from tests.support.tiny import Tiny, catalogue

FEATURES = "model.features={image=3, price=1}"
PLAIN = ("garden-1", "music-2", "kitchen-3")  # items without a picture


def featured(plain: Sequence[str] = PLAIN) -> Catalogue:
    """Pictures of three numbers, another direction for each topic; every second item has a price."""
    rng = np.random.default_rng(4)
    items = []
    for row, item in enumerate(catalogue()):
        look = np.array([row // 6 == 0, row // 6 == 1, row // 6 == 2], np.float32) + rng.normal(0, 0.1, 3)
        features = {} if item.id in plain else {"image": look.astype(np.float32)}
        if row % 2:
            features["price"] = np.asarray([5.0 + row], np.float32)
        items.append(replace(item, features=features))
    return Catalogue(items)


def featured_release(tiny: Tiny, *settings: str, plain: Sequence[str] = PLAIN) -> tuple[Release, GlobalModel]:
    """Release zero of that catalogue and its model."""
    file = tiny.file(FEATURES, *settings)
    model, items = build_model(file), featured(plain)
    return first_release(file, items, model, model.encoder.read_catalogue(items.texts)), model
