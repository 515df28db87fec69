"""Where each number of the parameter vector stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.model import Layout

THREE = Layout.of([("P", "dense", (2, 3)), ("b", "bias", (2,)), ("B", "adapters", (1,)), ("C", "adapters", (2, 2))])


def test_blocks_lie_one_behind_the_other():
    assert [(block.offset, block.size) for block in THREE.blocks] == [(0, 6), (6, 2), (8, 1), (9, 4)]
    assert THREE.size == 13
    assert THREE.groups == ("dense", "bias", "adapters")


def test_a_selection_starts_at_zero_and_keeps_the_canonical_order():
    chosen = THREE.select(["adapters", "dense"])
    assert [(block.name, block.offset) for block in chosen.blocks] == [("P", 0), ("B", 6), ("C", 7)]
    assert chosen.size == 11
    with pytest.raises(Misconfigured, match="'transitions'"):
        THREE.select(["dense", "transitions"])


def test_a_part_is_taken_out_in_canonical_order_whatever_the_order_asked():
    vector = np.arange(13, dtype=np.float32)
    assert THREE.extract(vector, ["adapters", "bias"]).tolist() == [6, 7, 8, 9, 10, 11, 12]
    assert THREE.extract(vector, []).shape == (0,)


@given(st.sets(st.sampled_from(THREE.groups)))
def test_what_is_inserted_is_what_is_extracted_and_the_rest_stays(groups):
    vector = np.arange(13, dtype=np.float32)
    part = -1 - np.arange(THREE.select(groups).size, dtype=np.float32)
    result = THREE.insert(vector, groups, part)
    assert np.array_equal(THREE.extract(result, groups), part)
    others = set(THREE.groups) - groups
    assert np.array_equal(THREE.extract(result, others), THREE.extract(vector, others))
    assert np.array_equal(vector, np.arange(13))


@pytest.mark.parametrize("length", [1, 3])
def test_a_part_of_another_length_is_refused(length):
    with pytest.raises(Misconfigured, match=f"expected 2 numbers .* got {length}"):
        THREE.insert(np.zeros(13, np.float32), ["bias"], np.zeros(length, np.float32))
