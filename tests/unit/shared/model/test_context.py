"""Circumstances as numbers, and how the model shifts interest by them."""

import numpy as np
import pytest
import torch

from client import Recommender
from client.training import LocalTraining, cut_windows
from shared.model import encode_context
from shared.release.making import next_release
from tests.support.tiny import Seeded, events, person, put

MORNING, EVENING = (("hour", "08"), ("place", "work")), (("hour", "20"), ("place", "home"))
ALL = ("windows.sampling_probability=1.0", "clipping.update_norm=1e9", "clipping.window_norm=1e9")


def test_circumstances_are_told_apart_and_the_unknown_is_nothing():
    assert encode_context(()).tolist() == [0.0] * 11
    assert not encode_context((("hour", "25"), ("hour", "noon"), ("weekday", "someday"), ("mood", "fine"))).any()
    whole = encode_context((("hour", "06"), ("weekday", "Sunday"), ("place", "travel"), ("device", "tv")))
    assert whole == pytest.approx([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1], abs=1e-6)
    assert encode_context((("weekday", "monday"),))[2] == -1.0


def test_a_learnt_shift_moves_its_concepts_at_its_hour_only(tiny):
    release, model = tiny.moved("interest.context=true")
    weight = np.zeros((6, 11), np.float32)
    weight[2, 0] = -3.0  # concept 2 rises with minus the cosine of the hour: towards noon
    vector = model.layout.insert(release.vector, ["context"], weight.ravel())
    ranker = Recommender(next_release(release, model, vector, 1), model)
    log = person(1, 6)
    noon, midnight, unknown = (
        ranker.scores(log, context=context) for context in ((("hour", "12"),), (("hour", "00"),), ())
    )
    held = ranker.views.shares[:, 2] > 0
    assert (noon[held] > unknown[held]).all()
    assert (midnight[held] < unknown[held]).all()
    assert np.allclose(noon[~held], unknown[~held], atol=1e-4)
    parts = ranker.recommend(log, 5, context=(("hour", "12"),))
    for one in parts:
        assert sum(reason.part for reason in one.reasons) == pytest.approx(one.score, abs=1e-3)


def test_per_window_gradients_of_the_shift_are_those_of_a_loop(tiny):
    log = [
        *events(["garden-0", "music-1", "garden-1", "kitchen-2"], context=MORNING),
        *events(["cycling-3", "garden-2", "cycling-4"], context=EVENING),
    ]
    release, model = tiny.moved("interest.context=true", *ALL)
    local = LocalTraining(model)
    put(model, release.vector)
    coins = Seeded().numpy("windows")
    windows = cut_windows(log, release.federation.windows.events)
    coins.random(len(windows))  # the coins that draw windows come first
    losses = local.losses(release, windows, ("context",), coins)
    weight = model.heads.context.weight
    rows = np.stack([torch.autograd.grad(loss, weight, retain_graph=True)[0].numpy().ravel() for loss in losses])
    assert np.abs(rows).max() > 1e-4
    update = local.update(release, release.vector, ("context",), log, Seeded())
    assert np.allclose(update, -rows.sum(0) / 3, rtol=1e-3, atol=1e-4 * np.abs(rows).max())


def test_events_without_circumstances_move_no_shift(tiny):
    release, model = tiny.moved("interest.context=true", *ALL)
    update = LocalTraining(model).update(release, release.vector, ("context",), person(1, 9), Seeded())
    assert not update.any()
