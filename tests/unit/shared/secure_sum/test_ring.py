"""The neighbour graph, against the published vector, a plain window count, and a search for disconnected members."""

import hashlib
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.secure_sum import Ring, graph_degrees

SESSION = hashlib.sha256(b"ctx").digest()


@st.composite
def rings(draw):
    n = draw(st.integers(3, 40))
    half = draw(st.integers(1, (n - 1) // 2))
    return Ring(draw(st.binary(min_size=32, max_size=32)), n, 2 * half)


def most_missing(ring: Ring, alive: set[int]) -> int:
    """The slow twin of the window rule: every window, counted."""
    n, width = len(ring.places), ring.degree // 2
    return max(sum(ring.places[(start + step) % n] not in alive for step in range(width)) for start in range(n))


def reached(ring: Ring, members: set[int]) -> set[int]:
    """Members that one of them can reach through the others."""
    found, todo = set(), [min(members)]
    while todo:
        member = todo.pop()
        if member not in found:
            found.add(member)
            todo += [other for other in ring.neighbours(member) if other in members]
    return found


def test_places_and_neighbours_are_those_of_the_vector(vectors):
    vector = vectors["graph"]
    ring = Ring(bytes.fromhex(vector["ctx"]), vector["n"], vector["k"])
    assert list(ring.places) == vector["perm"]
    assert list(ring.neighbours(0)) == vector["nb0"]


@given(rings())
def test_neighbours_are_mutual_and_as_many_as_the_degree(ring):
    members = range(len(ring.places))
    assert sorted(ring.places) == list(members)
    for member in members:
        neighbours = ring.neighbours(member)
        assert len(neighbours) == ring.degree
        assert list(neighbours) == sorted(set(neighbours) - {member})
        assert all(member in ring.neighbours(other) for other in neighbours)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 100])
def test_on_the_complete_graph_everybody_is_a_neighbour(n):
    ring = Ring(SESSION, n, n - 1)
    assert all(set(ring.neighbours(member)) == set(range(n)) - {member} for member in range(n))
    assert ring.window_holds(frozenset(), None)


@given(rings(), st.data())
def test_the_window_rule_is_the_plain_count(ring, data):
    alive = data.draw(st.sets(st.sampled_from(ring.places)))
    window = data.draw(st.integers(0, ring.degree // 2))
    assert ring.window_holds(alive, window) == (most_missing(ring, alive) <= window)


@given(rings(), st.data())
def test_honest_survivors_stay_connected_while_no_window_is_all_missing_or_corrupt(ring, data):
    honest = data.draw(st.sets(st.sampled_from(ring.places), min_size=2))
    assume(most_missing(ring, honest) < ring.degree // 2)
    assert reached(ring, honest) == honest


def test_a_run_of_missing_neighbours_is_noticed_and_scattered_ones_are_not():
    n = 300
    degree, _, window = graph_degrees(n, 100_000, 100_000)
    ring = Ring(SESSION, n, degree)
    for start in (0, 150, n - 5):
        run = {ring.places[(start + step) % n] for step in range(window + 1)}
        assert not ring.window_holds(set(range(n)) - run, window)
        assert ring.window_holds(set(range(n)) - (run - {min(run)}), window)
    assert ring.window_holds(set(range(n)) - set(ring.places[::10]), window)


def test_ten_per_cent_of_random_dropouts_pass_the_window_rule():
    n, rng = 300, random.Random(3)
    degree, _, window = graph_degrees(n, 100_000, 100_000)
    ring = Ring(SESSION, n, degree)
    assert all(ring.window_holds(set(rng.sample(range(n), 270)), window) for _ in range(300))


def test_another_session_shuffles_otherwise():
    assert Ring(SESSION, 50, 4).places != Ring(bytes(32), 50, 4).places


@pytest.mark.parametrize(("n", "k"), [(10, 3), (10, 0), (10, 10), (10, -2), (1, 2)])
def test_an_impossible_degree_is_refused(n, k):
    with pytest.raises(Misconfigured, match="even number"):
        Ring(SESSION, n, k)


def test_a_ring_prints_its_size_only():
    assert repr(Ring(SESSION, 9, 4)) == "Ring(9 members)"
