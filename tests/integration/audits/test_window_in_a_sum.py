"""One window of a person's events in a private sum and in a single answer: what it moves, against what is charged.

Unit: one window; neighbours: that window emptied, the others in their places. The measure is mu = shift over the
deviation of the noise, in whole units: a Gaussian of that mu has rho = mu² / 2. In a sum the noise is what honest
survivors surely add; in a single answer it is the device's own local noise. The control leaves out the clipping of
windows, and must move both by more than is charged for.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from client.secagg import Contribution
from client.secagg.encode import encode_contribution
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.privacy import LocalWindow, SummedGaussian, SummedWindow
from shared.round_parameters import derive_round_parameters
from tests.support.tiny import Seeded, Tiny, events

GROUPS = ("dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters")
SETTINGS = (
    "privacy.level=both",
    "privacy.local_noise=on",
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


@dataclass(frozen=True)
class Moved:
    """The largest rho of any window of the log, as measured, and what is charged for one and for the person.

    Attributes:
        in_sum, in_answer: as measured, in a sum and in a single answer without it.
        window, local: charged for one window, in a sum and in a single answer.
        person: charged for everything of the person, in a sum.
    """

    in_sum: float
    in_answer: float
    window: float
    local: float
    person: float


def moved_by_a_window(tiny: Tiny, log: list[Event] = LOG) -> Moved:
    release, model = tiny.moved(*SETTINGS)
    training = LocalTraining(model)
    dimension = model.layout.select(GROUPS).size
    terms = derive_round_parameters(release.federation, "update", 1, dimension, bytes(32), bytes(32))
    parameters = terms.configuration.for_cohort(COHORT, terms.local_noise_over_clip)

    def words(log: list[Event], seed: int) -> np.ndarray:
        try:
            update = training.update(release, release.vector, GROUPS, log, SameForEachWindow())
        except ValueError:  # as a device does where nothing can be computed
            update = np.zeros(dimension, np.float32)
        bare = replace(parameters, variance=0, local_variance=0)
        made = encode_contribution(Contribution(update), terms.configuration, bare, Seeded(seed).bytes("rounding"))
        return made.astype(np.int32).astype(np.float64)

    whole = [words(log, seed) for seed in range(3)]
    worst = max(
        float(np.square(one - words(emptied(window, log), 7 + seed)).sum())
        for window in range(3)
        for seed, one in enumerate(whole)
    )
    charged = {type(event): event.rho for event in terms.charges}
    return Moved(
        worst / (2 * parameters.variance * parameters.honest_survivors),
        worst / (2 * parameters.local_variance),
        charged[SummedWindow],
        charged[LocalWindow],
        charged[SummedGaussian],
    )


def test_no_window_moves_the_sum_by_more_than_its_charge(tiny: Tiny) -> None:
    moved = moved_by_a_window(tiny)
    assert 0.1 * moved.window < moved.in_sum <= moved.window  # and the charge is not far above what can happen
    assert moved.window < moved.person / 4


def test_no_window_moves_a_single_answer_by_more_than_its_charge(tiny: Tiny) -> None:
    moved = moved_by_a_window(tiny)
    assert 0.1 * moved.local < moved.in_answer <= moved.local


def unreadable(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The log, with one event whose words break the encoder."""
    read = LocalTraining._read_text

    def broken(self: LocalTraining, text: str) -> object:
        if text == "rose":
            raise ValueError("a text that no encoder survives")
        return read(self, text)

    monkeypatch.setattr(LocalTraining, "_read_text", broken)
    return [*LOG[:5], Event(LOG[5].time_seconds, EventKind.SEARCH, text="rose"), *LOG[6:]]


def test_a_window_that_cannot_be_computed_moves_no_more_than_another(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = moved_by_a_window(tiny, unreadable(monkeypatch))
    assert 0.1 * moved.window < moved.in_sum <= moved.window
    assert 0.1 * moved.local < moved.in_answer <= moved.local


def test_the_control_whose_broken_window_takes_the_others_with_it_moves_by_more(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = unreadable(monkeypatch)
    monkeypatch.setattr(LocalTraining, "_step", LocalTraining._step_together)
    moved = moved_by_a_window(tiny, log)
    assert moved.window < moved.in_sum <= moved.person
    assert moved.local < moved.in_answer


def test_the_control_whose_windows_are_not_clipped_moves_by_more(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from client.training.per_window_gradients import PerWindow

    clipped_sum = PerWindow.clipped_sum

    def unclipped(self: PerWindow, losses: object, clip_norm: float, *rest: object) -> object:
        return clipped_sum(self, losses, 1e9, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PerWindow, "clipped_sum", unclipped)
    moved = moved_by_a_window(tiny)
    assert moved.window < moved.in_sum <= 4 * moved.person
    assert moved.local < moved.in_answer
