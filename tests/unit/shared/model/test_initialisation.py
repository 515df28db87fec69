"""Concepts before anybody taught anything: found and named in the public catalogue alone."""

import numpy as np
import pytest

from shared.catalogue import Item
from shared.errors import Misconfigured
from shared.model import find_concepts


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


def test_every_one_of_many_bunches_gets_a_centre_of_its_own():
    """Drawn one by one by distance alone, as k-means++ has it, centres miss some of thirty bunches in most worlds."""
    rng = np.random.default_rng(0)
    for seed in range(5):
        heads = np.linalg.qr(rng.normal(size=(40, 30)))[0].T
        texts = np.repeat(heads, 12, axis=0) + rng.normal(0, 0.06, (360, 40))
        centres = find_concepts(texts.astype(np.float32), 30, seed)
        assert len(set((heads @ centres.T).argmax(1))) == 30
        assert (heads @ centres.T).max(1).min() > 0.9


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


def test_categories_part_what_texts_alone_would_put_together():
    # Texts alike in manner: the first axis is how they are written, a faint second one what they speak of.
    rng = np.random.default_rng(0)
    manner, subject = np.tile([0.35, -0.35], 30), np.repeat([0.2, -0.2], 30)
    x = np.stack([manner, subject, *rng.normal(0, 0.2, (3, 60))], 1).astype(np.float32)
    items = [Item(str(row), "t", "t", ("all", "high" if row < 30 else "low")) for row in range(60)]
    by_text, by_both = ((x @ find_concepts(x, 2, 0, given).T).argmax(1) for given in ((), items))
    assert np.all(by_text[::2] == by_text[0])
    assert np.mean(by_both[:30] == by_both[0]) > 0.9
    assert np.mean(by_both[30:] == by_both[0]) < 0.1


def test_known_centres_stay_and_the_others_settle_around_them():
    known = np.eye(5, dtype=np.float32)[:2]
    centres = find_concepts(blobs(), 3, 0, known=known)
    assert np.array_equal(centres[:2], known)
    assert centres[2] @ np.eye(5)[2] > 0.98
    assert np.array_equal(find_concepts(blobs(), 2, 0, known=known), known)


def test_more_known_concepts_than_concepts_are_refused():
    with pytest.raises(Misconfigured, match=r"model\.concepts: expected at least the 5 concepts .* graph, got 4"):
        find_concepts(blobs(), 4, 0, known=np.eye(5, dtype=np.float32))
