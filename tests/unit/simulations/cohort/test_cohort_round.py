"""The updates of many devices at once, against each device's own: the readable twin."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from shared.behaviour import Event, EventKind
from shared.errors import Corrupt, NotYet
from simulations.cohort import CohortRound, WindowColumns, has_closed_form
from tests.support.cohorts import ITEMS, SEED, Cohort, people_of


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """A log with everything that an event can hold."""
    events = []
    for place in range(draw(st.integers(0, 14))):
        item = draw(st.sampled_from([*ITEMS, *ITEMS, "withdrawn", None]))
        text = draw(st.sampled_from(["", "", "rose for the garden", "a chain"])) or ("" if item else "guitar")
        kind = draw(st.sampled_from([EventKind.CLICK, EventKind.CLICK, EventKind.SEARCH, EventKind.SKIP]))
        shown = tuple(draw(st.lists(st.sampled_from([*ITEMS, "withdrawn"]), max_size=3)))
        context = draw(st.sampled_from([(), (("hour", "08"), ("place", "work")), (("weekday", "sunday"),)]))
        propensity = draw(st.sampled_from([None, None, 0.1, 0.5]))
        events.append(Event(float(place), kind, item, text, None, shown, context, propensity))
    return events


SETTINGS = st.fixed_dictionaries(
    {
        "training.groups": st.sampled_from(['["dense", "context"]', '["dense", "context", "adapters"]']),
        "model.views": st.sampled_from(['["dense", "concepts"]', '["dense"]', '["concepts"]']),
        "model.popularity": st.sampled_from(["true", "false"]),
        "model.dense_trained": st.sampled_from(["32", "5"]),
        "windows.negative_popularity": st.sampled_from(["0.0", "0.7"]),
        "windows.sampling_probability": st.sampled_from(["0.5", "1.0"]),
        "windows.shown": st.sampled_from(["1", "2"]),
        "windows.only_shown": st.sampled_from(["false", "true"]),
        "interest.context": st.sampled_from(["true", "false"]),
        "privacy.level": st.sampled_from(["none", "event"]),
        "clipping.window_norm": st.sampled_from(["0.01", "10.0"]),
        "clipping.update_norm": st.sampled_from(["0.01", "100.0"]),
        "training.local_learning_rate": st.sampled_from(["1.0", "0.5"]),
    }
)


@trying(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(settings=SETTINGS, people=st.lists(logs(), min_size=1, max_size=5))
def test_devices_together_give_what_each_gives_alone(tiny, settings, people):
    told = [f"{name}={value}" for name, value in settings.items()]
    with tempfile.TemporaryDirectory() as folder:
        population = Cohort(tiny, people, Path(folder), *told)
        updates = population.together()
        assert has_closed_form(population.release.federation, population.groups)
        assert updates.unusual == []
        for device, vector in enumerate(updates.vectors):
            try:
                expected = population.alone(device)
            except NotYet:
                assert updates.failures[device].startswith("NotYet at local_training.py:")
                assert not vector.any()
                continue
            assert updates.failures[device] is None
            assert vector.dtype == expected.dtype
            # Parameters are moved far off, so that every gradient is large: a float's digits, no more.
            np.testing.assert_allclose(vector, expected, atol=1e-5 * max(1.0, float(np.linalg.norm(expected))))


def test_how_devices_are_put_together_changes_little(tiny, tmp_path):
    """Chunks are made of whoever is asked: a device's own update stays what it is."""
    population = Cohort(tiny, people_of(70), tmp_path, "privacy.level=event")
    round_ = CohortRound(
        population.installed, population.vector, population.groups, 1, population.columns, population.words, SEED
    )
    everybody = round_.updates(range(70)).vectors
    some = round_.updates([7, 69, 3]).vectors
    assert everybody.any(axis=1).sum() > 50
    np.testing.assert_allclose(some, everybody[[7, 69, 3]], atol=1e-6)


def test_a_window_whose_gradient_is_not_finite_counts_as_none_and_takes_no_other_with_it(tiny, tmp_path):
    population = Cohort(tiny, people_of(4), tmp_path, "windows.sampling_probability=1.0")
    whole = population.together().vectors
    population.release.index[ITEMS.index(population.logs[2][0].item)] = np.nan
    torn = population.together()
    met = [device for device in range(4) if population.logs[2][0].item in {e.item for e in population.logs[device]}]
    assert 2 in met
    assert np.isfinite(torn.vectors).all()
    for device in range(4):
        np.testing.assert_allclose(torn.vectors[device], population.alone(device), atol=1e-6)
    assert not np.array_equal(torn.vectors[2], whole[2])


def test_without_that_bound_such_a_device_is_asked_itself(tiny, tmp_path):
    population = Cohort(tiny, people_of(3), tmp_path, "privacy.level=none", "windows.sampling_probability=1.0")
    row = ITEMS.index(population.logs[1][0].item)
    population.release.index[row] = np.nan
    unusual = population.together().unusual
    assert 1 in unusual


@pytest.mark.parametrize(
    ("settings", "groups"),
    [
        (["interest.evolution=gru"], ("dense",)),
        (["training.local_steps=2", "privacy.level=none"], ("dense",)),
        ([], ("gates",)),
    ],
)
def test_what_has_no_closed_form_is_known(tiny, settings, groups):
    assert has_closed_form(tiny.file(), ("dense",))
    assert not has_closed_form(tiny.file(*settings), groups)


def test_damaged_columns_are_told(tiny, tmp_path):
    Cohort(tiny, people_of(2), tmp_path)
    (tmp_path / "rows.npy").write_bytes(b"other")
    with pytest.raises(Corrupt, match=r"windows of simulated devices .* start anew"):
        WindowColumns(tmp_path)
