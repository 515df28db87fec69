"""A concept graph: read strictly, and what it starts W and M with."""

import json

import numpy as np
import pytest

from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from shared.model import ConceptGraph, build_model, read_graph
from shared.release.making import first_release, next_release
from tests.support.tiny import catalogue

TREE = {
    "concepts": [
        {"name": "Garden", "parent": "outside", "related": ["kitchen"]},
        {"name": "kitchen"},
        {"name": "outside"},
        {"name": "drum"},
    ]
}


def graph(content: object = TREE) -> ConceptGraph:
    return ConceptGraph.model_validate(content)


def test_a_graph_comes_from_a_file(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(TREE))
    assert read_graph(path) == graph()
    assert graph().names == ("Garden", "kitchen", "outside", "drum")


A, B = {"name": "a"}, {"name": "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"concepts": []}, "concepts"),
        ({"concepts": [{"name": " "}]}, r"concepts\.0\.name"),
        ({"concepts": [A, {"nam": "b"}]}, r"concepts\.1\.name: Field required"),
        ({"concepts": [A], "more": 1}, "more: Extra inputs"),
        ({"concepts": [A | {"weight": 1}]}, r"concepts\.0\.weight: Extra inputs"),
        ({"concepts": [{"name": 7}]}, r"concepts\.0\.name: Input should be a valid string"),
        ({"concepts": [A, B, A]}, "expected each concept once, got 'a' twice"),
        ({"concepts": [A | {"parent": "z"}]}, "'a': expected a concept of the graph as parent, got 'z'"),
        ({"concepts": [A | {"related": ["z"]}]}, "'a': expected a concept of the graph as related, got 'z'"),
        ({"concepts": [A | {"related": ["a"]}]}, "'a': expected other concepts as related, got itself"),
        ({"concepts": [A | {"parent": "a"}]}, "'a': expected parents that end, got a circle through 'a'"),
        ({"concepts": [A | {"parent": "b"}, B | {"parent": "a"}]}, "got a circle through 'a'"),
        ([A], "graph: Input should be a valid dictionary"),
    ],
)
def test_a_graph_that_makes_no_sense_is_refused_and_the_place_named(tmp_path, content, message):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(content))
    with pytest.raises(Misconfigured, match=rf"graph\.json: .*{message}"):
        read_graph(path)


def test_what_is_no_json_is_refused(tmp_path):
    (tmp_path / "graph.json").write_text("{")
    for name in ("graph.json", "nowhere.json"):
        with pytest.raises(Misconfigured, match="expected a JSON file"):
            read_graph(tmp_path / name)


def test_a_centre_is_the_mean_direction_of_the_items_of_its_category_else_its_name():
    items = Catalogue(Item(str(row), "t", "t", ("garden",) if row < 2 else ()) for row in range(3))
    index = np.asarray([[2, 0], [0, 5], [9, 9]], np.float32)
    spoken = []

    def read(names):
        spoken.extend(names)
        return np.asarray([[0, -3]] * len(names), np.float32)

    centres = graph().centres(items, index, read)
    assert np.allclose(centres, [[0.5**0.5, 0.5**0.5], [0, -1], [0, -1], [0, -1]])
    assert spoken == ["kitchen", "outside", "drum"]


def test_parent_and_child_and_related_concepts_are_tied_both_ways_and_nothing_else_is():
    tied = {(0, 2), (2, 0), (0, 1), (1, 0)}
    expected = [[0.1 if (row, column) in tied else 0.0 for column in range(5)] for row in range(5)]
    assert np.allclose(graph().ties(5), expected)


def test_a_release_starts_from_the_graph_and_keeps_its_names(tiny):
    file, items = tiny.file(), catalogue()
    model = build_model(file)
    readings = model.encoder.read_catalogue(items.texts)
    release = first_release(file, items, model, readings, graph())
    assert release.concept_names[:4] == graph().names
    assert len(set(release.concept_names)) == 6
    weight = model.heads.concepts.weight.detach().numpy()
    for row in range(6):  # the six items of the garden
        x = release.index[row] / np.linalg.norm(release.index[row])
        assert weight[0] @ x > np.median(weight[:4] @ x)
    assert np.allclose(model.heads.transitions.weight.detach().numpy(), graph().ties(6))
    # What is tied leads over: who is interested in the kitchen is expected to have some interest in the garden.
    plain = build_model(file)
    first_release(file, items, plain, readings)
    assert not plain.heads.transitions.weight.any()
    assert next_release(release, model, release.vector, 1).concept_names == release.concept_names


def test_a_graph_without_a_concept_view_or_with_too_many_concepts_is_refused(tiny):
    items = catalogue()
    for setting, message in (
        ("model.views=['dense']", "concept graph: expected model.views"),
        ("model.concepts=3", r"model\.concepts: expected at least the 4 concepts"),
    ):
        file = tiny.file(setting)
        model = build_model(file)
        with pytest.raises(Misconfigured, match=message):
            first_release(file, items, model, model.encoder.read_catalogue(items.texts), graph())
