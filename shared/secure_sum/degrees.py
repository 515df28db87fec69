"""How many neighbours a member has, how many shares rebuild a secret, how many may be missing in a window.

Implements FEDREC-SA/1 section 6. The numbers for large cohorts are a shipped table, so that every platform derives the
same; its hash is pinned here.
"""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

from shared.errors import Corrupt, Misconfigured

LARGEST_COMPLETE = 256
LARGEST_COHORT = 4096
PPM = 10**6

_TABLE = Path(__file__).parent / "degrees.csv"
_TABLE_SHA256 = "fae9f794390b3fafd3150c644e3fb81eae75275cdf59f1b143fe6bf92e87edb6"


class Degrees(NamedTuple):
    """k, t and w of FEDREC-SA/1 section 6.

    Attributes:
        degree: neighbours of every member.
        threshold: shares that rebuild a secret.
        window: most members that may be missing among any `degree // 2` consecutive places of the ring; None on the
            complete graph, which has no such rule.
    """

    degree: int
    threshold: int
    window: int | None


def graph_degrees(n: int, corrupt_ppm: int, dropout_ppm: int) -> Degrees:
    """Degrees of a cohort of `n` (FEDREC-SA/1 section 6).

    Up to 256 members the graph is complete. Above, the table answers for the next larger shares of corrupt and of
    dropped members; between two cohort sizes the larger degree, the larger threshold and the smaller window hold.

    Raises:
        Misconfigured: no graph of this size keeps both promises.
    """
    if n <= LARGEST_COMPLETE:
        return _complete(n, corrupt_ppm, dropout_ppm)
    if n > LARGEST_COHORT:
        raise Misconfigured(f"cohort: expected at most {LARGEST_COHORT} members, got {n}; use several cohorts")
    table = _table()
    corrupt = _at_least(sorted({key[0] for key in table}), corrupt_ppm, "corrupt_ppm")
    dropout = _at_least(sorted({key[1] for key in table}), dropout_ppm, "dropout_ppm")
    rows = table[corrupt, dropout]
    place = bisect_left(rows, n, key=lambda row: row[0])
    above = rows[place]
    below = above if above[0] == n else rows[place - 1]
    return Degrees(max(below[1], above[1]), max(below[2], above[2]), min(below[3], above[3]))


def _complete(n: int, corrupt_ppm: int, dropout_ppm: int) -> Degrees:
    degree = n - 1
    threshold = max(degree // 2, n * corrupt_ppm // PPM) + 1
    left = degree - n * dropout_ppm // PPM
    if threshold > left:
        raise Misconfigured(
            f"cohort of {n}: {threshold} shares rebuild a secret and only {left} may be left; expected more members, "
            f"or smaller shares of corrupt ({corrupt_ppm} ppm) and dropped ({dropout_ppm} ppm) ones"
        )
    return Degrees(degree, threshold, None)


def _at_least(steps: list[int], asked: int, name: str) -> int:
    if asked > steps[-1]:
        raise Misconfigured(f"{name}: expected at most {steps[-1]} above {LARGEST_COMPLETE} members, got {asked}")
    return steps[bisect_left(steps, asked)]


@cache
def _table() -> dict[tuple[int, int], list[tuple[int, int, int, int]]]:
    """(n, k, t, w), ascending by n, for each tabulated pair of corrupt and dropped shares."""
    content = _TABLE.read_bytes()
    if hashlib.sha256(content).hexdigest() != _TABLE_SHA256:
        raise Corrupt(f"{_TABLE.name}: expected SHA-256 {_TABLE_SHA256}; install the package again")
    table: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for line in content.decode("ascii").splitlines()[1:]:
        corrupt, dropout, n, k, t, w = map(int, line.split(","))
        table[corrupt, dropout].append((n, k, t, w))
    return dict(table)
