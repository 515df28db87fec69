"""Defences broken on purpose in the product, under which an audit must fail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import client.device
import client.secagg.encode
from client.contributing import Contributor


@contextmanager
def without_noise() -> Iterator[None]:
    """Devices charge for noise that they do not add."""

    def nothing(streams: Sequence[object], variance: int, count: int) -> np.ndarray:
        return np.zeros((len(streams), count), np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.secagg.encode, "sample_discrete_gaussians", nothing)
        yield


@contextmanager
def without_clipping() -> Iterator[None]:
    """Vectors enter the sum as long as they are."""

    def rounded(vectors: np.ndarray, clip_norm: float, scale: int, *_: object) -> np.ndarray:
        return np.rint(vectors.astype(np.float64) * scale / clip_norm).astype(np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.secagg.encode, "quantise_rows", rounded)
        yield


class Leaking(Contributor):
    """Lets out what goes wrong over the log."""

    def contribution(self, request: Any, installed: Any, vector: Any, dimension: int, clip_norm: float) -> Any:
        made = self._computed(request, installed, vector)
        made.check(dimension)
        return made


@contextmanager
def with_failures_let_out() -> Iterator[None]:
    """Devices whose failures get out as errors and as "not-yet"."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.device, "Contributor", Leaking)
        yield
