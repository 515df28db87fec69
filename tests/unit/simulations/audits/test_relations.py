"""What unknown masks leave to be computed: the graph's answer against the rank of the matrix itself."""

import numpy as np
import pytest

from shared.secure_sum import Ring
from simulations.audits.relations import View, neighbours_of, relations

THRESHOLD = 3


def matrix(joined: np.ndarray, view: View) -> np.ndarray:
    """A row for each received vector; a column for each mask that is not known, with its sign in it."""
    n, columns = len(joined), []
    hidden = view.honest & view.masking & (view.seed_shares < THRESHOLD)
    for one in range(n):
        if view.received[one] and view.own_shares[one] < THRESHOLD:
            columns.append(np.eye(n)[one])
        for other in range(one):
            if joined[one, other] and hidden[one] and hidden[other]:
                columns.append(np.eye(n)[other] - np.eye(n)[one])
    return np.array(columns).reshape(-1, n).T[view.received]


def random_view(drawn: np.random.Generator, n: int) -> View:
    honest = drawn.random(n) < 0.8
    masking = drawn.random(n) < 0.9
    received = honest & masking & (drawn.random(n) < 0.9)
    own, seeds = drawn.integers(0, 2 * THRESHOLD, (2, n))
    return View(honest, masking, received, own, np.minimum(seeds, drawn.integers(0, 5, n)))


@pytest.mark.parametrize("degree", [2, 4, 11])
def test_there_are_as_many_relations_as_the_matrix_has_free_rows_and_each_cancels_all_masks(degree: int) -> None:
    drawn = np.random.default_rng(degree)
    seen = set()
    for _ in range(60):
        joined = neighbours_of(Ring(drawn.bytes(32), 12, degree))
        view = random_view(drawn, 12)
        masks = matrix(joined, view)
        found = relations(joined, view, THRESHOLD)
        rank = int(np.linalg.matrix_rank(masks)) if masks.size else 0
        assert len(found) == len(masks) - rank
        assert all(not (members[view.received] @ masks).any() for members in found)
        seen.add(len(found))
    assert len(seen) > 2  # not all views are alike


def test_of_a_round_in_which_nobody_deviates_the_sum_of_the_honest_is_all() -> None:
    everybody, n = np.ones(10, np.bool_), 10
    honest = np.arange(n) < 9
    joined = neighbours_of(Ring(bytes(32), n, n - 1))
    view = View(honest, everybody, honest, np.full(n, 9), np.full(n, 1))
    (only,) = relations(joined, view, THRESHOLD)
    assert (only == honest).all()


def test_a_member_whose_two_secrets_are_known_stands_alone() -> None:
    everybody, n = np.ones(10, np.bool_), 10
    joined = neighbours_of(Ring(bytes(32), n, n - 1))
    seeds = np.where(np.arange(n) == 4, 9, 0)
    found = relations(joined, View(everybody, everybody, everybody, np.full(n, 9), seeds), THRESHOLD)
    assert sorted(int(members.sum()) for members in found) == [1, 9]
