"""Arguments are checked where they come in: what is taken, and what is told of what is not."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from shared.arguments import context_pairs, described, path_of, path_or_none, whole_number
from shared.errors import Misconfigured


class Place:
    """A path of a kind of its own."""

    def __init__(self, name):
        self.name = name

    def __fspath__(self):
        return self.name


@pytest.mark.parametrize("given", ["a/b", Path("a/b"), Place("a/b")], ids=["str", "Path", "os.PathLike"])
def test_a_path_is_taken_as_text_and_as_any_path(given):
    assert path_of("out", given) == path_or_none("out", given) == Path("a/b")


def test_the_home_of_a_path_is_ones_own_and_a_path_may_be_left_out():
    assert path_of("out", "~/runs") == Path.home() / "runs"
    assert path_or_none("out", None) is None


@pytest.mark.parametrize(
    ("given", "told"), [(None, "None"), (7, "7"), (b"a", "bytes"), (Place(b"a"), "Place"), (["a"], "list")]
)
def test_what_is_no_path_is_named_with_what_is(given, told):
    with pytest.raises(
        Misconfigured, match=rf"^out: expected a path as str or os\.PathLike, got {told}; give the path$"
    ):
        path_of("out", given)


@pytest.mark.parametrize("given", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_may_be_numpys_and_comes_as_pythons(given):
    assert type(whole_number("count", given, 1)) is int


@pytest.mark.parametrize(
    ("given", "told"),
    [(0, "0"), (-1, "-1"), (2.0, "2.0"), (True, "True"), (None, "None"), ("10", "str"), (np.ones(2), "ndarray")],
)
def test_what_is_no_such_number_is_named(given, told):
    with pytest.raises(Misconfigured, match=f"^count: expected a whole number of at least 1, got {told}$"):
        whole_number("count", given, 1)


def test_pairs_are_taken_from_whatever_gives_them_in_order():
    pairs = (("hour", "08"), ("place", "home"))
    assert context_pairs(pairs) == context_pairs(list(pairs)) == context_pairs(iter(pairs)) == pairs
    assert context_pairs(dict(pairs).items()) == pairs


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"hour": "08"}, r"got dict; write tuple\(context.items\(\)\)"),
        ({}, "got dict"),
        ("hour:08", "got str; write the pairs out"),
        (("hour", "08"), "got tuple; write the pairs out"),
        ([("hour", 8)], "got list; write the pairs out"),
        ([("hour", "08", "home")], "got list"),
        (None, "got None"),
    ],
)
def test_a_context_of_something_else_is_named_with_the_way_to_write_it(given, told):
    with pytest.raises(Misconfigured, match=rf'context: expected pairs .* such as \(\("hour", "08"\),\), {told}') as no:
        context_pairs(given)
    assert "home" not in str(no.value)


def test_no_text_is_told_of_a_wrong_argument():
    assert [described(value) for value in ("knee pain", b"knee", 1.5, None, datetime(2026, 1, 1), os)] == [
        *("str", "bytes", "1.5", "None", "datetime", "module")
    ]
