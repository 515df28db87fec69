"""Local training: per-window gradients against a loop, clipping, and what must not be left behind."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from client.recommender import Recommender
from client.training import LocalTraining, cut_windows
from shared.behaviour import Event, EventKind
from shared.errors import NotYet
from shared.federation import GROUPS as EVERY_GROUP
from shared.release import candidate_release
from tests.support.tiny import Seeded, events, person, put

APART = ("gates", "evolution", "context")  # of parts that are absent here: see test_gates, test_evolution, test_context
GROUPS = tuple(group for group in EVERY_GROUP if group not in APART)
HEADS = tuple(group for group in GROUPS if group != "adapters")
HUGE = "1e9"
ALL = ("windows.sampling_probability=1.0", f"clipping.update_norm={HUGE}")
# Two full windows and a short one; repeated items, own words, an unknown item, shown items.
LOG = [
    *events(["garden-0", "music-1", "garden-0", "kitchen-2"], words={1: "a loud drum"}),
    *events(["cycling-3", "withdrawn", "cycling-3", "cycling-4"], shown=("music-4", "music-5", "garden-1")),
    *events(["kitchen-0", None, "kitchen-1"], words={1: "knife for the oven"}),
]


def training(tiny, *settings, seed=0):
    release, model = tiny.moved(*settings, seed=seed)
    return release, model, LocalTraining(model)


def by_autograd(release, model, local, groups, log, rng):
    """Gradient of each window's own loss, one backward pass each: float32 [W, d of the groups]."""
    settings = release.federation
    put(model, release.vector)
    windows = cut_windows(log, settings.windows.events)
    coins = rng.numpy("windows")
    coins.random(len(windows))  # the coins that draw windows come first
    parameters = model.train_only(groups)
    losses = local.losses(release, windows, groups, coins)
    rows = []
    for loss in losses:
        parts = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        rows.append(
            np.concatenate(
                [
                    np.zeros(parameter.numel()) if part is None else part.numpy().ravel()
                    for parameter, part in zip(parameters, parts, strict=True)
                ]
            )
        )
    return np.stack(rows)


def clipped(rows, norm):
    return rows * np.minimum(1, norm / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def close(got, expected):
    return np.allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


BOTH, DENSE, CONCEPTS = "['dense', 'concepts']", "['dense']", "['concepts']"


@pytest.mark.parametrize(
    ("views", "groups"),
    [
        *((views, groups) for views in (BOTH, DENSE, CONCEPTS) for groups in (GROUPS, HEADS)),
        *((BOTH, (group,)) for group in GROUPS),
    ],
)
def test_clipped_gradients_are_those_of_a_loop_window_by_window(tiny, views, groups):
    settings = [*ALL, f"model.views={views}"]
    release, model, local = training(tiny, *settings)
    groups = tuple(group for group in groups if group in model.layout.groups)
    rows = by_autograd(release, model, local, groups, LOG, Seeded())
    lengths = np.linalg.norm(rows, axis=1)
    assert np.median(lengths) > 1e-4
    for norm in (1e9, float(np.median(lengths)), 0.1 * lengths.max()):
        federation = tiny.file(*settings, f"clipping.window_norm={norm}")
        update = local.update(replace(release, federation=federation), release.vector, groups, LOG, Seeded())
        expected = -clipped(rows, norm).sum(0) / 3  # three windows are expected with probability one
        assert close(update, expected)


def test_adapter_gradients_of_several_texts_are_added_up_before_clipping(tiny):
    # Clipped text by text, a window of four texts could move the sum by four times the norm.
    release, model, local = training(tiny, *ALL, "clipping.window_norm=1e-3")
    log = events(["garden-0", "garden-1", "garden-0", "music-1"])
    rows = by_autograd(release, model, local, ("adapters",), log, Seeded())
    update = local.update(release, release.vector, ("adapters",), log, Seeded())
    assert np.linalg.norm(rows) > 1e-3
    assert np.linalg.norm(update) * 3 == pytest.approx(1e-3, rel=1e-3)
    direction = -rows[0] / np.linalg.norm(rows[0])
    assert np.allclose(update * 3 / 1e-3, direction, atol=1e-3)


@pytest.mark.parametrize("groups", [GROUPS, HEADS])
def test_emptying_one_window_moves_the_sum_by_no_more_than_the_clipping_norm(tiny, groups):
    # Windows of 3 and 12 events: with the long one drawn or not, the short one must ask for exactly the same.
    settings = ("windows.events=12", "windows.shown=0", "clipping.window_norm=0.01", "windows.sampling_probability=1.0")
    release, _, local = training(tiny, *settings)
    long, short = person(5, 12), events(["kitchen-0", "music-1", "kitchen-1"])
    # Items nobody knows stand where the long window was: nothing is predicted there, all chance is drawn as before.
    emptied = events(["withdrawn"] * 12)
    both, one = (local.update(release, release.vector, groups, [*first, *short], Seeded()) for first in (long, emptied))
    expected = 0.01 / 3
    assert np.linalg.norm(both - one) == pytest.approx(expected, rel=1e-3)
    assert np.linalg.norm(one) == pytest.approx(expected, rel=1e-3)
    # The same with room to spare, where a rescaled gradient of the short window would show.
    wide = replace(release, federation=tiny.file(*settings, "clipping.window_norm=1e9", "clipping.update_norm=1e9"))
    rows = [local.update(wide, release.vector, groups, log, Seeded()) for log in ([*emptied, *short],)]
    assert np.linalg.norm(rows[0]) > 0.01


def test_the_update_is_clipped_to_its_own_norm(tiny):
    settings = ["windows.sampling_probability=1.0", "clipping.window_norm=1e9"]
    release, model, local = training(tiny, *settings, "clipping.update_norm=1e9")
    free = local.update(release, release.vector, HEADS, LOG, Seeded())
    length = float(np.linalg.norm(free))
    bound = length / 100
    shares = "{dense=3.0, concepts=1.0, transitions=2.0, forgetting=0.5, bias=1.0, scales=0.5}"
    federation = tiny.file(*settings, f"clipping.update_norm={bound}", f"clipping.group_shares={shares}")
    signal = local.update(replace(release, federation=federation), release.vector, HEADS, LOG, Seeded())
    assert np.linalg.norm(signal) <= bound * (1 + 1e-5)
    # by hand: the squares of the shares sum to 9 + 1 + 4 + .25 + 1 + .25 = 15.5
    layout, cut_windows = model.layout.select(HEADS), 0
    for group, share in {"dense": 3.0, "concepts": 1.0, "transitions": 2.0, "forgetting": 0.5, "bias": 1.0}.items():
        places = np.concatenate([np.arange(b.offset, b.offset + b.size) for b in layout.blocks if b.group == group])
        own = bound * share / 15.5**0.5
        whole = float(np.linalg.norm(free[places]))
        assert np.allclose(signal[places], free[places] * min(1.0, own / whole), rtol=1e-4, atol=1e-9)
        cut_windows += own < whole
    assert cut_windows >= 3


def test_no_noise_is_in_an_update_however_much_is_promised(tiny):
    """It comes afterwards, in whole units: see client.secagg.encode."""
    release, _, local = training(tiny, *ALL)
    updates = []
    for noise in ("local_epsilon=0.01", "local_epsilon=100.0", "level=none"):
        file = tiny.file(*ALL, "clipping.window_norm=1e9", f"privacy.{noise}")
        update = local.update(replace(release, federation=file), release.vector, HEADS, LOG, Seeded())
        assert update.dtype == np.float32
        updates.append(update)
    assert np.array_equal(updates[0], updates[1])
    assert np.allclose(updates[1], updates[2], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("groups", [GROUPS, HEADS])
def test_training_asks_for_the_chance_that_draws_windows_and_for_no_other(tiny, groups):
    class Told(Seeded):
        def numpy(self, purpose):
            asked.append(purpose)
            return super().numpy(purpose)

        def bytes(self, purpose):
            raise AssertionError("training draws no secret and no noise")

    asked = []
    release, _, local = training(tiny, *ALL)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    local.update(release, release.vector, groups, LOG, Told())
    assert set(asked) == {"windows"}
    assert torch.equal(torch.get_rng_state(), state)


def test_an_empty_draw_is_answered_with_zeros(tiny):
    release, model, local = training(tiny, "windows.sampling_probability=1e-9")
    update = local.update(release, release.vector, GROUPS, LOG, Seeded())
    assert update.tolist() == [0.0] * model.layout.select(GROUPS).size


def test_without_privacy_the_update_is_the_private_one_without_bounds(tiny):
    release, _, local = training(tiny, *ALL, "clipping.window_norm=1e9")
    private = local.update(release, release.vector, GROUPS, LOG, Seeded())
    open_release = replace(release, federation=tiny.file(*ALL, "privacy.level=none"))
    update = local.update(open_release, release.vector, GROUPS, LOG, Seeded())
    assert np.allclose(update, private, rtol=1e-3, atol=1e-6)


def test_without_privacy_nothing_is_clipped(tiny):
    settings = ("windows.sampling_probability=1.0", "privacy.level=none")
    release, _, local = training(tiny, *settings, "clipping.window_norm=1e-6", "clipping.update_norm=1e-6")
    signal = local.update(release, release.vector, HEADS, LOG, Seeded())
    assert np.linalg.norm(signal) > 1e-3


@pytest.mark.parametrize("privacy", ["event", "none"])
def test_every_group_moves_and_takes_the_loss_down(tiny, privacy):
    release, model, local = training(tiny, *ALL, f"privacy.level={privacy}", "clipping.window_norm=1e9")
    update = local.update(release, release.vector, GROUPS, LOG, Seeded())
    for block in model.layout.blocks:
        assert update[block.slice].any(), block.name
    windows = cut_windows(LOG, 4)

    def loss(vector):
        put(model, vector)
        with torch.no_grad():
            return float(local.losses(release, windows, HEADS, Seeded(5).numpy("windows")).sum())

    start = release.vector
    for groups in (GROUPS, HEADS, ("adapters",)):
        part = model.layout.extract(update, groups)
        step = model.layout.insert(np.zeros_like(start), groups, 0.01 * part / np.linalg.norm(part))
        assert loss(start + step) < loss(start) < loss(start - step)


def test_at_the_very_start_every_group_moves_too(tiny):
    release, model = tiny.release(*ALL)
    update = LocalTraining(model).update(release, release.vector, GROUPS, person(3, 12), Seeded())
    for block in model.layout.blocks:
        assert update[block.slice].any(), block.name


def test_a_window_without_a_finite_gradient_is_as_if_it_were_empty(tiny, monkeypatch):
    """Whatever stands in it, only the other window speaks: clipping cannot bound what is not a number."""
    release, model, local = training(tiny, "windows.sampling_probability=1.0", "windows.events=4")
    read = model.encoder.read
    monkeypatch.setattr(model.encoder, "read", lambda texts: read(texts) * (np.nan if "broken" in texts else 1.0))
    tail = events(["kitchen-0", "kitchen-1", "music-2", "garden-3"])
    one, other = (
        local.update(release, release.vector, HEADS, [*events(items, words={1: "broken"}), *tail], Seeded())
        for items in (["garden-0", "music-1", "garden-2", "music-3"], ["cycling-1", "kitchen-1", "music-0", "music-4"])
    )
    assert one.any()
    assert np.isfinite(one).all()
    assert np.array_equal(one, other)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_events_are_not_enough_yet(tiny, count):
    release, _, local = training(tiny, "windows.minimum_events=5", "privacy.level=none")
    with pytest.raises(NotYet, match=f"expected at least 5 events, got {count}"):
        local.update(release, release.vector, HEADS, person(0, count), Seeded())


@pytest.mark.parametrize("groups", [HEADS, ("adapters",)])
@pytest.mark.parametrize("count", [0, 1])
def test_where_events_are_too_few_a_window_of_public_items_is_worked_on_instead(tiny, monkeypatch, groups, count):
    """So that the time it takes does not tell that there was nothing to train on."""
    release, _, local = training(tiny, *ALL)
    worked, step = [], LocalTraining._step

    def spied(self, release, groups, drawn, *rest):
        worked.extend(drawn)
        return step(self, release, groups, drawn, *rest)

    monkeypatch.setattr(LocalTraining, "_step", spied)
    with pytest.raises(NotYet):
        local.update(release, release.vector, groups, events(["music-1"] * count), Seeded())
    (window,) = worked
    assert [event.item for event in window.events] == [item.id for item in release.catalogue][:4]


def test_an_update_that_failed_half_way_leaves_nothing_for_the_next(tiny, monkeypatch):
    """Opacus keeps what each layer saw until the backward pass takes it, and that is of one person's windows."""
    release, _, local = training(tiny, *ALL)
    fresh = local.update(release, release.vector, HEADS, LOG, Seeded())

    def fail(*_, **__):
        raise ValueError("before the backward pass")

    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "backward", fail)
        with pytest.raises(ValueError, match="backward"):
            local.update(release, release.vector, HEADS, person(8, 12), Seeded())
    assert not [part for part in local._module.modules() if getattr(part, "activations", None)]
    again = local.update(release, release.vector, HEADS, LOG, Seeded())
    assert again.tolist() == fresh.tolist()


@pytest.mark.parametrize("groups", [GROUPS, HEADS, ("adapters",)])
@pytest.mark.parametrize(
    "log",
    [
        events(["withdrawn", "garden-0"]),
        events(["withdrawn", "gone"]),
        events(["garden-0", "withdrawn"]),
        events([None, None], words={0: "a drum", 1: "an oven"}),
        [*person(0, 4), *events(["garden-0"])],
    ],
    ids=["unknown first", "all unknown", "unknown last", "only words", "a window of one"],
)
def test_a_log_that_teaches_nothing_is_still_answered(tiny, groups, log):
    for privacy in ("event", "none"):
        release, _, local = training(tiny, *ALL, f"privacy.level={privacy}")
        update = local.update(release, release.vector, groups, log, Seeded())
        assert np.isfinite(update).all()


@pytest.mark.parametrize("groups", [GROUPS, HEADS])
def test_one_persons_update_leaves_nothing_behind_for_the_next(tiny, groups):
    other = [*person(9, 10), *events(["music-0", "music-3"], words={0: "knee pain"})]
    release, _, local = training(tiny, *ALL)
    alone = local.update(release, release.vector, groups, LOG, Seeded())
    _, _, second = training(tiny, *ALL)
    vector = release.vector * np.float32(1.1)
    second.update(release, vector, HEADS, other, Seeded(4))
    second.update(release, vector, GROUPS, other, Seeded(4))
    second.losses(release, cut_windows(other, 4), HEADS, Seeded(4).numpy("windows"))
    after = second.update(release, release.vector, groups, LOG, Seeded())
    assert np.allclose(after, alone, rtol=1e-3, atol=1e-6)


def test_a_persons_own_words_enter_their_history(tiny):
    release, _, local = training(tiny, *ALL, "privacy.level=none")
    items = ["garden-0", "music-1", "garden-2"]
    plain, spoken, other = (
        local.update(release, release.vector, HEADS, events(items, words=words), Seeded())
        for words in (None, {0: "oven pan"}, {0: "wheel brake"})
    )
    assert not np.allclose(plain, spoken, atol=1e-4)
    assert not np.allclose(spoken, other, atol=1e-4)


def test_own_words_move_along_with_the_adapter_of_the_round(tiny):
    release, model, local = training(tiny, *ALL, "privacy.level=none")
    log = events(["garden-0", "music-1"], words={0: "oven pan"})
    first = local.update(release, release.vector, HEADS, log, Seeded())
    up = np.random.default_rng(0).normal(size=model.layout.select(["adapters"]).size).astype(np.float32)
    moved = model.layout.insert(release.vector, ["adapters"], up)
    second = local.update(release, moved, HEADS, log, Seeded())
    assert not np.allclose(first, second, atol=1e-4)


def test_texts_move_with_the_adapter_as_those_of_a_candidate_do(tiny):
    """Devices are evaluated on what they train for."""
    release, model, local = training(tiny, *ALL)
    windows = cut_windows(person(2, 12), 4)
    other = release.vector + np.random.default_rng(0).normal(0, 0.1, len(release.vector)).astype(np.float32)
    put(model, other)
    losses = [
        local.losses(one, windows, GROUPS, Seeded().numpy("windows")).detach().numpy()
        for one in (release, candidate_release(release, model, other))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    stale = replace(release, vector=other)  # whose index has not moved along
    assert losses[0] != pytest.approx(
        local.losses(stale, windows, GROUPS, Seeded().numpy("windows")).detach().numpy(), rel=1e-2
    )


def test_own_words_are_read_once_by_themselves_and_under_the_releases_own_adapter(tiny, monkeypatch):
    """Beside others a text's last bits would tell what it was read beside."""
    release, model, local = training(tiny, *ALL)
    read, met = model.encoder.read, []

    def reading(texts):
        met.append((list(texts), model.vector().tobytes()))
        return read(texts)

    monkeypatch.setattr(model.encoder, "read", reading)
    for vector in (release.vector, release.vector + np.float32(0.1)):
        local.update(release, vector, GROUPS, LOG, Seeded())
    assert met == [([text], release.vector.tobytes()) for text in ("a loud drum", "knife for the oven")]


def test_without_an_adapter_there_is_nothing_beside_the_windows(tiny):
    release, model = tiny.release(*ALL, 'training.groups=["dense", "bias"]')
    assert LocalTraining(model)._batch(release, cut_windows(LOG, 4), Seeded().numpy("windows")).entering is None
    update = LocalTraining(model).update(release, release.vector, ("dense", "bias"), LOG, Seeded())
    assert update.any()


def test_several_local_steps_are_the_same_steps_one_after_the_other(tiny):
    steps = ("privacy.level=none", "windows.sampling_probability=1.0", "training.local_learning_rate=0.3")
    release, model, local = training(tiny, *steps, "training.local_steps=3")
    three = local.update(release, release.vector, HEADS, LOG, Seeded())
    coins = Seeded().numpy("windows")
    start = model.layout.extract(release.vector, HEADS)
    at = start.copy()
    for _ in range(3):
        put(model, model.layout.insert(release.vector, HEADS, at))
        parameters = model.train_only(HEADS)
        coins.random(3)
        losses = local.losses(release, cut_windows(LOG, 4), HEADS, coins)
        parts = torch.autograd.grad(losses.sum() / 3, parameters)
        at = at - 0.3 * np.concatenate([part.numpy().ravel() for part in parts])
    assert np.allclose(three, at - start, rtol=1e-3, atol=1e-6)


def test_where_asked_only_what_was_chosen_out_of_a_known_list_teaches(tiny):
    only = (*ALL, "windows.only_shown=true", "privacy.level=none")
    release, _, local = training(tiny, *only)
    unknown = events(["garden-0", "music-1", "kitchen-2", "cycling-3"])
    assert not local.update(release, release.vector, GROUPS, unknown, Seeded()).any()
    listed = [*unknown[:3], replace(unknown[3], shown=("music-4", "garden-1"))]
    assert local.update(release, release.vector, GROUPS, listed, Seeded()).any()
    # What stands before it is its history, listed or not.
    other = [replace(listed[0], item="kitchen-5"), *listed[1:]]
    first, second = (local.update(release, release.vector, GROUPS, log, Seeded()) for log in (listed, other))
    assert not np.allclose(first, second, atol=1e-6)


def test_prints_hold_sizes_only(tiny):
    release, model, local = training(tiny)
    local.update(release, release.vector, HEADS, LOG, Seeded())
    assert repr(local) == f"LocalTraining(GlobalModel(d={model.layout.size}))"


def test_training_in_one_thread_leaves_what_another_ranks_by_as_it_is(tiny):
    release, model = tiny.moved("privacy.level=none", "sum.mode=plain", "training.local_learning_rate=5.0")
    log = events(["garden-0", "music-1", "garden-2", "kitchen-2"] * 3)
    asked = [*log, Event(9e8, EventKind.SEARCH, text="a rose for the garden")]
    ranker = Recommender(release, model)
    expected = [offer.item for offer in ranker.recommend(ranker.profile(asked), 5)]
    training, stop, trained = LocalTraining(model), threading.Event(), []

    def train():
        while not stop.is_set():
            groups = ("adapters",) if len(trained) % 2 else HEADS
            trained.append(training.update(release, release.vector + np.float32(0.3), groups, log, Seeded()))

    thread = threading.Thread(target=train)
    thread.start()
    try:
        while len(trained) < 4 and thread.is_alive():
            fresh = Recommender(release, model)
            assert [offer.item for offer in fresh.recommend(fresh.profile(asked), 5)] == expected
            assert [offer.item for offer in ranker.recommend(ranker.profile(asked), 5)] == expected
    finally:
        stop.set()
        thread.join(60)
    assert len(trained) >= 4
    assert any(signal.any() for signal in trained)


def test_parameters_cannot_be_left_behind_in_a_model(tiny):
    release, model = tiny.moved()
    before = model.vector()
    with pytest.raises(RuntimeError, match=r"inside `with model\.at\(vector\)` alone"):
        model.load(release.vector)
    with model.at(release.vector + 1):
        assert np.array_equal(model.vector(), release.vector + 1)
    assert np.array_equal(model.vector(), before)
    heads = model.heads_at(release.vector)
    with model.at(release.vector * 0):
        assert any(parameter.any() for parameter in heads.parameters())
        assert not any(parameter.requires_grad for parameter in heads.parameters())


def test_another_threads_context_lets_nobody_else_put_parameters_in_place(tiny):
    release, model = tiny.moved()
    refused = []

    def intrude():
        try:
            model.load(release.vector * 0)
        except RuntimeError as error:
            refused.append(error)

    thread = threading.Thread(target=intrude)
    with model.at(release.vector):
        thread.start()
        thread.join(0.2)
        assert np.array_equal(model.vector(), release.vector)
    thread.join(60)
    assert len(refused) == 1
