"""What a caller hands in, checked where it comes in: a wrong argument is named as the caller wrote it.

A message tells the type of what came, and numbers; never a text, which may be a person's.
"""

import operator
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from shared.errors import Misconfigured

PathArgument = str | PathLike[str]
Pairs = tuple[tuple[str, str], ...]


def path_of(name: str, place: PathArgument) -> Path:
    """A path that was given as text or as one; `~` is the home of whoever runs this.

    Raises:
        Misconfigured: it is neither.
    """
    if isinstance(place, str | PathLike) and isinstance(path := fspath(place), str):
        return Path(path).expanduser()
    raise Misconfigured(f"{name}: expected a path as str or os.PathLike, got {described(place)}; give the path")


def path_or_none(name: str, place: PathArgument | None) -> Path | None:
    """The same where it may be left out.

    Raises:
        Misconfigured: as `path_of`.
    """
    return None if place is None else path_of(name, place)


def whole_number(name: str, value: object, least: int) -> int:
    """A whole number, of Python's or of numpy's.

    Raises:
        Misconfigured: it is none, or a smaller one.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]  # that is asked
    except TypeError:
        number = None
    if number is None or number < least:
        raise Misconfigured(f"{name}: expected a whole number of at least {least}, got {described(value)}")
    return number


def context_pairs(context: Iterable[tuple[str, str]]) -> Pairs:
    """Circumstances as (name, word) pairs.

    Raises:
        Misconfigured: they are something else, such as a dictionary.
    """
    pairs = context if isinstance(context, tuple) else tuple(context) if _holds_pairs(context) else None
    if pairs is not None and all(_is_pair(pair) for pair in pairs):
        return pairs
    cure = "write tuple(context.items())" if isinstance(context, dict) else "write the pairs out"
    raise Misconfigured(
        f'context: expected pairs of name and word, such as (("hour", "08"),), got {described(context)}; {cure}'
    )


def described(value: object) -> str:
    """What of a wrong argument may be told: a number itself, of all else its type."""
    return repr(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__


def _holds_pairs(context: object) -> bool:
    return isinstance(context, Iterable) and not isinstance(context, str | bytes | dict)


def _is_pair(pair: object) -> bool:
    match pair:
        case (str(), str()):
            return True
    return False
