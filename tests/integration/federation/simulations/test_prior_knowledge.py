"""What an operator knows beforehand: shipped graphs, names of one's own; and whether concepts make sense."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score
from typer.testing import CliRunner

from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model import ConceptGraph, build_model, read_graph
from shared.recipe import Facts
from shared.release.making import first_release
from shared.release.release import Release
from simulations import simulate
from simulations.cli import app
from simulations.datasets import load
from simulations.datasets.demo_texts import read_subtopics
from simulations.datasets.film_texts import _GENRES_100K
from simulations.engine.prior_knowledge import Prior
from simulations.settings import resolve

GRAPHS = Path(__file__).parents[4] / "simulations" / "presets" / "graphs"


@pytest.fixture(scope="module")
def readings() -> np.ndarray:
    """The demo's catalogue under the shipped encoder."""
    return build_model(demo_file(), light=True).encoder.read_catalogue(load("demo").catalogue.texts)


def demo_file(*settings: str) -> FederationFile:
    return resolve("demo", Facts(285, 416), None, settings, None, None, "both", "secure")


def demo_release(readings: np.ndarray, *settings: str, graph: ConceptGraph | None = None) -> tuple[Release, np.ndarray]:
    """Release zero of the demo under the recipe, with the concept that each item has most of."""
    model = build_model(demo_file(*settings))
    release = first_release(demo_file(*settings), load("demo").catalogue, model, readings, graph)
    return release, model.heads.concept_shares(release.index).argmax(1)


def hidden(kind: str) -> list[str]:
    world = load("demo")
    assert world.truth is not None
    names = [world.truth.subtopics[world.truth.item_subtopic[item.id]] for item in world.catalogue]
    return names if kind == "subtopic" else [name.partition("/")[0] for name in names]


def test_the_demos_graph_is_the_tree_of_its_topics() -> None:
    graph = read_graph(GRAPHS / "demo.json")
    expected = {(subtopic.name, subtopic.topic) for subtopic in read_subtopics()}
    assert {(concept.name, concept.parent) for concept in graph.concepts if concept.parent} == expected
    assert {concept.name for concept in graph.concepts if not concept.parent} == {topic for _, topic in expected}


def test_the_films_graph_has_every_genre_of_movielens() -> None:
    graph = read_graph(GRAPHS / "movielens.json")
    assert set(graph.names) == set(_GENRES_100K) - {"unknown"}
    assert (graph.ties(18) > 0).sum() > 30


def test_the_demos_concepts_are_its_hidden_subtopics_from_the_start(readings: np.ndarray) -> None:
    release, top = demo_release(readings)
    assert normalized_mutual_info_score(hidden("subtopic"), top) >= 0.8
    # A concept with items is named after the subtopic that most of them belong to.
    subtopics = np.asarray([name.partition("/")[2] for name in hidden("subtopic")])
    agree = []
    for concept in np.unique(top):
        inside = subtopics[top == concept]
        agree.append(np.mean(inside == release.concept_names[concept].partition(" · ")[0]) * len(inside))
    assert sum(agree) / len(subtopics) > 0.8


def test_the_demos_graph_gives_the_hidden_subtopics_themselves(readings: np.ndarray) -> None:
    release, top = demo_release(readings, "model.concepts=40", graph=read_graph(GRAPHS / "demo.json"))
    named = [release.concept_names[concept] for concept in top]
    assert normalized_mutual_info_score(hidden("subtopic"), named) > 0.95


def test_a_run_takes_a_graph_and_names_and_ships_them_in_its_release(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    graph, names = tmp_path / "graph.json", tmp_path / "names.json"
    graph.write_text(json.dumps({"concepts": [{"name": "garden"}, {"name": "music", "related": ["garden"]}]}))
    names.write_text(json.dumps({"music": "things that sound", "3": "my own"}))
    command = ["run", "--data", f"events:{world}", "--federation", str(federation), "--privacy", "none",
               "--aggregation", "plain", "--rounds", "1", "--baselines", "none"]  # fmt: skip
    given = ["--concept-graph", str(graph), "--concept-names", str(names)]
    result = CliRunner().invoke(app, [*command, *given, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert Release.load(tmp_path / "run" / "release").concept_names[:3] == ("garden", "things that sound", "my own")
    names.write_text(json.dumps({"no such concept": "x"}))
    result = CliRunner().invoke(app, [*command, *given, "--out", str(tmp_path / "other")])
    assert result.exit_code == 2


def test_a_run_is_not_continued_with_other_prior_knowledge(world: Path, federation: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"concepts": [{"name": "garden"}]}))
    assert Prior().digest() == Prior.read(None, None).digest() == ""
    assert Prior.read(graph, None).digest() != Prior(names={"1": "a"}).digest() != ""
    marker = tmp_path / "run" / "work" / "identity"
    marker.parent.mkdir(parents=True)
    marker.write_text(json.dumps({"concept graph or names": Prior(names={"1": "a"}).digest()}))
    with pytest.raises(Misconfigured, match="another concept graph or names"):
        simulate(
            f"events:{world}", federation=federation, privacy="none", aggregation="plain", out=tmp_path / "run",
            concept_graph=graph, resume=True,
        )  # fmt: skip
