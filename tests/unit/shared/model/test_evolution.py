"""The contract of every evolution member, forgetting included: what any of them may be relied on for."""

import numpy as np
import pytest
import torch

from client.training import LocalTraining, cut_windows
from shared.errors import Misconfigured
from shared.model import ConceptModel, build_evolution
from tests.support.tiny import WIDTH, Seeded, events, put

MEMBERS = ["forgetting", "linear", "gru", "lstm", "attention"]
LEARNT = MEMBERS[1:]
NOTHING = torch.zeros(1, WIDTH)
ALL = ("windows.sampling_probability=1.0", "clipping.update_norm=1e9", "clipping.window_norm=1e9")
LOG = [
    *events(["garden-0", "music-1", "garden-1", "kitchen-2"], words={1: "a loud drum"}),
    *events(["cycling-3", "garden-2", "cycling-4"]),
]


@pytest.fixture(params=MEMBERS)
def heads(request, tiny) -> ConceptModel:
    return moved_heads(tiny, request.param)


def moved_heads(tiny, evolution: str, *settings: str) -> ConceptModel:
    heads = ConceptModel(tiny.file(f"interest.evolution={evolution}", "model.forgetting=0.5", *settings), WIDTH)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in heads.named_parameters():
            if name != "forgetting.gamma":
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return heads


def history(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def before_each(heads: ConceptModel, x: torch.Tensor) -> torch.Tensor:
    """p and lead side by side before each event of histories [W, T, D]."""
    with torch.no_grad():
        p, lead = heads.summarise(torch.cat(heads.view(x), -1), None)
    return torch.cat([p, lead], -1)


def test_the_order_of_events_matters(heads):
    x = torch.cat([history(5), NOTHING])
    turned = torch.cat([x[:5].flip(0), NOTHING])
    assert (before_each(heads, x[None])[0, -1] - before_each(heads, turned[None])[0, -1]).abs().max() > 1e-3


def test_padding_and_later_events_change_nothing(heads):
    x = history(6)
    padded = torch.cat([x[:4], torch.zeros(3, WIDTH)])
    assert torch.allclose(before_each(heads, x[None])[0, :4], before_each(heads, padded[None])[0, :4], atol=1e-6)
    beside = torch.stack([x, history(6, seed=2)])
    assert torch.allclose(before_each(heads, beside)[0], before_each(heads, x[None])[0], atol=1e-6)


def test_an_empty_history_gives_the_prior(heads):
    summary = before_each(heads, history(3)[None])[0, 0]
    assert summary.abs().max() < 1e-5


@pytest.mark.parametrize("evolution", LEARNT)
def test_each_member_starts_as_forgetting(tiny, evolution):
    start = ConceptModel(tiny.file(f"interest.evolution={evolution}"), WIDTH)
    forgetting = ConceptModel(tiny.file(), WIDTH)
    held = start.state_dict()
    forgetting.load_state_dict({name: held[name] for name in forgetting.state_dict()})
    x = history(5)[None]
    assert torch.equal(before_each(start, x), before_each(forgetting, x))


@pytest.mark.parametrize("evolution", LEARNT)
def test_a_member_is_started_by_the_public_seed_alone(evolution):
    torch.manual_seed(1)
    one = build_evolution(evolution, 6, 3, seed=7)
    torch.manual_seed(2)
    other = build_evolution(evolution, 6, 3, seed=7)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("evolution", LEARNT)
def test_event_by_event_gives_what_the_whole_window_gives(tiny, evolution):
    heads = moved_heads(tiny, evolution)
    evolution = heads.evolution
    values = torch.cat(heads.view(history(7)), -1)
    values[3] = 0.0  # an event nobody knows passes without a trace
    with torch.no_grad():
        whole = evolution(values[None])[0]
        state = evolution.start(1)
        for place, entered in enumerate(evolution.enter(values)):
            assert torch.allclose(evolution.correction(state)[0], whole[place], atol=1e-5)
            state = evolution.step(state, entered[None])
        assert torch.allclose(whole[3], whole[4], atol=1e-6)
        assert (whole[2] - whole[6]).abs().max() > 1e-4


@pytest.mark.parametrize("views", ["['dense', 'concepts']", "['dense']", "['concepts']"])
@pytest.mark.parametrize("evolution", LEARNT)
def test_per_window_gradients_are_those_of_a_loop_and_finite(tiny, evolution, views):
    settings = (*ALL, f"interest.evolution={evolution}", "interest.hidden=3", f"model.views={views}")
    release, model = tiny.moved(*settings)
    local = LocalTraining(model)
    put(model, release.vector)
    coins = Seeded().numpy("windows")
    windows = cut_windows(LOG, release.federation.windows.events)
    coins.random(len(windows))  # the coins that draw windows come first
    losses = local.losses(release, windows, ("evolution",), coins)
    parameters = model.train_only(("evolution",))
    rows = np.stack(
        [
            np.concatenate([g.numpy().ravel() for g in torch.autograd.grad(loss, parameters, retain_graph=True)])
            for loss in losses
        ]
    )
    assert np.isfinite(rows).all()
    assert (np.abs(rows).max(0) > 0).mean() > 0.5
    update = local.update(release, release.vector, ("evolution",), LOG, Seeded())
    assert np.allclose(update, -rows.sum(0) / 3, rtol=1e-3, atol=1e-4 * np.abs(rows).max())


def test_what_is_asked_for_and_not_trained_is_an_error(tiny):
    for asked, group in (("interest.evolution=gru", "evolution"), ("interest.context=true", "context")):
        with pytest.raises(Misconfigured, match=rf"training\.groups: expected {group}"):
            tiny.file(asked, "training.groups=['dense']")
