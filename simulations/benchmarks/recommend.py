"""Ranking on the device beside brute force: the best ten of up to a million made-up items, on one thread.

Times are CPU times: what others do on the same machine says nothing of a device.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client import Recommender
from client.recommender import CatalogueIndex
from shared.arrays import F32Matrix, F32Vector
from shared.behaviour import Event, EventKind
from shared.model import build_model
from shared.release import first_release
from simulations.benchmarks.timing import quantile_milliseconds, slope_on_log_axes
from simulations.datasets import load
from simulations.engine import read_catalogue
from simulations.evaluation import World
from simulations.report import Progress
from simulations.settings import facts_of, resolve

_ITEMS = (1_000, 10_000, 100_000, 1_000_000)
_QUERIES = 200  # of each size, and fewer of the largest
_ROWS_ASKED = 50_000_000  # of a size by all its queries together, at most
_CHECKED = 10  # lists held against those of double precision
_MADE = 50_000  # rows made at a time
_DENSE, _CONCEPTS, _TOP = 128, 64, 8
_COUNT = 10
_HISTORY = 200


def benchmark_recommend(progress: Progress) -> dict[str, Any]:
    """Ten of up to 1,000,000 items: int8 index beside NumPy and FAISS; an event and ten again, encoder included."""
    # A process of its own: the libraries read how many threads they may use when they are loaded.
    with (
        progress.stage("ranking"),
        _single_threaded_libraries(),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone,
    ):
        return alone.submit(_measured).result()


@contextmanager
def _single_threaded_libraries() -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _measured() -> dict[str, Any]:
    factors, prior = _catalogue(np.random.default_rng(0))
    rows = [_of_size(factors[:items], prior[:items]) for items in _ITEMS]
    again = quantile_milliseconds({"event": _one_more_event()}, 100, time.process_time)["event"]
    return {
        "numbers an item": factors.shape[1],
        "rows": rows,
        "index, slope on log axes from 10,000 items": slope_on_log_axes(
            _ITEMS[1:], [row["index p50 ms"] for row in rows[1:]]
        ),
        "ratio to numpy, most items": rows[-1]["index p50 ms"] / rows[-1]["numpy p50 ms"],
        "faiss": "measured" if "faiss flat p50 ms" in rows[0] else "not installed: pip install -e '.[baselines]'",
        "an event and ten of the demo's items again, p50 milliseconds": again[0],
        "an event and ten of the demo's items again, p99 milliseconds": again[1],
    }


def _of_size(factors: F32Matrix, prior: F32Vector) -> dict[str, Any]:
    """The index, NumPy's float32 brute force and FAISS' flat index over the same rows, asked in turn."""
    rng = np.random.default_rng(1)
    queries = [_query(factors, rng) for _ in range(min(_QUERIES, _ROWS_ASKED // len(factors)))]
    index, flat = CatalogueIndex(factors), _faiss(factors, prior)
    turn = iter(np.tile(np.arange(len(queries)), 4))
    ways: dict[str, Callable[[], object]] = {
        "index": lambda: index.best(queries[next(turn)], _COUNT, prior),
        "numpy": lambda: _brute_force(factors, queries[next(turn)], prior),
    }
    if flat is not None:
        ways["faiss flat"] = lambda: flat(queries[next(turn)])
    taken = quantile_milliseconds(ways, len(queries), time.process_time)
    exact = [
        np.array_equal(index.best(query, _COUNT, prior).rows, _in_doubles(factors, query, prior))
        for query in queries[:_CHECKED]
    ]
    row: dict[str, Any] = {"items": f"{len(factors):,}"}
    for way, (p50, p99) in taken.items():
        row |= {f"{way} p50 ms": p50, f"{way} p99 ms": p99}
    return row | {"exact lists": f"{sum(exact)} of {len(exact)}"}


def _catalogue(rng: np.random.Generator) -> tuple[F32Matrix, F32Vector]:
    """Clustered unit vectors beside the roots of sparse concept shares, as a release has them; and a prior."""
    centres = rng.normal(size=(500, _DENSE))
    factors = np.zeros((_ITEMS[-1], _DENSE + _CONCEPTS), np.float32)
    for start in range(0, len(factors), _MADE):
        part = factors[start : start + _MADE]
        z = centres[rng.integers(500, size=len(part))] + 0.8 * rng.normal(size=(len(part), _DENSE))
        part[:, :_DENSE] = z / np.linalg.norm(z, axis=1, keepdims=True)
        places = np.argsort(rng.random((len(part), _CONCEPTS)), axis=1)[:, :_TOP]
        shares = rng.dirichlet(np.ones(_TOP), len(part))
        np.put_along_axis(part[:, _DENSE:], places, np.sqrt(shares).astype(np.float32), axis=1)
    return factors, (0.5 * rng.normal(size=len(factors))).astype(np.float32)


def _query(factors: F32Matrix, rng: np.random.Generator) -> F32Vector:
    """What a person of a few items asks."""
    past = factors[rng.integers(len(factors), size=6)].sum(0)
    past[:_DENSE] *= 5.0 / np.linalg.norm(past[:_DENSE])
    past[_DENSE:] *= 3.0 / np.linalg.norm(past[_DENSE:])
    return past


def _brute_force(factors: F32Matrix, query: F32Vector, prior: F32Vector) -> NDArray[np.int64]:
    scores = factors @ query + prior
    best = np.argpartition(scores, len(scores) - _COUNT)[len(scores) - _COUNT :]
    return best[np.argsort(-scores[best])]


def _in_doubles(factors: F32Matrix, query: F32Vector, prior: F32Vector) -> NDArray[np.int64]:
    scores = np.einsum("nd,d->n", factors, query.astype(np.float64)) + prior
    return np.argsort(-scores, kind="stable")[:_COUNT]


def _faiss(factors: F32Matrix, prior: F32Vector) -> Callable[[F32Vector], object] | None:
    """FAISS' flat index over the same numbers, the prior as one more; None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(factors.shape[1] + 1)
    for start in range(0, len(factors), _MADE):
        part = slice(start, start + _MADE)
        index.add(np.concatenate([factors[part], prior[part, None]], 1))
    return lambda query: index.search(np.append(query, np.float32(1.0))[None], _COUNT)


def _one_more_event() -> Callable[[], object]:
    """A person of the demo's catalogue with 200 events types a search and gets ten items with reasons."""
    world = World.of(load("demo", 0), 0)
    settings = resolve("demo", facts_of(world), None, [], None, None, "none", "plain")
    model, catalogue = build_model(settings, light=True), world.dataset.catalogue
    release = first_release(settings, catalogue, model, read_catalogue(model, catalogue, settings.backbone.max_tokens))
    ranker = Recommender(release, model)
    rng = np.random.default_rng(1)
    clicks = (catalogue[int(row)].id for row in rng.integers(len(catalogue), size=_HISTORY))
    profile = ranker.profile([Event(3600.0 * hour, EventKind.CLICK, item) for hour, item in enumerate(clicks)])
    count = iter(range(10**9))

    def once() -> object:
        number = next(count)
        said = f"something about {catalogue[number % len(catalogue)].title} number {number}"  # never the same words
        profile.add(Event(3600.0 * (_HISTORY + number), EventKind.SEARCH, text=said))
        return ranker.recommend(profile, _COUNT)

    return once
