"""A grep for recorded messages: finds values in every plain form that could carry them. Tests check that it does."""

import base64
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Needles = dict[bytes, str]

_START = 8  # bytes of a needle that are looked up; what follows is compared
_RUN = 4  # consecutive numbers that are a trace


def of_text(label: str, text: str) -> Needles:
    """A text in UTF-8 and UTF-16, in every case, raw, in hexadecimal and in base64 at any place of a longer content."""
    found: Needles = {}
    for form in {text, text.lower(), text.upper()}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            raw = form.encode(encoding)
            for name, content in _carried(raw):
                found[content] = f"{label} ({encoding}, {name})"
    return found


def of_number(label: str, number: float) -> Needles:
    """One number that nothing else has: as float64 and in decimals."""
    found = {np.array(number, kind).tobytes(): f"{label} ({kind})" for kind in ("<f8", ">f8")}
    return found | of_text(label, repr(number))


def of_vector(label: str, vector: NDArray[np.floating], decimals: bool = False) -> Needles:
    """Every four consecutive numbers as floats of either width and order; with `decimals` also each number as text."""
    found = _runs(label, vector, ("<f4", ">f4", "<f8", ">f8"))
    for value in vector.tolist() if decimals else ():
        if 0.01 < abs(value) < 10:
            found[f"{abs(value):.17f}"[:_START].encode()] = f"{label} (decimals)"
    return found


def of_words(label: str, words: NDArray[np.integer]) -> Needles:
    """Every four consecutive integers, as they are added and as wider ones."""
    return _runs(label, words.astype(np.int64).astype(np.uint32).astype(np.int32), ("<i4", ">i4", "<i8"))


class Grep:
    """Looks for many needles at once, at every byte."""

    def __init__(self, needles: Mapping[bytes, str]) -> None:
        self._labels = dict(needles)
        short = sorted({label for needle, label in needles.items() if len(needle) < _START})
        if short or not needles:
            raise ValueError(f"expected needles of at least {_START} bytes, got {short or 'none'}")
        self._by_start: dict[int, list[bytes]] = {}
        for needle in needles:
            self._by_start.setdefault(int.from_bytes(needle[:_START], "little"), []).append(needle)
        self._starts = np.sort(np.fromiter(self._by_start, np.uint64, len(self._by_start)))

    def __repr__(self) -> str:
        return f"Grep({len(self._labels)} needles)"

    def find(self, content: bytes) -> set[str]:
        """Labels of all needles in `content`."""
        return {self._labels[needle] for needle in self._find(content)}

    def _find(self, content: bytes) -> Iterator[bytes]:
        for shift in range(min(_START, len(content) - _START + 1)):
            starts = np.frombuffer(content, "<u8", (len(content) - shift) // _START, shift)
            at = np.searchsorted(self._starts, starts).clip(max=len(self._starts) - 1)
            for place in np.flatnonzero(self._starts[at] == starts).tolist():
                for needle in self._by_start[int(starts[place])]:
                    if content.startswith(needle, shift + _START * place):
                        yield needle


def _carried(raw: bytes) -> Iterable[tuple[str, bytes]]:
    yield "raw", raw
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            # Only characters that depend on nothing before or behind.
            first, last = -(-8 * shift // 6), 8 * (shift + len(raw)) // 6
            yield f"{name}, shift {shift}", encode(bytes(shift) + raw)[first:last]


def _runs(label: str, values: NDArray[np.number], kinds: tuple[str, ...]) -> Needles:
    found: Needles = {}
    for kind in kinds:
        content, width = values.astype(kind).tobytes(), np.dtype(kind).itemsize
        for start in range(0, len(content) - _RUN * width + 1, width):
            run = content[start : start + _RUN * width]
            if sum(map(bool, run)) >= 4 and len(set(run)) >= 3:  # zeros say nothing, and are everywhere
                found[run] = f"{label} ({kind})"
    return found
