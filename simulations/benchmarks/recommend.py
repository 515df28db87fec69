"""Ranking on the device beside brute force: the best ten of 100,000 made-up items, on one thread of one process.

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
from shared.arrays import F32Matrix
from shared.behaviour import Event, EventKind
from shared.model import build_model
from shared.release import first_release
from simulations.benchmarks.timing import quantile_milliseconds
from simulations.datasets import load
from simulations.engine import embed_catalogue
from simulations.evaluation import World
from simulations.report import Progress
from simulations.settings import resolve

ITEMS = 100_000
QUERIES = 200
_DENSE, _CONCEPTS, _TOP = 128, 64, 8
_COUNT = 10
_HISTORY = 200


def benchmark_recommend(progress: Progress) -> dict[str, Any]:
    """Ten of 100,000 items: int8 index beside NumPy and FAISS; one more event and ten again, the encoder included."""
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
    rng = np.random.default_rng(0)
    factors, prior = _catalogue(rng)
    queries = [_query(factors, rng) for _ in range(QUERIES)]
    index = CatalogueIndex(factors)
    turn = iter(np.tile(np.arange(QUERIES), 4))
    ways: dict[str, Callable[[], object]] = {
        "int8 index, exact": lambda: index.best(queries[next(turn)], _COUNT, prior),
        "numpy float32, brute force": lambda: _brute_force(factors, queries[next(turn)], prior),
    }
    flat = _faiss(factors, prior)
    if flat is not None:
        ways["faiss flat"] = lambda: flat(queries[next(turn)])
    taken = quantile_milliseconds(ways, QUERIES, time.process_time)
    again = quantile_milliseconds({"event": _one_more_event()}, 100, time.process_time)["event"]
    return {
        "items, numbers an item": f"{ITEMS}, {factors.shape[1]}",
        "rows": [{"way": way, "p50 milliseconds": p50, "p99 milliseconds": p99} for way, (p50, p99) in taken.items()],
        "p50 over numpy": taken["int8 index, exact"][0] / taken["numpy float32, brute force"][0],
        "faiss": "measured" if flat else "not installed: pip install -e '.[baselines]'",
        "an event and ten of the demo's items again, p50 milliseconds": again[0],
        "an event and ten of the demo's items again, p99 milliseconds": again[1],
    }


def _catalogue(rng: np.random.Generator) -> tuple[F32Matrix, F32Matrix]:
    """Clustered unit vectors beside the roots of sparse concept shares, as a release has them; and a prior."""
    centres = rng.normal(size=(500, _DENSE))
    z = centres[rng.integers(500, size=ITEMS)] + 0.8 * rng.normal(size=(ITEMS, _DENSE))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    shares = np.zeros((ITEMS, _CONCEPTS))
    places = np.argsort(rng.random((ITEMS, _CONCEPTS)), axis=1)[:, :_TOP]
    np.put_along_axis(shares, places, rng.dirichlet(np.ones(_TOP), ITEMS), axis=1)
    prior = 0.5 * rng.normal(size=ITEMS)
    return np.concatenate([z, np.sqrt(shares)], 1).astype(np.float32), prior.astype(np.float32)


def _query(factors: F32Matrix, rng: np.random.Generator) -> F32Matrix:
    """What a person of a few items asks."""
    past = factors[rng.integers(ITEMS, size=6)].sum(0)
    past[:_DENSE] *= 5.0 / np.linalg.norm(past[:_DENSE])
    past[_DENSE:] *= 3.0 / np.linalg.norm(past[_DENSE:])
    return past


def _brute_force(factors: F32Matrix, query: F32Matrix, prior: F32Matrix) -> NDArray[np.int64]:
    scores = factors @ query + prior
    best = np.argpartition(scores, ITEMS - _COUNT)[ITEMS - _COUNT :]
    return best[np.argsort(-scores[best])]


def _faiss(factors: F32Matrix, prior: F32Matrix) -> Callable[[F32Matrix], object] | None:
    """FAISS' flat index over the same numbers, the prior as one more; None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(factors.shape[1] + 1)
    index.add(np.concatenate([factors, prior[:, None]], 1))
    return lambda query: index.search(np.append(query, np.float32(1.0))[None], _COUNT)


def _one_more_event() -> Callable[[], object]:
    """A person of the demo's catalogue with 200 events types a search and gets ten items with reasons."""
    world = World.of(load("demo", 0), 0)
    settings = resolve("demo", world.events, len(world.members), None, [], None, None, "none", "plain")
    model, catalogue = build_model(settings, trainable=False), world.dataset.catalogue
    release = first_release(settings, catalogue, model, embed_catalogue(model, catalogue, settings.backbone.max_tokens))
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
