"""Messages that are not the right one: bits, bytes, entries and lengths of it changed, or random altogether."""

import random
from collections.abc import Callable, Iterator, Sequence


def bends(
    drawn: random.Random,
    right: tuple[bytes, ...],
    foreign: Sequence[bytes],
    entry: int,
    as_good: Callable[[tuple[bytes, ...]], bool] = lambda parts: False,
) -> Iterator[tuple[bytes, ...]]:
    """Messages without end, of as many parts as the right one, none of them equal to it.

    Args:
        foreign: other messages, of which pieces may come in.
        entry: bytes of what the last part repeats.
        as_good: whether nobody could tell a message from a right one; such are left out.
    """
    while True:
        parts = list(right)
        for place in drawn.sample(range(len(parts)), drawn.randint(1, len(parts))):
            for _ in range(drawn.choice((1, 1, 1, 2, 5))):
                parts[place] = bend(drawn, parts[place], foreign, entry)
        if tuple(parts) != right and not as_good(tuple(parts)):
            yield tuple(parts)


def bend(drawn: random.Random, content: bytes, foreign: Sequence[bytes], entry: int) -> bytes:
    """One change."""
    turned = bytearray(content)
    at = drawn.randrange(len(turned)) if turned else 0
    entries = [content[start : start + entry] for start in range(0, len(content), entry)]
    kind = drawn.randrange(12)
    if kind <= 2 and turned:
        turned[at] ^= 1 << drawn.randrange(8)
    elif kind == 3 and turned:
        turned[at : at + 32] = drawn.randbytes(32)[: len(turned) - at]
    elif kind == 4 and turned:
        turned[at : at + 32] = drawn.choice((b"\x00", b"\xff")) * min(32, len(turned) - at)
    elif kind == 5:
        return content[:at]
    elif kind == 6:
        return content + drawn.randbytes(drawn.choice((1, 2, entry, entry)))
    elif kind == 7:
        drawn.shuffle(entries)
        return b"".join(entries)
    elif kind == 8 and entries:
        entries.insert(drawn.randrange(len(entries)), drawn.choice(entries))
        return b"".join(entries)
    elif kind == 9 and entries:
        del entries[drawn.randrange(len(entries))]
        return b"".join(entries)
    elif kind == 10:
        other = drawn.choice(foreign)
        start = drawn.randrange(0, len(other), 2)
        piece = other[start : start + drawn.choice((2, 32, entry))]
        turned[at : at + len(piece)] = piece
    else:
        return drawn.randbytes(drawn.choice((0, 1, len(content), entry, 2 * entry, 500)))
    return bytes(turned)
