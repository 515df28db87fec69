"""Degrees, against the published rows and a second reading of the formulas by another library's binomials."""

import random

import pytest
from scipy.stats import hypergeom

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import degrees, graph_degrees
from simulations.benchmarks.secure_sum_degrees import is_secure, smallest_degrees

# The table of FEDREC-SA/1 section 6.
PUBLISHED = [
    (300, 100_000, 100_000, (96, 49, 18)),
    (500, 100_000, 100_000, (116, 59, 22)),
    (1000, 50_000, 50_000, (84, 43, 15)),
    (1000, 100_000, 50_000, (104, 53, 15)),
    (1000, 100_000, 100_000, (132, 67, 25)),
    (1000, 100_000, 200_000, (180, 91, 42)),
    (1000, 200_000, 100_000, (188, 97, 29)),
    (4000, 100_000, 100_000, (148, 75, 27)),
]


@pytest.mark.parametrize(("n", "corrupt", "dropout", "row"), PUBLISHED)
def test_the_shipped_table_and_the_formulas_give_the_published_rows(n, corrupt, dropout, row):
    assert graph_degrees(n, corrupt, dropout) == row
    assert smallest_degrees(n, corrupt, dropout) == row


def test_degrees_are_those_of_the_vectors(vectors):
    for key, row in vectors["params"].items():
        n, corrupt, dropout = key.split(",")
        asked = int(n), round(float(corrupt) * 10**6), round(float(dropout) * 10**6)
        assert list(graph_degrees(*asked)) == row


def test_shipped_rows_are_those_computed_anew():
    rng = random.Random(5)
    table = degrees._table()
    for corrupt, dropout in table:
        n, *row = rng.choice(table[corrupt, dropout])
        assert smallest_degrees(n, corrupt, dropout) == tuple(row)


def test_at_every_size_the_looked_up_degrees_keep_the_security_bounds():
    rng = random.Random(7)
    for _ in range(800):
        n, corrupt, dropout = rng.randint(257, 4096), rng.randint(0, 200_000), rng.randint(0, 300_000)
        assert is_secure(n, corrupt, *graph_degrees(n, corrupt, dropout))


def test_by_another_librarys_binomials_both_promises_are_kept():
    rng = random.Random(9)
    for _ in range(100):
        n = rng.randint(257, 4096)
        corrupt_ppm, dropout_ppm = rng.choice([20_000, 77_000, 200_000]), rng.choice([50_000, 130_000, 300_000])
        k, t, w = graph_degrees(n, corrupt_ppm, dropout_ppm)
        corrupt, dropped, half = n * corrupt_ppm // 10**6, n * dropout_ppm // 10**6, k // 2
        slack = 1 + 1e-6  # of the floating point
        assert n * hypergeom.sf(t - 1, n - 1, corrupt, k) <= 2.0**-81 * slack
        assert n * hypergeom.sf(half - 1 - w, n, corrupt, half) <= 2.0**-81 * slack
        # Between rows the window is a little narrower than it need be, which costs failures, not privacy.
        assert n * hypergeom.sf(w, n, dropped, half) <= 2.0**-16
        assert n * hypergeom.sf(k - t, n - 1, dropped, k) <= 2.0**-19


@pytest.mark.parametrize(("n", "row"), [(5, (4, 3, None)), (100, (99, 50, None)), (256, (255, 128, None))])
def test_small_cohorts_are_complete_graphs(n, row):
    assert graph_degrees(n, 100_000, 100_000) == row


def test_between_the_steps_the_next_larger_share_answers():
    assert graph_degrees(1000, 60_000, 50_001) == graph_degrees(1000, 100_000, 100_000)


def test_more_corrupt_or_dropped_members_never_need_fewer_neighbours():
    shares = (0, 20_000, 50_000, 100_000, 200_000)
    for n in (257, 700, 4096):
        needed = [[graph_degrees(n, corrupt, dropout).degree for dropout in shares] for corrupt in shares]
        assert needed == [sorted(row) for row in needed]
        assert needed == sorted(needed)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ((4097, 100_000, 100_000), "at most 4096"),
        ((300, 200_001, 100_000), "corrupt_ppm: expected at most 200000"),
        ((300, 100_000, 300_001), "dropout_ppm: expected at most 300000"),
        ((3, 0, 400_000), "may be left"),
        ((100, 500_000, 500_000), "may be left"),
        ((1, 0, 0), "may be left"),
    ],
)
def test_a_cohort_no_graph_serves_is_refused(asked, why):
    with pytest.raises(Misconfigured, match=why):
        graph_degrees(*asked)


def test_an_altered_table_is_corrupt(tmp_path, monkeypatch):
    altered = tmp_path / "degrees.csv"
    altered.write_bytes(degrees._TABLE.read_bytes().replace(b"257", b"258", 1))
    monkeypatch.setattr(degrees, "_TABLE", altered)
    degrees._table.cache_clear()
    with pytest.raises(Corrupt, match="expected SHA-256"):
        graph_degrees(300, 100_000, 100_000)
    degrees._table.cache_clear()
