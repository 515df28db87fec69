"""Baselines on the same texts: the frozen encoder, the same model trained centrally, each device alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from client.training import LocalTraining, Window, cut_windows
from shared.arrays import F32Matrix
from shared.behaviour import Event
from shared.model import GlobalModel, Vector
from shared.release import Release


class ZeroShot:
    """Cosine of whitened texts with the history's, newest events weighing most; nothing is learnt.

    Args:
        index: float32 [items, D], whitened catalogue texts.
        forgetting: weight a^-forgetting for an event of age rank a.
    """

    def __init__(self, index: F32Matrix, forgetting: float = 1.0) -> None:
        self._directions = index / np.maximum(np.linalg.norm(index, axis=1, keepdims=True), 1e-12)
        self._forgetting = forgetting

    def score(self, people: NDArray[np.int64], histories: Sequence[NDArray[np.int32]]) -> F32Matrix:
        """Scores float32 [people, items]."""
        interests = np.zeros((len(people), self._directions.shape[1]), np.float32)
        for place, history in enumerate(histories):
            ages = np.arange(len(history), 0, -1, dtype=np.float32)
            interests[place] = ages**-self._forgetting @ self._directions[history]
        return interests @ self._directions.T


def train_centrally(
    release: Release,
    model: GlobalModel,
    logs: Sequence[Sequence[Event]],
    validate: Callable[[Vector], float],
    seed: int,
    epochs: int = 30,
    patience: int = 3,
    learning_rate: float = 3e-3,
    windows_per_step: int = 64,
    progress: Callable[[int, float], None] = lambda _epoch, _metric: None,
) -> Vector:
    """The parameters [d] that Adam finds when all logs lie in one place.

    Windows of all people shuffled together, heads only, stopped when `validate` has not risen for `patience` epochs.
    """
    groups = release.federation.trained_groups
    length = release.federation.windows.events
    windows = [window for log in logs for window in cut_windows(log, length) if len(window.events) > 1]
    return _descend(
        release, model, windows, groups, validate, np.random.default_rng(seed), epochs, patience, learning_rate,
        windows_per_step, progress,
    )  # fmt: skip


def train_alone(
    release: Release, model: GlobalModel, log: Sequence[Event], seed: int, steps: int = 10, learning_rate: float = 1e-3
) -> Vector:
    """The parameters [d] that one device finds with nobody's help, heads only."""
    groups = release.federation.trained_groups
    windows = [window for window in cut_windows(log, release.federation.windows.events) if len(window.events) > 1]
    if not windows:
        return release.vector
    return _descend(
        release, model, windows, groups, lambda _: 0.0, np.random.default_rng(seed), steps, steps, learning_rate,
        len(windows), lambda _epoch, _metric: None,
    )  # fmt: skip


def _descend(
    release: Release,
    model: GlobalModel,
    windows: Sequence[Window],
    groups: Sequence[str],
    validate: Callable[[Vector], float],
    rng: np.random.Generator,
    epochs: int,
    patience: int,
    learning_rate: float,
    windows_per_step: int,
    progress: Callable[[int, float], None],
) -> Vector:
    with model.at(release.vector):
        training = LocalTraining(model)
        optimizer: Any = torch.optim.Adam(model.train_only(groups), lr=learning_rate)
        best, best_metric, since = release.vector, -np.inf, 0
        for epoch in range(1, epochs + 1):
            order = rng.permutation(len(windows))
            for start in range(0, len(order), windows_per_step):
                batch = [windows[place] for place in order[start : start + windows_per_step]]
                optimizer.zero_grad()
                training.losses(release, batch, groups, rng).mean().backward()
                optimizer.step()
            vector = model.vector()
            metric = validate(vector)
            progress(epoch, metric)
            since = 0 if metric > best_metric or patience >= epochs else since + 1
            if metric >= best_metric:
                best, best_metric = vector, metric
            if since >= patience:
                break
            model.load(vector)
    return best
