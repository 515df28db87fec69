"""Polynomials with wrong values, against a search through all subsets."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from shared.secure_sum.reed_solomon import PRIME, correct, evaluate_polynomial, inverses


def searched(word: dict[int, int], length: int) -> list[int] | None:
    """The slow twin: the polynomial through any `length` values that enough others lie on."""
    for points in combinations(word, length):
        polynomial = through({point: word[point] for point in points})
        wrong = sum(evaluate_polynomial(polynomial, point) != value for point, value in word.items())
        if wrong <= (len(word) - length) // 2:
            return polynomial
    return None


def through(values: dict[int, int]) -> list[int]:
    """Lagrange's polynomial, as he wrote it."""
    total = [0] * len(values)
    for point, value in values.items():
        term = [value]
        for other in values:
            if other != point:
                inverse = pow(point - other, -1, PRIME)
                shifted, scaled = [0, *term], [*(-other * c for c in term), 0]
                term = [(a + b) * inverse % PRIME for a, b in zip(shifted, scaled, strict=True)]
        total = [(a + b) % PRIME for a, b in zip(total, term, strict=True)]
    return total


@given(st.data())
def test_correcting_finds_what_a_search_finds(data):
    small = st.integers(0, 3) | st.integers(0, PRIME - 1)
    length = data.draw(st.integers(1, 3), "length")
    polynomial = data.draw(st.lists(small, min_size=length, max_size=length), "polynomial")
    points = data.draw(st.lists(st.integers(1, 2**16), min_size=length, max_size=8, unique=True), "points")
    word = {point: evaluate_polynomial(polynomial, point) for point in points}
    for point in data.draw(st.sets(st.sampled_from(points)), "wrong"):
        word[point] = data.draw(small)
    assert correct(word, length) == searched(word, length)


@given(st.lists(st.integers(1, PRIME - 1), min_size=1, max_size=9))
def test_inverses_found_together_are_those_found_alone(values):
    assert inverses(values) == [pow(value, -1, PRIME) for value in values]


def test_a_value_is_that_of_horners_scheme_by_hand():
    assert evaluate_polynomial([5, 0, 2], 3) == 5 + 2 * 9
    assert evaluate_polynomial([], 3) == 0
    assert evaluate_polynomial([PRIME - 1], 7) == PRIME - 1
