"""Computes the table of neighbour degrees that the secure sum ships: exact binomials, no floating point.

`python -m simulations.benchmarks.secure_sum_degrees` prints it; with `--write` it goes into the package, and its
SHA-256 is printed, to be pinned in shared/secure_sum/degrees.py.
"""

import argparse
import hashlib
from collections.abc import Iterator
from itertools import pairwise
from math import comb
from pathlib import Path

import shared.secure_sum
from shared.files import write_atomically

CORRUPT_PPM = (20_000, 50_000, 100_000, 200_000)
DROPOUT_PPM = (50_000, 100_000, 200_000, 300_000)

# FEDREC-SA/1 section 6: security, tries at grinding the roster's hash, and failure of a round, in bits.
_SECURITY_BITS = 40
_GRINDING_BITS = 40
_FAILURE_BITS = 20


def cohort_sizes() -> list[int]:
    """257 to 4096 in steps of four per cent, and the round numbers people choose."""
    sizes, size = {300, 500, 1000, 2000, 4000, 4096}, 257
    while size < 4096:
        sizes.add(size)
        size = size * 26 // 25
    return sorted(sizes)


def smallest_degrees(n: int, corrupt_ppm: int, dropout_ppm: int) -> tuple[int, int, int]:
    """k, t and w of a cohort by conditions (a) to (d) of FEDREC-SA/1 section 6, k in steps of four.

    Raises:
        ValueError: no k below n - 1 meets them.
    """
    corrupt, dropped = n * corrupt_ppm // 10**6, n * dropout_ppm // 10**6
    secure, lasting = _SECURITY_BITS + _GRINDING_BITS + 1, _FAILURE_BITS + 1
    for degree in range(4, n - 1, 4):
        half = degree // 2
        neighbours = most_marked(n - 1, corrupt, degree, n, secure)
        window = half - 1 - most_marked(n, corrupt, half, n, secure)
        threshold = max(neighbours, half) + 1
        if most_marked(n, dropped, half, n, lasting) > window:
            continue
        if most_marked(n - 1, dropped, degree, n, lasting) > degree - threshold:
            continue
        return degree, threshold, window
    raise ValueError(f"no ring of {n} members bears {corrupt} corrupt and {dropped} dropped ones")


def most_marked(population: int, marked: int, draws: int, times: int, bits: int) -> int:
    """Least c with `times` * P[Hyp(population, marked, draws) > c] <= 2^-bits.

    `draws` of `population` are drawn, `marked` of which are marked.
    """
    whole, tail, count = comb(population, draws), 0, min(marked, draws) + 1
    while times * tail << bits <= whole:
        count -= 1
        tail += comb(marked, count) * comb(population - marked, draws - count)
    return count


def is_secure(n: int, corrupt_ppm: int, degree: int, threshold: int, window: int) -> bool:
    """Whether a cohort keeps the bounds on corrupt neighbours (a) and on cutting the ring (b) with these numbers."""
    corrupt, half, bits = n * corrupt_ppm // 10**6, degree // 2, _SECURITY_BITS + _GRINDING_BITS + 1
    return most_marked(n - 1, corrupt, degree, n, bits) < threshold and (
        most_marked(n, corrupt, half, n, bits) + window < half
    )


def rows_by_size(corrupt_ppm: int, dropout_ppm: int) -> dict[int, tuple[int, int, int]]:
    """(k, t, w) by cohort size, at as many sizes as it takes.

    Between two rows the larger k, the larger t and the smaller w hold. The counts of corrupt members are rounded down,
    so that this is a hair too little at some sizes; each of those gets a row of its own, until none is left.
    """
    rows: dict[int, tuple[int, int, int]] = {}
    missing = cohort_sizes()
    while missing:
        rows |= {n: smallest_degrees(n, corrupt_ppm, dropout_ppm) for n in missing}
        missing = []
        for low, high in pairwise(sorted(rows)):
            (k, t, w), (other_k, other_t, other_w) = rows[low], rows[high]
            both = max(k, other_k), max(t, other_t), min(w, other_w)
            missing += [n for n in range(low + 1, high) if not is_secure(n, corrupt_ppm, *both)]
    return dict(sorted(rows.items()))


def table() -> Iterator[str]:
    """The lines of the file, the heading first."""
    yield "corrupt_ppm,dropout_ppm,n,k,t,w"
    for corrupt_ppm in CORRUPT_PPM:
        for dropout_ppm in DROPOUT_PPM:
            for n, row in rows_by_size(corrupt_ppm, dropout_ppm).items():
                yield ",".join(map(str, (corrupt_ppm, dropout_ppm, n, *row)))


def main() -> None:
    """Print the table, or write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write shared/secure_sum/degrees.csv")
    content = "".join(line + "\n" for line in table())
    if not parser.parse_args().write:
        print(content, end="")
        return
    path = Path(shared.secure_sum.__file__).parent / "degrees.csv"
    write_atomically(path, content.encode("ascii"))
    print(f"{path}: SHA-256 {hashlib.sha256(content.encode('ascii')).hexdigest()}")


if __name__ == "__main__":
    main()
