"""The pictures world: only the looks of its items tell anything, and a model that sees them ranks far better."""

import re
from pathlib import Path

import numpy as np
import pytest

from shared.model import build_model
from shared.release.making import first_release
from shared.release.release import Release
from simulations import simulate
from simulations.datasets import Dataset, load
from simulations.datasets.pictures import make_pictures
from simulations.evaluation import evaluate
from simulations.evaluation.concept_scorer import ConceptScorer
from simulations.evaluation.world import World
from tests.support.tiny import Tiny, write_encoder

SETTINGS = ("model.concepts=32", "model.dense_width=32", "model.popularity=false", "windows.events=16")


@pytest.fixture(scope="module")
def world() -> Dataset:
    return load("pictures", seed=0)


def places(world: Dataset) -> np.ndarray:
    assert world.truth is not None
    return np.asarray([world.truth.item_subtopic[item.id] for item in world.catalogue])


def test_the_same_seed_makes_the_same_pictures_and_another_seed_others(world: Dataset) -> None:
    again, other = load("pictures", seed=0), load("pictures", seed=1)
    assert again.catalogue.digest() == world.catalogue.digest() != other.catalogue.digest()
    assert again.people == world.people


def test_pictures_that_look_alike_are_mostly_of_one_subtopic(world: Dataset) -> None:
    block = world.catalogue.features["image"]
    assert block.values.shape == (416, 28)
    assert block.present.all()
    standard = (block.values - block.values.mean(0)) / block.values.std(0)
    likeness = standard @ standard.T
    np.fill_diagonal(likeness, -np.inf)
    assert np.mean(places(world)[likeness.argmax(1)] == places(world)) > 0.8


def test_texts_differ_and_say_nothing_of_the_subtopic(world: Dataset) -> None:
    texts = world.catalogue.texts
    assert len(set(texts)) == len(texts)
    words = sorted({word for text in texts for word in text.split()})
    held = np.asarray([[word in text.split() for word in words] for text in texts], float)
    common = held[:, (held.sum(0) > 20) & (held.sum(0) < len(texts))]
    by_subtopic = np.asarray([common[places(world) == place].mean(0) for place in range(32)])
    # Were words dealt out by chance, 13 items a subtopic would give shares with this variance.
    expected = common.mean(0) * (1 - common.mean(0)) / 13
    assert (by_subtopic.var(0) / expected).mean() == pytest.approx(1, abs=0.25)


def test_as_many_pictures_are_missing_as_asked_for_and_nothing_else_changes(world: Dataset) -> None:
    sparse = make_pictures(0, missing_share=0.3)
    present = sparse.catalogue.features["image"].present
    assert 1 - present.mean() == pytest.approx(0.3, abs=0.06)
    assert sparse.people == world.people
    assert list(sparse.catalogue) == list(world.catalogue)
    kept = sparse.catalogue.features["image"].values[present]
    assert np.array_equal(kept, world.catalogue.features["image"].values[present])


def sampled_ndcg(tiny: Tiny, world: Dataset, *settings: str) -> float:
    """Of release zero, before anybody taught it anything."""
    file = tiny.file(*SETTINGS, *settings)
    model, people = build_model(file), World.of(world, 0)
    release = first_release(file, world.catalogue, model, model.encoder.read_catalogue(world.catalogue.texts))
    scorer = ConceptScorer(release, model, people.dataset.people)
    value = evaluate(scorer, people.split.test).figures()["sampled"]["ndcg@10"]
    assert value is not None
    return value


def test_pictures_rank_far_above_texts_that_say_nothing_and_missing_ones_break_nothing(
    tiny: Tiny, world: Dataset
) -> None:
    text = sampled_ndcg(tiny, world)
    seen = sampled_ndcg(tiny, world, "model.features={image=28}")
    sparse = sampled_ndcg(tiny, make_pictures(0, missing_share=0.3), "model.features={image=28}")
    assert seen > 2 * text
    assert text < sparse < seen
    assert sparse - text > 0.5 * (seen - text)


def test_a_federated_training_moves_the_gate(world: Dataset, federation: Path, tmp_path: Path) -> None:
    words = {word for text in world.catalogue.texts for word in re.findall(r"\w+|[^\w\s]+", text.lower())}
    encoder = write_encoder(tmp_path / "encoder", words=sorted(words))
    result = simulate(
        "pictures",
        federation=federation,
        set=[*SETTINGS, f"backbone.name={encoder}", "model.features={image=28}", "training.groups=['gates']"],
        rounds=2,
        privacy="none",
        aggregation="plain",
        baselines="none",
        out=tmp_path / "run",
    )
    release = Release.load(tmp_path / "run" / "release")
    model = build_model(release.federation)
    assert result.dimension == model.layout.size
    level = model.layout.extract(release.vector, ["gates"])
    assert level.shape == (1,)
    assert abs(level[0]) > 0.01
