"""What keeping the frozen lower layers' activations saves."""

from typing import Any

import numpy as np

from shared.model import Encoder, build_model
from simulations.benchmarks.timing import median_milliseconds
from simulations.datasets import load
from simulations.report import Progress
from simulations.settings import resolve

_TEXTS = 64
_REPEATS = 5


def encoder(progress: Progress) -> dict[str, Any]:
    """Encoding 64 demo texts from scratch against from kept lower activations, and their largest difference."""
    settings = resolve("demo", 0, 1, None, [], None, None, "none", "plain")
    whole: Encoder = build_model(settings).encoder
    kept: Encoder = build_model(settings).encoder
    texts = load("demo", 0).catalogue.texts[:_TEXTS]
    with progress.stage("encoder"):
        milliseconds = median_milliseconds(
            {"from scratch": lambda: whole.embed(texts), "from kept activations": lambda: kept.embed(texts, keep=True)},
            _REPEATS,
        )
    difference = float(np.abs(whole.embed(texts) - kept.embed(texts)).max())
    return {
        "texts": len(texts),
        "rows": [{"variant": name, "milliseconds": value} for name, value in milliseconds.items()],
        "kept over scratch": milliseconds["from kept activations"] / milliseconds["from scratch"],
        "largest difference": difference,
    }
