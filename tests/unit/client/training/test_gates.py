"""Gates and features in local training: Opacus' per-window gradients against a loop, and fresh encodings of items."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from client.training import LocalTraining, cut_windows
from shared.release.making import next_release
from tests.support.featured import FEATURES, featured_release
from tests.support.tiny import Seeded, events, put

ALL = ("windows.sampling_probability=1.0", "clipping.update_norm=1e9", "clipping.window_norm=1e9")
LOG = [
    *events(["garden-0", "music-1", "garden-1", "kitchen-2"], words={1: "a loud drum"}),
    *events(["cycling-3", "garden-2", "cycling-4"], shown=("music-4", "music-5", "garden-3")),
]


def moved(tiny, *settings):
    """A release whose every parameter is off its start."""
    release, model = featured_release(tiny, *ALL, *settings)
    steps = np.random.default_rng(0).normal(0, 0.3, model.layout.size).astype(np.float32)
    return next_release(release, model, release.vector + steps, 1), model


@pytest.mark.parametrize("views", ["['dense', 'concepts']", "['dense']", "['concepts']"])
def test_per_window_gradients_of_the_gates_are_those_of_a_loop(tiny, views):
    release, model = moved(tiny, f"model.views={views}")
    local = LocalTraining(model)
    put(model, release.vector)
    coins = Seeded().numpy("windows")
    windows = cut_windows(LOG, release.federation.windows.events)
    coins.random(len(windows))  # the coins that draw windows come first
    losses = local.losses(release, windows, ("gates",), coins)
    rows = np.stack(
        [torch.autograd.grad(loss, model.heads.gates.levels, retain_graph=True)[0].numpy() for loss in losses]
    )
    assert np.linalg.norm(rows, axis=1).min() > 1e-3
    for norm in (1e9, float(np.linalg.norm(rows, axis=1).min())):
        file = replace(
            release, federation=tiny.file(FEATURES, *ALL, f"clipping.window_norm={norm}", f"model.views={views}")
        )
        update = local.update(file, release.vector, ("gates",), LOG, Seeded())
        clipped = rows * np.minimum(1, norm / np.linalg.norm(rows, axis=1, keepdims=True))
        assert np.allclose(update, -clipped.sum(0) / 3, rtol=1e-3, atol=1e-4 * np.abs(rows).max())


def test_an_item_that_is_encoded_afresh_keeps_its_features(tiny):
    # With adapters in training, catalogue items of the log pass through the encoder again; the losses must not change.
    release, model = moved(tiny, "windows.negatives=1")
    local = LocalTraining(model)
    put(model, release.vector)
    windows = cut_windows(LOG, release.federation.windows.events)
    kept, fresh = (
        local.losses(release, windows, groups, Seeded().numpy("windows")).detach().numpy()
        for groups in (("gates",), ("gates", "adapters"))
    )
    assert np.allclose(kept, fresh, atol=2e-3)  # what is kept lies on the int8 grid
