"""What devices say of their rankings in a sum: read as it was said, within its norm, silent where noise could speak."""

import itertools

import numpy as np
import pytest

from shared.measures import BREADTH, GROUPS, MEASURES, MEASURES_NORM, QUALITY, read, say

NAMES = (*QUALITY, *BREADTH)


def _figures(*values: float) -> dict[str, float]:
    return dict(zip(NAMES, values, strict=True))


def test_the_mean_of_what_devices_say_is_read_as_it_was_said() -> None:
    """Means and groups by hand: 5 and 9 events are few, 10 are some, 30 are many."""
    said = [
        (_figures(1.0, 0.8, 0.5, 0.9, 0.2, 0.4, 0.6), 5),
        (_figures(0.0, 0.2, 0.1, 0.5, 0.4, 0.2, 0.8), 9),
        (_figures(1.0, 0.6, 0.3, 0.7, 0.3, 0.0, 1.0), 10),
        (_figures(0.0, 0.1, 0.1, 0.3, 0.7, 1.0, 0.0), 30),
    ]
    total = np.sum([say(*one).astype(np.float64) for one in said], axis=0)
    expected = _figures(0.5, 0.425, 0.25, 0.6, 0.4, 0.4, 0.6)
    groups = {"few events": 0.5, "some events": 0.6, "many events": 0.1}
    expected |= {f"ndcg@10, {name}": value for name, value in groups.items()} | {"gap": 0.5}
    assert read(total, 4, 0.0) == pytest.approx(expected, abs=1e-6)


def test_no_device_can_say_more_than_its_norm_and_some_say_as_much() -> None:
    norms = [
        float(np.linalg.norm(say(_figures(*ends), events)))
        for ends in itertools.product((0.0, 1.0), repeat=len(NAMES))
        for events in (2, 20, 200)
    ]
    assert max(norms) == pytest.approx(MEASURES_NORM)
    assert say(_figures(*[0.5] * 7), 3).shape == (MEASURES,)


def test_a_group_is_told_only_where_its_count_is_clear_of_the_noise() -> None:
    few = say(_figures(*[0.6] * 7), 3).astype(np.float64)
    many = say(_figures(*[0.4] * 7), 300).astype(np.float64)
    total = 100 * few + 8 * many
    # Counts are sent halved: 8 devices are told from noise up to a deviation of 8 / 3 / 2 = 1.33 of what is sent.
    assert "ndcg@10, many events" in read(total, 108, 1.3)
    told = read(total, 108, 1.4)
    assert "ndcg@10, few events" in told
    assert "ndcg@10, many events" not in told
    assert "gap" not in told  # nothing to compare the one group with
    assert not any(f"ndcg@10, {name}" in told for name in GROUPS[1:])


def test_nothing_is_said_of_a_group_that_nobody_is_in() -> None:
    told = read(3.0 * say(_figures(*[0.6] * 7), 3), 3, 0.0)
    assert told["ndcg@10, few events"] == pytest.approx(0.6)
    assert "ndcg@10, some events" not in told
    assert "gap" not in told


def test_noise_never_leads_outside_what_a_figure_can_be() -> None:
    told = read(np.full(MEASURES, 7.0), 2, 0.0)
    assert all(0.0 <= value <= 1.0 for value in told.values())
    assert read(np.full(MEASURES, -7.0), 2, 0.0) == dict.fromkeys(NAMES, 0.0)
