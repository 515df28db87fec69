"""What devices say of their rankings in a sum: read as it was said, within its norm, silent where noise could speak."""

import itertools
import math

import numpy as np
import pytest

from shared.metrics.federated import (
    BREADTH,
    MEASURES,
    MEASURES_NORM,
    METRIC_GROUPS,
    QUALITY,
    decode_metrics,
    encode_metrics,
)

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
    total = np.sum([encode_metrics(*one).astype(np.float64) for one in said], axis=0)
    expected = _figures(0.5, 0.425, 0.25, 0.6, 0.4, 0.4, 0.6)
    groups = {"few events": 0.5, "some events": 0.6, "many events": 0.1}
    expected |= {f"ndcg@10, {name}": value for name, value in groups.items()} | {"gap": 0.5}
    # Of a half from person to person: by 4 people a quarter, by 2 people 0.5 / sqrt(2), by 1 a half; there is no noise.
    expected |= {f"{name} deviation": 0.25 for name in NAMES}
    expected["ndcg@10, few events deviation"] = 0.5 / math.sqrt(2)
    expected |= {f"ndcg@10, {name} deviation": 0.5 for name in ("some events", "many events")}
    expected["gap deviation"] = math.sqrt(0.5)  # of two groups of one person each
    assert decode_metrics(total, 0.0) == pytest.approx(expected, abs=1e-6)


def test_no_device_can_say_more_than_its_norm_and_some_say_as_much() -> None:
    norms = [
        float(np.linalg.norm(encode_metrics(_figures(*ends), events)))
        for ends in itertools.product((0.0, 1.0), repeat=len(NAMES))
        for events in (2, 20, 200)
    ]
    assert max(norms) == pytest.approx(MEASURES_NORM)
    assert encode_metrics(_figures(*[0.5] * 7), 3).shape == (MEASURES,)


def test_a_group_is_told_only_where_its_count_is_clear_of_the_noise() -> None:
    few = encode_metrics(_figures(*[0.6] * 7), 3).astype(np.float64)
    many = encode_metrics(_figures(*[0.4] * 7), 300).astype(np.float64)
    total = 100 * few + 8 * many
    # Counts are sent halved: 8 devices are told from noise up to a deviation of 8 / 3 / 2 = 1.33 of what is sent.
    assert "ndcg@10, many events" in decode_metrics(total, 1.3)
    told = decode_metrics(total, 1.4)
    assert "ndcg@10, few events" in told
    assert "ndcg@10, many events" not in told
    assert "gap" not in told  # nothing to compare the one group with
    assert not any(f"ndcg@10, {name}" in told for name in METRIC_GROUPS[1:])


def test_nothing_is_said_of_a_group_that_nobody_is_in() -> None:
    told = decode_metrics(3.0 * encode_metrics(_figures(*[0.6] * 7), 3), 0.0)
    assert told["ndcg@10, few events"] == pytest.approx(0.6)
    assert "ndcg@10, some events" not in told
    assert "gap" not in told


def test_devices_that_had_nothing_to_be_measured_on_are_in_no_mean() -> None:
    """Their summands are zeros; a mean over all who answered would draw every figure to one half."""
    said = encode_metrics(_figures(1.0, 0.8, 0.6, 0.9, 0.2, 0.1, 0.7), 12).astype(np.float64)
    for silent in (0, 1, 50):
        total = np.sum([said, said, *[np.zeros(MEASURES)] * silent], axis=0)
        told = decode_metrics(total, 0.0)
        assert told["ndcg@10"] == pytest.approx(0.8)
        assert told["novelty"] == pytest.approx(0.1)
        assert told["ndcg@10, some events"] == pytest.approx(0.8)
    assert decode_metrics(np.zeros(MEASURES), 0.0) == {}


def test_nothing_is_told_where_the_measured_devices_do_not_stand_clear_of_the_noise() -> None:
    said = 30 * encode_metrics(_figures(*[0.6] * 7), 12).astype(np.float64)
    # The count sums three marks, each sent halved: it has 2 sqrt(3) times their deviation; 30 / 3 / 3.464 = 2.887.
    assert "hr@10" in decode_metrics(said, 2.88)
    assert decode_metrics(said, 2.89) == {}


def test_figures_are_right_in_the_mean_though_their_divisor_is_noisy() -> None:
    """100 devices of 150; a third of the threshold's noise, where one over the noisy count alone is 1.2 % too large."""
    figures = _figures(0.3, 0.25, 0.4, 0.8, 0.4, 0.3, 0.8)
    total = 100 * encode_metrics(figures, 12).astype(np.float64)
    deviation = 100 / 9 / np.sqrt(12)
    rng = np.random.default_rng(0)
    told = [decode_metrics(total + rng.normal(0, deviation, MEASURES), deviation) for _ in range(20_000)]
    for name in ("hr@10", "ndcg@10", "auc"):
        values = np.array([one[name] for one in told])
        standard_error = values.std() / len(values) ** 0.5
        assert abs(values.mean() - figures[name]) < 3 * standard_error
        assert 0.012 * abs(figures[name] - 0.5) > 3 * standard_error  # so the bias that is taken out would be seen


def test_noise_never_leads_outside_what_a_figure_can_be() -> None:
    told = decode_metrics(np.full(MEASURES, 7.0), 0.0)
    assert all(0.0 <= value <= 1.0 for value in told.values())
    low = np.append(np.full(len(NAMES), -70.0), np.full(2 * len(METRIC_GROUPS), 7.0))
    assert {name: decode_metrics(low, 0.0)[name] for name in NAMES} == dict.fromkeys(NAMES, 0.0)


def test_the_deviation_that_is_told_is_that_of_many_sums() -> None:
    """All noise: every device says the same; what is told includes the most that people may deviate."""
    total = 100 * encode_metrics(_figures(*[0.5] * 7), 12).astype(np.float64)
    rng = np.random.default_rng(1)
    told = [decode_metrics(total + rng.normal(0, 2.0, MEASURES), 2.0) for _ in range(4000)]
    for name, noise in (("hr@10", 2.0), ("novelty", 4.0), ("ndcg@10, some events", 4.0)):
        values = np.array([one[name] for one in told])
        assert values.std() == pytest.approx(noise / 100, rel=0.1)
        assert told[0][f"{name} deviation"] == pytest.approx(math.hypot(noise / 100, 0.05), rel=0.1)
