"""Counting what goes together: a device's summand with and without its zeros, reading the sum, and ranking by it.

All of it is made up, by fixed seeds: people choose by Zipf's law, so that some pairs are met again and again.
"""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from client import Counted
from client.recommender import Company, Past
from client.secagg import encode_rows
from shared.companions import Companions
from shared.federation import read_federation
from shared.item_statistics import ItemStatistics
from shared.pair_cells import PairCells
from shared.privacy import Keystream
from shared.round_parameters import derive_round_parameters
from simulations.benchmarks.timing import median_milliseconds
from simulations.cohort import words_of_counts
from simulations.report import Progress

_ITEMS = (1_700, 17_000)  # a cell for each pair; shared cells
_DEVICES, _AT_ONCE, _REPEATS = 5_000, 32, 5
_PAIRS_OF, _EVENTS = 8, 50
_MEMBERS = 1_000


def benchmark_pairs(progress: Progress) -> dict[str, Any]:
    """Milliseconds of a device's words without its zeros and with them, seconds of reading the sum of 5,000 devices."""
    rows = []
    for items in _ITEMS:
        with progress.stage(f"{items:,} items"):
            rows.append(_of_size(items))
    return {"devices": _DEVICES, "rows": rows}


def _of_size(items: int) -> dict[str, Any]:
    cells, rng = PairCells(items), np.random.default_rng(items)
    counting = [f"statistics.pairs_of={_PAIRS_OF}", f"statistics.items_per_device={_PAIRS_OF}"]
    file = read_federation(settings=["privacy.level=none", "sum.mode=ideal", *counting])
    terms = derive_round_parameters(file, "statistics", 0, items + cells.size, bytes(32), bytes(32))
    configuration, parameters = terms.configuration, terms.configuration.for_cohort(_MEMBERS)
    counted = [_counted(rng, items, cells) for _ in range(_DEVICES)]
    turn = itertools.count()

    def few() -> np.ndarray[Any, Any]:
        chosen = counted[:_AT_ONCE]
        return words_of_counts(zip(chosen, _streams(_AT_ONCE), strict=True), configuration, parameters)

    def whole() -> np.ndarray[Any, Any]:
        one = counted[next(turn) % _AT_ONCE]
        return encode_rows(one.dense()[None], configuration, parameters, [next(_streams(1))])

    taken = median_milliseconds({"few": few, "whole": whole}, _REPEATS)
    total = np.zeros(items + cells.size)
    for one in counted:
        total[one.places] += one.values
    started = time.perf_counter()
    statistics = ItemStatistics.of_sum(total, items, 0.0)
    reading = time.perf_counter() - started
    companions = Companions.of_pairs(statistics.pairs, statistics.counts)
    past = Past(rng.integers(items, size=_EVENTS), np.arange(_EVENTS, 0.0, -1.0) ** -1.0)
    ranking = median_milliseconds({"one": lambda: Company.of(past, companions, 1.0)}, 20)["one"]
    return {
        "items": items,
        "megabytes of an answer": 4e-6 * (items + cells.size),
        "without zeros, ms a device": taken["few"] / _AT_ONCE,
        "whole summand, ms a device": taken["whole"],
        "speed-up": taken["whole"] / (taken["few"] / _AT_ONCE),
        "reading the sum, seconds": reading,
        "pairs read": len(statistics.pairs.pairs),
        "companions of 50 events, ms": ranking,
    }


def _counted(rng: np.random.Generator, items: int, cells: PairCells) -> Counted:
    rows = np.unique((items ** rng.random(_PAIRS_OF)).astype(np.int64) - 1)
    together = items + cells.of(rows)
    values = np.concatenate([np.ones(len(rows)), np.full(len(together), cells.part)]).astype(np.float32)
    return Counted(np.concatenate([rows, together]), values, items + cells.size)


def _streams(count: int) -> Iterator[Keystream]:
    return (Keystream(bytes([number]) * 32) for number in range(count))
