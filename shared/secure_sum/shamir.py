"""Shamir's secret sharing over the field of 2^255 - 19: any `threshold` shares rebuild a secret, fewer say nothing.

Implements FEDREC-SA/1 sections 2 and 5. Secrets and shares pass through as arguments; nothing here keeps,
prints or logs one.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum.reed_solomon import PRIME, correct, evaluate_polynomial, inverses

RandomBytes = Callable[[int], bytes]
LARGEST_POINT = 2**16


def draw_element(random_bytes: RandomBytes = os.urandom) -> int:
    """Uniform in the field: 32 bytes little-endian, the top bit cleared, drawn again if not below the prime."""
    while True:
        value = int.from_bytes(random_bytes(32), "little") & (2**255 - 1)
        if value < PRIME:
            return value


def split_secret(
    secret: int, threshold: int, points: Sequence[int], random_bytes: RandomBytes = os.urandom
) -> dict[int, int]:
    """Share a secret out (Shamir 1979): a random polynomial of degree threshold - 1 through it, at each point.

    Args:
        secret: in [0, PRIME).
        threshold: shares that rebuild it.
        points: where the polynomial is evaluated, each in [1, 65536] and once.
        random_bytes: source of the polynomial's other coefficients.

    Returns:
        Share by point, in the order of `points`.

    Raises:
        Misconfigured: points or threshold cannot be; the secret is outside the field.
    """
    if not 0 <= secret < PRIME:
        raise Misconfigured("secret sharing: expected a secret in the field of 2^255 - 19, got one outside")
    if len(set(points)) < len(points) or not all(1 <= point <= LARGEST_POINT for point in points):
        raise Misconfigured(f"secret sharing: expected points from 1 to {LARGEST_POINT}, each once")
    if not 1 <= threshold <= len(points):
        raise Misconfigured(f"secret sharing: expected a threshold from 1 to {len(points)}, got {threshold}")
    polynomial = [secret, *(draw_element(random_bytes) for _ in range(threshold - 1))]
    return {point: evaluate_polynomial(polynomial, point) for point in points}


def recover(shares: Mapping[int, int], threshold: int) -> int:
    """Rebuild the secret from the `threshold` shares at the smallest points; further ones are not looked at.

    Args:
        shares: share by point.
        threshold: shares that rebuild it.

    Returns:
        The value at 0 of the polynomial through these shares. It is the secret only if all of them are right.

    Raises:
        Corrupt: too few shares, or one that cannot be.
    """
    _check(shares, threshold)
    points = tuple(islice(sorted(shares), threshold))
    return sum(weight * shares[point] for weight, point in zip(_weights_at_zero(points), points, strict=True)) % PRIME


def recover_checked(
    shares: Mapping[int, int], threshold: int, is_right: Callable[[int], bool]
) -> tuple[int, tuple[int, ...]]:
    """Rebuild a secret that can be recognised, although some shares may be wrong (FEDREC-SA/1 section 5).

    Args:
        shares: m shares by point; up to (m - threshold) // 2 of them may be wrong.
        threshold: shares that rebuild it, if all of them are right.
        is_right: whether a value is the secret.

    Returns:
        The secret, and the points of the wrong shares, ascending. Where the first `threshold` shares give the secret
        at once the others are not looked at, and no wrong one is named.

    Raises:
        Corrupt: too few shares, or more wrong ones than can be told from right ones.
    """
    secret = recover(shares, threshold)
    if is_right(secret):
        return secret, ()
    polynomial = correct(shares, threshold)
    if polynomial is None or not is_right(polynomial[0]):
        raise Corrupt(
            f"shares: expected at most {(len(shares) - threshold) // 2} wrong ones among {len(shares)}, got more; "
            "the secret cannot be rebuilt"
        )
    wrong = tuple(point for point in sorted(shares) if evaluate_polynomial(polynomial, point) != shares[point])
    return polynomial[0], wrong


def _check(shares: Mapping[int, int], threshold: int) -> None:
    if threshold < 1:
        raise Misconfigured(f"secret sharing: expected a threshold of at least 1, got {threshold}")
    if len(shares) < threshold:
        raise Corrupt(f"shares: expected at least {threshold}, got {len(shares)}; the secret cannot be rebuilt")
    for point, share in shares.items():
        if not (1 <= point <= LARGEST_POINT and 0 <= share < PRIME):
            raise Corrupt(f"share at point {point}: expected a point from 1 to {LARGEST_POINT} and a share below p")


@lru_cache(maxsize=1024)
def _weights_at_zero(points: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange's weights: the value at 0 is their product with the shares. Points are small and public."""
    product = math.prod(points)
    divisors = [point * math.prod([other - point for other in points if other != point]) % PRIME for point in points]
    return tuple(product * inverse % PRIME for inverse in inverses(divisors))
