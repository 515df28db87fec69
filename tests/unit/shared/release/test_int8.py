"""The int8 index: exact once on its grid, near enough before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.release.int8 import int8_dequantise, int8_quantise, on_grid

FINITE = st.floats(-(2.0**60), 2.0**60, width=32)


def test_an_index_by_hand():
    index = np.array([[2.54, -1.27, 0.0, 100.0], [0.0, 0.0, 0.0, -1.0]], np.float32)
    numbers, scales = int8_quantise(index, [3, 1])
    # the least multiple of 2^-21 (16 bits of a number between 2^-6 and 2^-5) that is not below 2.54 / 127
    assert scales[0, 0] == np.ceil(np.float64(index[0, 0]) / 127 * 2**21) / 2**21
    assert scales[1, 0] == 0
    assert numbers.tolist() == [[127, -63, 0, 127], [0, 0, 0, -127]]  # 1.27 / scale lies just below 63.5
    assert int8_dequantise(numbers, scales, [3, 1])[1].tolist() == pytest.approx([0, 0, 0, -1], rel=2**-15)


@given(arrays(np.float32, (3, 5), elements=FINITE))
def test_writing_and_reading_moves_nothing_once_on_the_grid(index):
    numbers, scales = int8_quantise(index, [2, 3])
    there = int8_dequantise(numbers, scales, [2, 3])
    again, same = int8_quantise(there, [2, 3])
    assert again.tobytes() == numbers.tobytes()
    assert same.tobytes() == scales.tobytes()
    assert int8_dequantise(again, same, [2, 3]).tobytes() == there.tobytes()
    # in whole numbers and doubles, nothing was rounded
    exact = numbers.astype(np.float64) * np.repeat(scales.astype(np.float64), [2, 3], axis=1)
    assert np.array_equal(there.astype(np.float64), exact)


@given(arrays(np.float32, (4, 6), elements=st.floats(-8, 8, width=32)))
def test_no_number_moves_by_more_than_half_a_step(index):
    moved = np.abs(on_grid(index, [6]) - index)
    step = np.abs(index).max(axis=1, keepdims=True) / 127
    assert (moved <= 0.5 * step * (1 + 2**-14) + 1e-35).all()


def test_a_strong_group_leaves_the_others_as_fine_as_they_were():
    rng = np.random.default_rng(1)
    text = rng.normal(0, 0.05, (50, 32)).astype(np.float32)
    price = np.full((50, 1), 9.0, np.float32)
    together = np.concatenate([price, text], 1)
    assert np.array_equal(on_grid(together, [1, 32])[:, 1:], on_grid(text, [32]))
    assert np.abs(on_grid(together, [1, 32]) - together).max() < 1e-3
    assert np.abs(on_grid(together, [33]) - together).max() > 2e-2


@pytest.mark.parametrize("damage", ["least", "scale", "bits", "negative", "nan", "wide", "dtype"])
def test_what_quantise_never_gives_is_refused(damage):
    numbers, scales = int8_quantise(np.array([[1.0, 0.5], [0.25, 2.0]], np.float32), [2])
    widths = [2]
    if damage == "least":
        numbers[0, 0] = -128
    elif damage == "scale":
        numbers[0] = [64, 32]
    elif damage == "bits":
        scales[0] = np.nextafter(scales[0], np.float32(1))
    elif damage == "negative":
        scales[0] *= -1
    elif damage == "nan":
        scales[0] = np.nan
    elif damage == "wide":
        widths = [3]
    else:
        scales = scales.astype(np.float64)
    with pytest.raises(ValueError, match="expected"):
        int8_dequantise(numbers, scales, widths)
