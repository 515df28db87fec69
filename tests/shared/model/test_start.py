"""Concepts before anybody taught anything: found and named in the public catalogue alone."""

import numpy as np
import pytest

from shared.errors import Misconfigured
from shared.model import find_concepts, name_concepts
from tests.tiny import TOPICS, catalogue


def blobs(per: int = 10) -> np.ndarray:
    """Three bunches of directions around the first three axes."""
    noise = np.random.default_rng(0).normal(0, 0.05, (3 * per, 5))
    return (np.repeat(np.eye(5)[:3], per, axis=0) + noise).astype(np.float32)


def test_k_means_finds_the_bunches_a_hand_made_set_has():
    centres = find_concepts(blobs(), 3, seed=0)
    assert np.allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    nearest = np.eye(5)[:3] @ centres.T
    assert sorted(nearest.argmax(1)) == [0, 1, 2]
    assert nearest.max(1).min() > 0.98


def test_equal_seeds_give_equal_centres_whatever_chance_is_about():
    np.random.seed(1)
    first = find_concepts(blobs(), 4, seed=5)
    np.random.seed(2)
    assert np.array_equal(first, find_concepts(blobs(), 4, seed=5))
    assert not np.array_equal(first, find_concepts(blobs(), 4, seed=6))


def test_the_length_of_a_text_vector_does_not_matter():
    lengths = np.random.default_rng(1).uniform(0.5, 5, (30, 1)).astype(np.float32)
    assert np.allclose(find_concepts(blobs(), 3, 0), find_concepts(blobs() * lengths, 3, 0), atol=1e-5)


def test_more_concepts_than_items_are_refused_and_the_key_named():
    with pytest.raises(Misconfigured, match=r"model\.concepts: expected at most the 30 catalogue items, got 31"):
        find_concepts(blobs(), 31, 0)


def test_as_many_concepts_as_items_are_possible_even_with_equal_texts():
    x = np.concatenate([blobs(2), blobs(2)])
    assert np.isfinite(find_concepts(x, len(x), 0)).all()


def test_a_concept_of_one_topic_is_named_by_its_category_and_its_words():
    items = catalogue()
    shares = np.zeros((len(items), len(TOPICS)), np.float32)
    for row, item in enumerate(items):
        shares[row, list(TOPICS).index(item.categories[0])] = 1
    names = name_concepts(items, shares)
    for name, (topic, words) in zip(names, TOPICS.items(), strict=True):
        category, telling = name.split(" · ")
        assert category == topic
        assert set(telling.split(", ")) <= {*words.split(), "for", "the", "with"}
        assert topic not in telling


def test_names_are_unique_even_where_concepts_are_alike_or_empty():
    items = catalogue()
    shares = np.zeros((len(items), 4), np.float32)
    shares[:6, :2] = 0.5
    names = name_concepts(items, shares)
    assert len(set(names)) == 4
    assert names[3] == "concept 4"


def test_names_of_a_release_are_unique_and_made_of_the_catalogue(tiny):
    release, _ = tiny.release()
    assert len(set(release.concept_names)) == 6
    words = set(" ".join(release.catalogue.texts).split()) | set(TOPICS)
    for name in release.concept_names:
        assert set(name.replace(" · ", " ").replace(",", "").split()) <= words
