"""A round's tensor program on an accelerator: all of it there, and the same updates as on the CPU."""

import contextlib
from dataclasses import fields

import numpy as np
import pytest
import torch

from shared.behaviour import Event, EventKind
from shared.model import ConceptModel
from simulations.cohort import CohortRound, updates
from simulations.cohort.closed_form import AdapterTable, ClosedForm, IndexedWindows
from simulations.cohort.view_table import ViewTable
from tests.support.accelerators import META, THERE, OnlyOn
from tests.support.cohorts import ITEMS, Cohort, people_of

SETTINGS = [
    ("privacy.level=event", "interest.context=true"),
    ("privacy.level=none", "windows.negative_popularity=0.7"),
    ('model.views=["dense"]', "model.dense_trained=5"),
    ('model.views=["concepts"]', "model.popularity=false", "interest.context=true"),
]


def round_of(population: Cohort, accelerator: torch.device) -> CohortRound:
    vector, groups = population.vector, population.groups
    return CohortRound(population.installed, vector, groups, 1, population.columns, population.words, 5, accelerator)


def talkative(count: int) -> list[list[Event]]:
    """Devices with words of their own, lists that were shown, and circumstances."""
    context = (("hour", "08"), ("place", "work"))
    return [
        [
            Event(float(t), EventKind.CLICK, ITEMS[(5 * device + 3 * t) % 24], "a rose" if t == 2 else "", None,
                  (ITEMS[(device + t) % 24],), context)
            for t in range(9)
        ]
        for device in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_every_tensor_of_the_program_lies_on_the_accelerator(tiny, tmp_path, settings):
    population = Cohort(tiny, talkative(4), tmp_path, *settings)
    work = round_of(population, META).gradient_work(range(4))
    with OnlyOn(META) as watched:
        work()
    assert watched.operations > 40
    assert watched.elsewhere == []


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_every_column_of_the_table_lies_on_the_accelerator(tiny, settings):
    release, model = tiny.moved(*settings)
    table = ViewTable.of(model.heads_at(release.vector).to(META), release.index, release.log_popularity)
    columns = [getattr(table, field.name) for field in fields(table)]
    assert {column.device for column in columns if column is not None} == {META}


@pytest.mark.parametrize("forgotten", [IndexedWindows, ConceptModel, AdapterTable])
def test_a_move_that_is_forgotten_is_noticed(tiny, tmp_path, monkeypatch, forgotten):
    population = Cohort(tiny, talkative(4), tmp_path)
    monkeypatch.setattr(forgotten, "to", lambda given, _: given)
    work = round_of(population, META).gradient_work(range(4))
    with OnlyOn(META) as watched, contextlib.suppress(RuntimeError):  # torch itself notices some
        work()
    assert watched.elsewhere != []


def test_what_comes_out_is_brought_back(tiny, tmp_path):
    """Of which a meta tensor has nothing: only the last step fails."""
    population = Cohort(tiny, people_of(2), tmp_path, "windows.sampling_probability=1.0")
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        round_of(population, META).updates(range(2))


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
@pytest.mark.parametrize("accelerator", THERE)
def test_updates_are_those_of_the_cpu_but_for_last_digits(tiny, tmp_path, monkeypatch, accelerator, settings):
    population = Cohort(tiny, [*talkative(20), *people_of(60)], tmp_path, *settings)
    expected = round_of(population, torch.device("cpu")).updates(range(80))
    monkeypatch.setattr(updates, "_CHUNK_WINDOWS", 4096)  # as on an accelerator
    got = round_of(population, torch.device(accelerator)).updates(range(80))
    assert got.vectors.dtype == np.float32
    assert (got.failures, got.unusual) == (expected.failures, expected.unusual)
    scale = max(1.0, float(np.linalg.norm(expected.vectors, axis=1).max()))
    np.testing.assert_allclose(got.vectors, expected.vectors, atol=1e-5 * scale)


@pytest.mark.parametrize(("accelerator", "largest"), [("cpu", 64), ("meta", 210)])
def test_an_accelerator_takes_more_windows_at_a_time(tiny, tmp_path, monkeypatch, accelerator, largest):
    population = Cohort(tiny, people_of(70, events=12), tmp_path, "windows.sampling_probability=1.0")
    seen, gradients = [], ClosedForm.gradients

    def counted(form, windows, joined):
        seen.append(len(windows.events))
        return gradients(form, windows, joined)

    monkeypatch.setattr(ClosedForm, "gradients", counted)
    round_of(population, torch.device(accelerator)).gradient_work(range(70))()
    assert sum(seen) == 210
    assert largest - 2 <= max(seen) <= largest
    monkeypatch.setattr(updates, "_CHUNK_NUMBERS", 30 * population.model.layout.select(population.groups).size)
    seen.clear()
    round_of(population, META).gradient_work(range(70))()
    assert max(seen) == 30
