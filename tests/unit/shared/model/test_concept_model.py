"""The scoring formula and the loss, against slow twins written with numpy, one number at a time."""

import math

import numpy as np
import pytest
import torch

from shared.model import ConceptModel, Windows
from tests.support.tiny import WIDTH

TOP, TAU = 3, 0.3


def unit(v):
    length = math.sqrt(float(np.dot(v, v)))
    return v / length if length > 0 else v * 0


class Twin:
    """The formula of the design, in float64."""

    def __init__(self, heads: ConceptModel) -> None:
        values = {name: p.detach().numpy().astype(np.float64) for name, p in heads.named_parameters()}
        self.dense, self.concepts = values.get("dense.change.weight"), values.get("concepts.weight")
        self.transitions = values.get("transitions.weight")
        self.gamma = float(values["forgetting.gamma"][0])
        self.bias = values["bias.weight"][0]
        self.scales = list(np.exp(values["scales.levels"] / 10))

    def z(self, x):
        turned = unit(x)[:8].copy()
        columns, rows = self.dense.shape
        turned[:columns] += self.dense @ unit(x)[:rows]
        return unit(turned)

    def c(self, x):
        shares = np.zeros(len(self.concepts))
        if not x.any():
            return shares
        cosines = [float(np.dot(unit(x), unit(w))) for w in self.concepts]
        top = sorted(range(len(cosines)), key=lambda k: -cosines[k])[:TOP]
        total = sum(math.exp(cosines[k] / TAU) for k in top)
        for k in top:
            shares[k] = math.exp(cosines[k] / TAU) / total
        return shares

    def interest(self, history):
        """History oldest first: the newest event has age rank 1."""
        p = q = None
        ages = range(len(history), 0, -1)
        if self.dense is not None:
            p = unit(sum((age**-self.gamma * self.z(x) for age, x in zip(ages, history, strict=True)), np.zeros(8)))
        if self.concepts is not None:
            q = sum((age**-self.gamma * self.c(x) for age, x in zip(ages, history, strict=True)), np.zeros(6))
            q = q / q.sum() if q.sum() > 0 else q
        return p, q

    def score(self, history, item, log_popularity):
        p, q = self.interest(history)
        scales, total = iter(self.scales), float(self.bias @ item)
        if p is not None:
            total += next(scales) * float(p @ self.z(item))
        if q is not None:
            roots, reached = np.sqrt(q), np.sqrt(self.c(item))
            follows = sum(
                reached[to] * self.transitions[to, start] * roots[start] for to in range(6) for start in range(6)
            )
            total += next(scales) * (float(roots @ reached) + follows)
        if remaining := list(scales):
            total += remaining[0] * log_popularity
        return total

    def loss(self, w: Windows, window: int):
        """Softmax loss of one window, event by event."""
        values = [part[window].numpy() for part in w[:8]]
        events, targets, predicted, others, allowed, own_popularity, popularity, importance = values
        total = 0.0
        for t in range(len(events)):
            if predicted[t]:
                history = events[:t].astype(np.float64)
                own = self.score(history, targets[t].astype(np.float64), own_popularity[t])
                against = [
                    self.score(history, others[n].astype(np.float64), popularity[n])
                    for n in range(len(others))
                    if allowed[t, n]
                ]
                loss = math.log(sum(math.exp(s) for s in [own, *against])) - own
                total += float(importance[t]) * loss
        return total / (predicted.sum() + 1)


def heads_of(tiny, *settings) -> ConceptModel:
    """Heads with random numbers in every parameter."""
    heads = ConceptModel(tiny.file(*settings), WIDTH)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in heads.named_parameters():
            if name == "forgetting.gamma":
                parameter.fill_(0.7)
            else:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return heads


def after(heads: ConceptModel, x: torch.Tensor, context: torch.Tensor | None = None):
    """p and what the concepts lead to after a history [T, D]."""
    following = torch.cat([x, torch.zeros(1, WIDTH)]).unsqueeze(0)
    viewed = torch.cat([part for part in heads.view(following) if part is not None], -1)
    p, lead = heads.summarise(viewed, context)
    return None if p is None else p[0, -1], None if lead is None else lead[0, -1]


def random_windows(padded: int = 2) -> Windows:
    """Three windows of five events: one full, one with padding, one with an event whose item nobody knows."""
    generator = torch.Generator().manual_seed(1)
    events = torch.randn(3, 5, WIDTH, generator=generator)
    targets = events.clone()
    events[0, 2] = torch.randn(WIDTH, generator=generator)  # the person's own words
    events[1, 5 - padded :] = targets[1, 5 - padded :] = 0
    events[2, 1] = targets[2, 1] = 0
    predicted = torch.ones(3, 5, dtype=torch.bool)
    predicted[:, 0] = False
    predicted[1, 5 - padded :] = False
    predicted[2, 1] = False
    others = torch.randn(3, 4, WIDTH, generator=generator)
    others[0, 1] = targets[0, 3]
    allowed = torch.rand(3, 5, 4, generator=generator) < 0.8
    allowed[0, 3, 1] = False
    popularity = torch.randn(3, 9, generator=generator)
    importance = 1.0 + 3.0 * torch.rand(3, 5, generator=generator)
    return Windows(events, targets, predicted, others, allowed, popularity[:, :5], popularity[:, 5:], importance)


VIEWS = [
    "model.views=['dense', 'concepts']",
    "model.views=['concepts', 'dense']",
    "model.views=['dense']",
    "model.views=['concepts']",
]


@pytest.mark.parametrize("popularity", ["true", "false"])
@pytest.mark.parametrize("views", VIEWS)
def test_losses_are_those_of_the_slow_twin(tiny, views, popularity):
    heads = heads_of(tiny, views, f"model.popularity={popularity}")
    windows = random_windows()
    twin = Twin(heads)
    with torch.no_grad():
        losses = heads.losses(windows).tolist()
    assert losses == pytest.approx([twin.loss(windows, window) for window in range(3)], rel=1e-4)


@pytest.mark.parametrize("views", VIEWS)
def test_the_parts_a_device_ranks_with_make_the_score_of_the_slow_twin(tiny, views):
    heads, twin = heads_of(tiny, views), None
    twin = Twin(heads)
    x = torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        p, lead = after(heads, x[:4])
        z, c = heads.view(x[4:])
        parts = []
        if p is not None:
            parts.append(z @ p)
        if lead is not None:
            parts.append(c.sqrt() @ lead)
        parts.append(torch.tensor([0.5, -2.0]))
        scores = heads.scales(torch.stack(parts, -1)) + heads.prior(x[4:])
    history, items = x[:4].numpy().astype(np.float64), x[4:].numpy().astype(np.float64)
    expected = [twin.score(history, items[0], 0.5), twin.score(history, items[1], -2.0)]
    assert scores.tolist() == pytest.approx(expected, abs=1e-4)


def test_scales_start_as_the_federation_says_whatever_the_order_of_the_views(tiny):
    for views in VIEWS[:2]:
        heads = ConceptModel(tiny.file(views, "model.dense_scale=5.0", "model.concept_scale=2.0"), WIDTH)
        assert heads.scales.weights().tolist() == pytest.approx([5.0, 2.0, 0.5])


def test_a_concept_distribution_has_exactly_the_top_entries_and_sums_to_one(tiny):
    heads = heads_of(tiny)
    x = torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(3))
    _, c = heads.view(x)
    assert ((c > 0).sum(-1) == TOP).all()
    assert torch.allclose(c.sum(-1), torch.ones(40), atol=1e-6)
    twin = Twin(heads)
    assert np.allclose(c.detach().numpy(), [twin.c(row) for row in x.numpy().astype(np.float64)], atol=1e-5)


def test_forgetting_weights_are_ages_to_the_power_of_minus_gamma():
    from shared.model import Forgetting

    # Row t holds (t - j)^-0.5 for j < t; 2^-0.5 = 0.70711, 3^-0.5 = 0.57735.
    expected = [[0, 0, 0, 0], [1, 0, 0, 0], [0.70711, 1, 0, 0], [0.57735, 0.70711, 1, 0]]
    assert np.allclose(Forgetting(0.5).weights(4).detach().numpy(), expected, atol=1e-5)


def test_the_interest_before_an_event_is_that_of_the_history_up_to_it(tiny):
    heads, x = heads_of(tiny), torch.randn(1, 5, WIDTH, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        p, lead = heads.summarise(torch.cat(heads.view(x), -1), None)
        for t in range(1, 5):
            alone_p, alone_lead = after(heads, x[0, :t])
            assert torch.allclose(p[0, t], alone_p, atol=1e-5)
            assert torch.allclose(lead[0, t], alone_lead, atol=1e-5)


def test_no_history_and_an_unknown_text_give_zeros(tiny):
    heads = heads_of(tiny)
    for x in (torch.zeros(0, WIDTH), torch.zeros(2, WIDTH)):
        p, lead = after(heads, x)
        assert not p.any()
        assert lead.abs().max() < 1e-5
    z, c = heads.view(torch.zeros(2, WIDTH))
    assert not z.any()
    assert not c.any()


def test_without_history_only_the_prior_tells_items_apart(tiny):
    heads = heads_of(tiny)
    twin, x = Twin(heads), torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(3))
    items = x.numpy().astype(np.float64)
    assert twin.score(items[:0], items[0], 0.0) == pytest.approx(float(heads.prior(x)[0]), abs=1e-5)
    with torch.no_grad():
        _, c = heads.view(x)
        _, lead = after(heads, torch.zeros(0, WIDTH))
        assert (c.sqrt() @ lead).abs().max() < 1e-5


def test_padding_and_the_rest_of_the_batch_change_no_windows_loss(tiny):
    # Otherwise clipping each window's gradient would not bound what the window changes.
    heads, windows = heads_of(tiny), random_windows(padded=2)
    with torch.no_grad():
        together = heads.losses(windows)
        shorter = [part[1:2, :3] if part.shape[1] == 5 else part[1:2] for part in windows[:8]]
        assert torch.allclose(heads.losses(Windows(*shorter))[0], together[1], atol=1e-6)
        for window in range(3):
            alone = heads.losses(Windows(*(part[window : window + 1] for part in windows[:8])))
            assert torch.allclose(alone[0], together[window], atol=1e-6)


def test_an_events_loss_counts_by_its_importance(tiny):
    heads, windows = heads_of(tiny), random_windows()
    assert windows.importance is not None
    with torch.no_grad():
        plain = heads.losses(windows)
        none = windows.importance.clone()
        none[0] = 0.0
        one = none.clone()
        one[0, 3] = 1.0
        twice = windows.importance.clone()
        twice[0, 3] += 1.0
        alone = heads.losses(windows._replace(importance=one))[0]
        assert heads.losses(windows._replace(importance=none))[0] == 0.0
        assert torch.allclose(heads.losses(windows._replace(importance=twice))[0], plain[0] + alone, atol=1e-6)
        even = windows._replace(importance=torch.ones_like(twice))
        assert torch.equal(heads.losses(windows._replace(importance=None)), heads.losses(even))


def test_an_item_that_is_not_allowed_does_not_count_against_an_event(tiny):
    heads, windows = heads_of(tiny), random_windows()
    changed = windows.others.clone()
    changed[0, 1] = 9.0
    none = windows.allowed.clone()
    none[0, :, 1] = False
    with torch.no_grad():
        assert (
            heads.losses(windows._replace(allowed=none))[0]
            == heads.losses(windows._replace(allowed=none, others=changed))[0]
        )
        assert heads.losses(windows)[0] != heads.losses(windows._replace(others=changed))[0]


def test_a_window_in_which_nothing_is_predicted_costs_nothing(tiny):
    heads, windows = heads_of(tiny), random_windows()
    with torch.no_grad():
        assert not heads.losses(windows._replace(predicted=torch.zeros(3, 5, dtype=torch.bool))).any()


def test_gradients_at_the_start_are_finite_and_reach_every_parameter(tiny):
    heads = ConceptModel(tiny.file(), WIDTH)
    heads.start_concepts(np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32))
    heads.losses(random_windows()).sum().backward()
    for name, parameter in heads.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_negatives_drawn_by_popularity_leave_popularity_out_of_the_loss(tiny):
    losses = []
    for settings in (("windows.negative_popularity=1.0",), ("model.popularity=false",)):
        release, model = tiny.release(*settings)
        index = torch.from_numpy(release.index)
        popularity = torch.arange(len(index), dtype=torch.float32)
        events = index[[0, 1, 2, 3]].unsqueeze(0)
        others = torch.tensor([[4, 5, 6]])
        windows = Windows(
            events,
            events,
            torch.tensor([[False, True, True, True]]),
            index[others],
            torch.ones(1, 4, 3, dtype=torch.bool),
            popularity[[0, 1, 2, 3]].unsqueeze(0),
            popularity[others],
        )
        losses.append(model.heads.losses(windows))
    assert torch.allclose(losses[0], losses[1])
    assert losses[0].item() > 0
