"""Times several variants in turn, many times over, so that a busy machine slows all of them alike."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np


def median_milliseconds(variants: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median wall-clock milliseconds of each variant; one untimed call of each comes first."""
    return {name: median for name, (median, _) in quantile_milliseconds(variants, repeats).items()}


def quantile_milliseconds(
    variants: Mapping[str, Callable[[], object]], repeats: int, seconds: Callable[[], float] = time.perf_counter
) -> dict[str, tuple[float, float]]:
    """Median and 99 % quantile of the milliseconds of each variant, timed as `median_milliseconds` does.

    Args:
        variants: what to time, by name; each is called with nothing.
        repeats: timed calls of each, at least 1.
        seconds: reads a clock; that of the process where nothing but its own work is to count.
    """
    for run in variants.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, run in variants.items():
            started = seconds()
            run()
            taken[name].append(1000.0 * (seconds() - started))
    return {name: (float(np.median(values)), float(np.quantile(values, 0.99))) for name, values in taken.items()}


def slope_on_log_axes(sizes: Sequence[float], measured: Sequence[float]) -> float:
    """The power of the size that what was measured grows with, by least squares: 1 where twice as much takes twice."""
    return float(np.polyfit(np.log(sizes), np.log(measured), 1)[0])
