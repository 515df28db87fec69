"""One window of a person's events in a private sum: what it can move, against what the ledger charges for it.

Unit: one window; neighbours: that window emptied, the others in their places. The measure is mu = shift over the
deviation of the noise that honest survivors surely add, in whole units: a Gaussian of that mu is rho = mu² / 2 in zCDP.
The control leaves out the clipping of windows, and must move by more than is charged for.
"""

import numpy as np
import pytest

from client.secagg import Contribution
from client.secagg.encode import encode_contribution
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.privacy import SummedGaussian, SummedWindow
from shared.round_parameters import derive_round_parameters
from tests.support.tiny import Seeded, Tiny, events

GROUPS = ("dense", "concepts", "transitions", "forgetting", "bias", "scales")
SETTINGS = (
    "privacy.level=both",
    "privacy.event_noise_multiplier=0.0",
    "sum.mode=ideal",
    "windows.sampling_probability=1.0",
    "clipping.update_norm=0.01",
    "clipping.window_norm=0.012",
    "round.minimum_answers=3",
)
LOG = [
    *events(["garden-0", "music-1", "garden-2", "kitchen-2"]),
    *events(["cycling-3", "music-2", "cycling-1", "cycling-4"]),
    *events(["kitchen-0", "music-4", "kitchen-1", "garden-5"]),
]
COHORT = 20


def emptied(window: int, log: list[Event]) -> list[Event]:
    """The log, with one window's events replaced by such as train nothing and take no place from others."""
    return [
        Event(event.time_seconds, event.kind, "withdrawn") if place // 4 == window else event
        for place, event in enumerate(log)
    ]


class SameForEachWindow(Seeded):
    """Draws the same negatives for a window wherever it stands, so that logs differ in nothing but their events."""

    def numpy(self, purpose: str) -> np.random.Generator:
        class Rows(np.random.Generator):
            def integers(self, most: int, *, size: tuple[int, int]) -> np.ndarray:  # type: ignore[override]
                return np.broadcast_to(np.random.default_rng(0).integers(most, size=size[1:]), size)

        return Rows(np.random.PCG64(self.seed))


def moved_by_a_window(tiny: Tiny, log: list[Event] = LOG) -> tuple[float, float, float]:
    """The largest squared mu over twice, of any window of the log; and the rho that is charged for one, and for all."""
    release, model = tiny.moved(*SETTINGS)
    local = LocalTraining(model)
    dimension = model.layout.select(GROUPS).size
    terms = derive_round_parameters(release.federation, "update", 1, dimension, bytes(32), bytes(32))
    parameters = terms.configuration.for_cohort(COHORT)
    quiet = terms.configuration.for_cohort(COHORT).variance * parameters.honest_survivors

    def words(log: list[Event], seed: int) -> np.ndarray:
        try:
            signal = local.update(release, release.vector, GROUPS, log, SameForEachWindow()).signal
        except ValueError:  # as a device does where nothing can be computed
            signal = np.zeros(dimension, np.float32)
        none = np.zeros(0, np.float32)
        bare = type(parameters)(**{f: getattr(parameters, f) for f in parameters.__slots__} | {"variance": 0})
        made = encode_contribution(
            Contribution(signal, none), terms.configuration, bare, Seeded(seed).bytes("rounding")
        )
        return made.astype(np.int32).astype(np.float64)

    whole = [words(log, seed) for seed in range(3)]
    worst = max(
        float(np.square(one - words(emptied(window, log), 7 + seed)).sum())
        for window in range(3)
        for seed, one in enumerate(whole)
    )
    charged = {type(event): event.rho for event in terms.charges}
    return worst / (2 * quiet), charged[SummedWindow], charged[SummedGaussian]


def test_no_window_moves_the_sum_by_more_than_its_charge(tiny: Tiny) -> None:
    moved, window, person = moved_by_a_window(tiny)
    assert 0.1 * window < moved <= window  # and the charge is not far above what can happen
    assert window < person / 4


def unreadable(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The log, with one event whose words break the encoder."""
    embed = LocalTraining._embed_text

    def broken(self: LocalTraining, text: str) -> object:
        if text == "rose":
            raise ValueError("a text that no encoder survives")
        return embed(self, text)

    monkeypatch.setattr(LocalTraining, "_embed_text", broken)
    return [*LOG[:5], Event(LOG[5].time_seconds, EventKind.SEARCH, text="rose"), *LOG[6:]]


def test_a_window_that_cannot_be_computed_moves_no_more_than_another(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, window, _ = moved_by_a_window(tiny, unreadable(monkeypatch))
    assert 0.1 * window < moved <= window


def test_the_control_whose_broken_window_takes_the_others_with_it_moves_by_more(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = unreadable(monkeypatch)
    monkeypatch.setattr(LocalTraining, "_step", LocalTraining._step_together)
    moved, window, person = moved_by_a_window(tiny, log)
    assert window < moved <= person


def test_the_control_whose_windows_are_not_clipped_moves_by_more(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from client.training.per_window_gradients import PerWindow

    clipped_sum = PerWindow.clipped_sum

    def unclipped(self: PerWindow, losses: object, texts: object, clip_norm: float, *rest: object) -> object:
        return clipped_sum(self, losses, texts, 1e9, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PerWindow, "clipped_sum", unclipped)
    moved, window, person = moved_by_a_window(tiny)
    assert window < moved
    assert moved <= 4 * person
