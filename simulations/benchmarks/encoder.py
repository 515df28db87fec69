"""What keeping the frozen lower layers' activations saves, and what another precision changes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shared.federation import read_federation
from shared.model import Encoder, build_model
from simulations.accelerator import CPU, encoder_precision, find_accelerator
from simulations.benchmarks.timing import median_milliseconds
from simulations.datasets import load
from simulations.report import Progress

_TEXTS = 64
_REPEATS = 5
_LIST = 10


def encoder(progress: Progress) -> dict[str, Any]:
    """Encoding 64 demo texts as servers do against as devices do and on a GPU, and their differences.

    Without a GPU, the other precision is bfloat16 on the CPU, whose time says nothing and is not told.
    """
    accelerator = find_accelerator("auto")
    settings = read_federation()
    whole: Encoder = build_model(settings).encoder
    light: Encoder = build_model(settings, light=True).encoder
    copied: Encoder = build_model(settings).encoder
    copied.encode_on(accelerator, torch.bfloat16 if accelerator == CPU else encoder_precision(accelerator))
    texts = load("demo", 0).catalogue.texts[:_TEXTS]
    variants: dict[str, Callable[[], object]] = {
        "server": lambda: whole.embed(texts),
        "device": lambda: light.embed(texts),
    }
    if accelerator != CPU:
        variants[f"server, {copied.arithmetic}"] = lambda: copied.embed(texts)
    with progress.stage("encoder"):
        milliseconds = median_milliseconds(variants, _REPEATS)
    expected, there = whole.embed(texts), copied.embed(texts)
    difference = float(np.abs(expected - light.embed(texts)).max())
    return {
        "texts": len(texts),
        "rows": [{"variant": name, "milliseconds": value} for name, value in milliseconds.items()],
        "device over server": milliseconds["device"] / milliseconds["server"],
        "largest difference": difference,
        "other precision": copied.arithmetic,
        "nearest ten texts, share kept in it": float((_nearest(expected) & _nearest(there)).sum(1).mean() / _LIST),
    }


def _nearest(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which ten texts are nearest to each by their cosine, itself left out, bool [texts, texts]."""
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = directions @ directions.T - 2.0 * np.eye(len(embeddings))
    among = np.zeros(cosines.shape, bool)
    np.put_along_axis(among, np.argsort(-cosines, axis=1, kind="stable")[:, :_LIST], True, axis=1)
    return among
