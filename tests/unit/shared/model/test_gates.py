"""Item features in the model: seen by every view, gated, and no loss to an item that lacks them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from client import Recommender
from shared.federation import read_federation
from shared.model import Gates
from tests.support.featured import PLAIN, featured, featured_release
from tests.support.tiny import events


def test_a_gate_multiplies_the_columns_of_its_block_and_leaves_the_text_alone():
    gates = Gates([2, 1])
    x = torch.arange(1.0, 6.0)
    assert torch.equal(gates(x), x)
    with torch.no_grad():
        gates.levels.copy_(10 * torch.tensor([2.0, 0.5]).log())
    assert torch.allclose(gates(x), torch.tensor([2.0, 4.0, 1.5, 4.0, 5.0]))
    assert torch.allclose(gates.weights(), torch.tensor([2.0, 0.5]))


def test_the_gradient_of_a_gate_is_that_of_the_exponential():
    gates = Gates([1])
    gates(torch.tensor([[3.0, 7.0]])).sum().backward()
    assert gates.levels.grad == pytest.approx(0.3)  # d/dl 3 exp(l/10) at 0


def test_the_dense_view_reads_the_features_before_the_first_axes_of_the_text(tiny):
    release, model = featured_release(tiny)
    x = torch.from_numpy(release.index)
    with torch.no_grad():
        z, c = model.heads.view(x)
    # Eight axes of the text, as without features, and four columns before them.
    assert torch.allclose(z, functional.normalize(x[:, : 4 + 8], dim=1), atol=1e-6)
    assert c.shape == (24, 6)
    assert model.heads.concepts.weight.shape == (6, 36)
    assert model.layout.select(["gates"]).size == 2
    assert model.layout.select(["dense"]).size == 12 * 36


def test_an_item_without_a_picture_means_what_its_text_alone_means(tiny):
    release, model = featured_release(tiny)
    text, plain = featured_release(tiny, "model.features.image=0", "model.features.price=0")
    lacking = [featured().row(item) for item in PLAIN if featured().row(item) % 2 == 0]
    with torch.no_grad():
        z, _ = model.heads.view(torch.from_numpy(release.index[lacking]))
        alone, _ = plain.heads.view(torch.from_numpy(text.index[lacking]))
    assert lacking
    assert not z[:, :4].any()
    assert torch.allclose(z[:, 4:], alone, atol=1e-6)


def test_items_without_pictures_rank_as_with_text_alone(tiny):
    settings = ("model.views=['dense']", "model.popularity=false")
    everything = [item.id for item in featured()]
    with_pictures = featured_release(tiny, *settings, "model.features.price=0", plain=everything[12:])
    text_only = featured_release(tiny, *settings, "model.features.price=0", "model.features.image=0")
    log = events(["kitchen-1", "cycling-2", None], words={2: "a pan for the kitchen"})
    scores = Recommender(*with_pictures).scores(log)
    alone = Recommender(*text_only).scores(log)
    assert np.allclose(scores[12:], alone[12:], atol=1e-5)
    assert not np.allclose(scores[:12], alone[:12], atol=1e-3)


def test_a_larger_gate_makes_pictures_count_more(tiny):
    release, model = featured_release(tiny, "model.features.price=0")
    x = torch.from_numpy(release.index)[[0, 1, 4, 5]]  # of the garden, with pictures alike
    with torch.no_grad():
        cosines = []
        for gate in (0.1, 1.0, 10.0):
            model.heads.gates.levels.fill_(10 * np.log(gate))
            z, _ = model.heads.view(x)
            cosines.append(float((z[0] * z[2]).sum()))
    assert cosines == sorted(cosines)


def test_without_features_there_is_no_gate_and_no_group_to_train(tiny):
    model = tiny.model()
    assert "gates" not in model.layout.groups
    groups = ("training.groups=['gates', 'bias']",)
    assert tiny.file(*groups).trained_groups == ("bias",)
    assert tiny.file(*groups, "model.features={image=3}").trained_groups == ("gates", "bias")
    assert tiny.file(*groups, "model.features={image=0}").trained_groups == ("bias",)
    assert read_federation().model.blocks == {}
