"""Polynomials over the field of 2^255 - 19, and the one behind a word of values some of which are wrong.

Implements FEDREC-SA/1 section 2 (the field) and section 5 (wrong shares). A polynomial is a list of coefficients from
the constant up, without zeros at the end; the empty list is zero.
"""

import math
from collections.abc import Mapping, Sequence

PRIME = 2**255 - 19


def evaluate_polynomial(polynomial: Sequence[int], point: int) -> int:
    """The polynomial's value at a point, by Horner's rule.

    Points are small, so a step multiplies by a few bits: leaving the remainder to the end is quicker than numbers that
    stay below the prime.
    """
    value = 0
    for coefficient in reversed(polynomial):
        value = value * point + coefficient
    return value % PRIME


def inverses(values: Sequence[int]) -> list[int]:
    """The inverse of each value, none of which may be zero, by one inversion for all (Montgomery 1987)."""
    prefixes = [1]
    for value in values:
        prefixes.append(prefixes[-1] * value % PRIME)
    rest = pow(prefixes[-1], -1, PRIME)
    found = [0] * len(values)
    for place in range(len(values) - 1, -1, -1):
        found[place] = rest * prefixes[place] % PRIME
        rest = rest * values[place] % PRIME
    return found


def correct(word: Mapping[int, int], length: int) -> list[int] | None:
    """Find the polynomial that most of a word's values lie on.

    Gao 2003, "A new algorithm for decoding Reed-Solomon codes".

    Args:
        word: m values by point; up to (m - length) // 2 may be wrong.
        length: coefficients of the polynomial.

    Returns:
        Exactly `length` coefficients, or None where more values are wrong.
    """
    points, most_wrong = list(word), (len(word) - length) // 2
    locator = _with_roots(points)
    remainders = locator, _interpolate(locator, word)
    multipliers: tuple[list[int], list[int]] = [], [1]
    while 2 * (len(remainders[1]) - 1) >= len(word) + length:
        quotient, remainder = _divide(*remainders)
        remainders = remainders[1], remainder
        multipliers = multipliers[1], _subtract(multipliers[0], _multiply(quotient, multipliers[1]))
    message, rest = _divide(remainders[1], multipliers[1])
    if rest or len(message) > length:
        return None
    wrong = sum(evaluate_polynomial(message, point) != value for point, value in word.items())
    return message + [0] * (length - len(message)) if wrong <= most_wrong else None


def _with_roots(points: Sequence[int]) -> list[int]:
    """The monic polynomial that is zero at the points."""
    product = [1]
    for point in points:
        product = [
            (lower - point * coefficient) % PRIME
            for lower, coefficient in zip([0, *product], [*product, 0], strict=True)
        ]
    return product


def _interpolate(locator: Sequence[int], word: Mapping[int, int]) -> list[int]:
    """The polynomial of least degree through all values; `locator` is zero at their points."""
    slopes = [math.prod([point - other for other in word if other != point]) % PRIME for point in word]
    total = [0] * len(word)
    for (point, value), inverse in zip(word.items(), inverses(slopes), strict=True):
        weight, carry = value * inverse % PRIME, 0
        for power in range(len(word), 0, -1):  # locator / (x - point), from the top
            carry = (locator[power] + carry * point) % PRIME
            total[power - 1] += weight * carry
    return _trimmed([coefficient % PRIME for coefficient in total])


def _divide(dividend: Sequence[int], divisor: Sequence[int]) -> tuple[list[int], list[int]]:
    """Quotient and remainder; the divisor is not zero."""
    remainder, inverse = list(dividend), pow(divisor[-1], -1, PRIME)
    quotient = [0] * max(len(dividend) - len(divisor) + 1, 0)
    for shift in range(len(quotient) - 1, -1, -1):
        factor = remainder[shift + len(divisor) - 1] * inverse % PRIME
        quotient[shift] = factor
        for power, coefficient in enumerate(divisor, shift):
            remainder[power] = (remainder[power] - factor * coefficient) % PRIME
    return _trimmed(quotient), _trimmed(remainder)


def _multiply(left: Sequence[int], right: Sequence[int]) -> list[int]:
    product = [0] * max(len(left) + len(right) - 1, 0)
    for shift, factor in enumerate(left):
        for power, coefficient in enumerate(right, shift):
            product[power] += factor * coefficient
    return _trimmed([coefficient % PRIME for coefficient in product])


def _subtract(left: Sequence[int], right: Sequence[int]) -> list[int]:
    width = max(len(left), len(right))
    padded = ([*side, *[0] * (width - len(side))] for side in (left, right))
    return _trimmed([(a - b) % PRIME for a, b in zip(*padded, strict=True)])


def _trimmed(polynomial: list[int]) -> list[int]:
    while polynomial and polynomial[-1] == 0:
        polynomial.pop()
    return polynomial
