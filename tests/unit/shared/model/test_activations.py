"""Kept activations: bounded in memory, the same when they come back from the map, silent about their texts."""

import numpy as np
import pytest

from shared.model import ActivationStore


def rows(seed: int, tokens: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(tokens, 4)).astype(np.float32)


def test_what_does_not_fit_the_budget_is_mapped_and_comes_back_the_same():
    budget = 200
    store = ActivationStore(budget)
    texts = {f"text {n}": rows(n, 1 + n % 7) for n in range(40)}
    for text, states in texts.items():
        store.put(text, states)
        assert store.held_bytes <= budget
        assert np.array_equal(store.get(text), states)
    assert len(store) == 40
    for text, states in reversed(texts.items()):
        assert np.array_equal(store.get(text), states)
        assert store.get(text).shape == states.shape
    # Texts 0, 1, 2, 3, 7, 14 have 1, 2, 3, 4, 1, 1 tokens of 16 bytes: 192 bytes, and no other fits.
    assert repr(store) == "ActivationStore(6 in memory, 34 mapped)"
    assert store.held_bytes == 192


def test_a_budget_of_nothing_maps_everything():
    store = ActivationStore(0)
    store.put("a", rows(0, 3))
    assert store.held_bytes == 0
    assert np.array_equal(store.get("a"), rows(0, 3))


def test_what_is_kept_no_longer_depends_on_the_callers_array():
    store, states = ActivationStore(), rows(0, 3)
    store.put("a", states)
    states[:] = 0
    assert np.array_equal(store.get("a"), rows(0, 3))


def test_only_texts_not_kept_are_missing_each_once():
    store = ActivationStore(16)
    store.put("held", rows(0, 1))
    store.put("mapped", rows(1, 5))
    assert store.missing(["new", "held", "mapped", "newer", "new"]) == ["new", "newer"]
    with pytest.raises(KeyError):
        store.get("new")


def test_neither_the_print_nor_the_content_of_a_store_holds_a_text():
    store = ActivationStore(16)
    store.put("knee pain", rows(0, 1))
    store.put("knee surgery", rows(1, 5))
    assert "knee" not in repr(store) + repr(vars(store))


def test_the_map_has_no_name_in_the_file_system(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = ActivationStore(0)
    store.put("knee pain", rows(0, 5))
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(store.get("knee pain"), rows(0, 5))
