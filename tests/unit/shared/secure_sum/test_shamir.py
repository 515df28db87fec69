"""Secret sharing, against the published vectors and by its defining properties."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import PRIME, draw_element, recover, recover_checked, split_secret

ELEMENTS = st.integers(0, PRIME - 1)


def handing_out(*values: int):
    """Random bytes that spell out these field elements."""
    queue = iter(values)
    return lambda count: next(queue).to_bytes(count, "little")


@st.composite
def shared_out(draw):
    """(secret, threshold, shares)."""
    secret, points = draw(ELEMENTS), draw(st.lists(st.integers(1, 2**16), min_size=1, max_size=12, unique=True))
    threshold = draw(st.integers(1, len(points)))
    return secret, threshold, split_secret(secret, threshold, points, random.Random(draw(st.integers())).randbytes)


def test_shares_are_those_of_the_vectors(vectors):
    vector = vectors["shamir"]
    expected = {int(point): share for point, share in vector["shares"].items()}
    shares = split_secret(vector["secret"], vector["t"], [1, 2, 5], handing_out(*vector["coeffs"]))
    assert shares == expected
    assert recover(shares, 3) == vector["secret"]


def test_shares_of_large_values_are_those_of_the_vectors(vectors):
    vector = vectors["shamir_big"]
    expected = {int(point): int(share, 16) for point, share in vector["shares"].items()}
    secret = int(vector["secret"], 16)
    shares = split_secret(secret, 3, [1, 4, 9], handing_out(PRIME - 1, PRIME - 5))
    assert shares == expected
    assert recover(shares, 3) == secret


@given(shared_out(), st.randoms())
def test_any_threshold_of_the_shares_rebuilds_the_secret(made, order):
    secret, threshold, shares = made
    some = dict(order.sample(sorted(shares.items()), threshold))
    assert recover(some, threshold) == secret


@given(shared_out(), ELEMENTS)
def test_one_share_too_few_is_consistent_with_every_secret(made, other):
    _, threshold, shares = made
    some = dict(sorted(shares.items())[: threshold - 1])
    point = next(point for point in range(1, 20) if point not in some)
    # A polynomial with another secret through the same shares exists: fix it by its value at one further point.
    weight = recover({**dict.fromkeys(some, 0), point: 1}, threshold)
    rest = recover({**some, point: 0}, threshold)
    further = (other - rest) * pow(weight, -1, PRIME) % PRIME
    assert recover({**some, point: further}, threshold) == other


def test_the_same_secret_is_shared_out_otherwise_each_time():
    first, second = (split_secret(7, 3, [1, 2, 3, 4]) for _ in range(2))
    assert all(first[point] != second[point] for point in first)


@given(shared_out(), st.data())
def test_wrong_shares_are_found_and_named_up_to_the_bound(made, data):
    secret, threshold, shares = made
    most = (len(shares) - threshold) // 2
    wrong = data.draw(st.lists(st.sampled_from(sorted(shares)), max_size=most, unique=True))
    for point in wrong:
        shares[point] = (shares[point] + data.draw(st.integers(1, PRIME - 1))) % PRIME
    found, named = recover_checked(shares, threshold, lambda value: value == secret)
    assert found == secret
    first = sorted(shares)[:threshold]
    assert named == (tuple(sorted(wrong)) if set(first) & set(wrong) else ())


@given(shared_out(), st.integers())
def test_beyond_the_bound_nothing_is_rebuilt(made, seed):
    secret, threshold, shares = made
    wrong = sorted(shares)[: (len(shares) - threshold) // 2 + 1]
    noise = random.Random(seed)
    for point in wrong:
        shares[point] = (shares[point] + noise.randrange(1, PRIME)) % PRIME
    with pytest.raises(Corrupt, match="wrong ones among"):
        recover_checked(shares, threshold, lambda value: value == secret)


def test_a_consistent_word_of_another_secret_is_not_taken_for_the_right_one():
    with pytest.raises(Corrupt, match="wrong ones among 4"):
        recover_checked(split_secret(5, 2, [1, 2, 3, 4]), 2, lambda value: value == 6)


def test_three_wrong_shares_of_nineteen_are_found():
    shares = split_secret(99, 10, range(1, 20))
    for point in (2, 11, 19):
        shares[point] ^= 1
    assert recover_checked(shares, 10, lambda value: value == 99) == (99, (2, 11, 19))


def test_too_few_shares_are_no_secret():
    with pytest.raises(Corrupt, match="expected at least 3, got 2"):
        recover({1: 5, 2: 6}, 3)


@pytest.mark.parametrize("shares", [{0: 1}, {1: PRIME}, {1: -1}, {2**16 + 1: 1}])
def test_a_share_that_cannot_be_is_refused_and_not_printed(shares):
    with pytest.raises(Corrupt, match="expected a point") as caught:
        recover(shares, 1)
    assert str(PRIME) not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "threshold", "points"),
    [(PRIME, 1, [1]), (-1, 1, [1]), (1, 2, [1]), (1, 0, [1]), (1, 1, [0]), (1, 1, [1, 1]), (1, 1, [2**16 + 1])],
)
def test_what_cannot_be_shared_out_is_refused(secret, threshold, points):
    with pytest.raises(Misconfigured, match="secret sharing: expected"):
        split_secret(secret, threshold, points)


def test_a_drawn_element_outside_the_field_is_drawn_again_and_its_top_bit_does_not_count():
    tape = [(PRIME + 1).to_bytes(32, "little"), (2**255 + 4).to_bytes(32, "little")]
    assert draw_element(lambda count: tape.pop(0)) == 4
    assert not tape
