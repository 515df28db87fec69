"""An index in a quarter of its size: small whole numbers, and a scale for each item and group of columns.

What comes back is exactly what was put in, once that lies on such a grid: reading and writing never move a number.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F32Matrix

WholeMatrix = NDArray[np.int8]

_LARGEST = 127
_SCALE_BITS = 16  # and 7 bits of the number make 23, which float32 holds exactly
_SMALLEST_SCALE = 2.0**-126  # below it float32 loses bits


def int8_quantise(index: F32Matrix, widths: Sequence[int]) -> tuple[WholeMatrix, F32Matrix]:
    """The nearest numbers q * scale, with -127 <= q <= 127, for each item and group of columns.

    The groups keep a strong feature from drowning the text beside it.

    Args:
        index: float32 [n, D], finite.
        widths: of the groups of columns, D together.

    Returns:
        int8 [n, D], and scales float32 [n, groups]; a scale of 0 stands for zeros.
    """
    numbers = np.zeros(index.shape, np.int8)
    scales = np.zeros((len(index), len(widths)), np.float32)
    for group, columns in enumerate(_columns(widths)):
        part = index[:, columns]
        scales[:, group] = _scales(np.abs(part).max(axis=1, initial=0.0))
        held = scales[:, group] > 0
        numbers[held, columns] = np.rint(part[held] / scales[held, group, None]).astype(np.int8)
    return numbers, scales


def int8_dequantise(numbers: WholeMatrix, scales: F32Matrix, widths: Sequence[int]) -> F32Matrix:
    """The index, float32 [n, D], that `int8_quantise` turns into these again.

    Raises:
        ValueError: the numbers and scales are not such as `int8_quantise` gives.
    """
    if (numbers.dtype, scales.dtype) != (np.int8, np.float32):
        raise ValueError(f"expected an index in int8 with scales in float32, got {numbers.dtype} and {scales.dtype}")
    if numbers.ndim != 2 or numbers.shape[1] != sum(widths) or scales.shape != (len(numbers), len(widths)):
        raise ValueError(f"expected {sum(widths)} columns in {len(widths)} groups, got {numbers.shape}, {scales.shape}")
    index = np.empty(numbers.shape, np.float32)
    for group, columns in enumerate(_columns(widths)):
        part, scale = numbers[:, columns], scales[:, group]
        if not _is_least(part, scale):
            raise ValueError("expected each scale to be the least that fits, got another")
        index[:, columns] = part * scale[:, None]
    return index


def on_grid(index: F32Matrix, widths: Sequence[int]) -> F32Matrix:
    """The nearest index that `int8_quantise` keeps as it is."""
    return int8_dequantise(*int8_quantise(index, widths), widths)


def _scales(largest: F32Matrix) -> F32Matrix:
    """A 127th of each, rounded up to so few bits that 127 times it is exact."""
    mantissas, exponents = np.frexp(largest.astype(np.float64) / _LARGEST)
    scales = np.ldexp(np.ceil(np.ldexp(mantissas, _SCALE_BITS)), exponents - _SCALE_BITS)
    return np.where(scales < _SMALLEST_SCALE, 0.0, scales).astype(np.float32)


def _is_least(numbers: WholeMatrix, scales: F32Matrix) -> bool:
    """Whether these are what `int8_quantise` makes of their own products."""
    if not np.isfinite(_LARGEST * scales.astype(np.float64)).all() or (numbers < -_LARGEST).any():
        return False
    largest = np.abs(numbers).max(axis=1, initial=0)
    fitting = np.array_equal(_scales(largest * scales), scales)
    return fitting and np.array_equal(largest, np.where(scales > 0, _LARGEST, 0))


def _columns(widths: Sequence[int]) -> list[slice]:
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
