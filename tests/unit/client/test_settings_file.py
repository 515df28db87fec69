"""Commented TOML files: read strictly, changed without losing a comment."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.settings_file import SettingsFile, parse, read_settings, shipped, with_values
from shared.errors import Corrupt, Misconfigured

TEXT = """# What this is for
count = 3        # how many
name = "a # b"   # no comment in there
list = ["x", "y"] # two
flag=true

[part]
count = 1.5 # another count
"""


class Part(SettingsFile):
    count: float


class Whole(SettingsFile):
    count: int
    name: str
    list: tuple[str, ...]
    flag: bool
    part: Part


@given(
    st.integers(-(2**62), 2**62),
    st.text(st.characters(codec="utf-8")),
    st.lists(st.text(st.characters(codec="utf-8"))),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_other_values_stand_where_the_old_ones_stood_and_comments_stay(count, name, entries, flag, part):
    values = {"count": count, "name": name, "list": entries, "flag": flag, "part.count": part}
    text = with_values(TEXT, values)
    assert tomllib.loads(text) == {
        "count": count, "name": name, "list": entries, "flag": flag, "part": {"count": part},
    }  # fmt: skip
    for comment in ("# What this is for\n", "# how many\n", "# no comment in there\n", "# two\n", "# another count\n"):
        assert comment in text


def test_values_that_were_changed_once_can_be_changed_again():
    once = with_values(TEXT, {"name": 'quoted " and \\ and ] and #', "list": ["]", '"', "#"]})
    again = with_values(once, {"name": "plain", "list": []})
    assert tomllib.loads(again)["name"] == "plain"
    assert tomllib.loads(again)["list"] == []


def test_a_key_without_a_line_is_named():
    for key in ("part.name", "total", "part"):
        with pytest.raises(Misconfigured, match=f"expected a line for {key}"):
            with_values(TEXT, {"count": 1, key: 2})


def test_a_file_that_is_missing_too_long_or_no_toml_is_named(tmp_path):
    path = tmp_path / "settings.toml"
    with pytest.raises(Misconfigured, match=r"settings.toml: expected a file of settings"):
        read_settings(path, Part)
    for content in (b"count = ", b"\xff", b"count = 1\n" * 10_000, b"a = " + b"[" * 60_000):
        path.write_bytes(content)
        with pytest.raises(Corrupt, match=r"settings.toml: expected"):
            read_settings(path, Part)


def test_every_wrong_key_is_named_at_once(tmp_path):
    content = b'count = "3"\nnmae = "x"\nlist = ["x"]\nflag = true\n[part]\ncount = inf\n'
    with pytest.raises(Misconfigured) as caught:
        parse(content, Whole, tmp_path / "settings.toml")
    lines = str(caught.value).split("\n")
    assert len(lines) == 5
    for expected in (
        "count: expected a whole number, got '3'",
        "nmae: expected a known key, got 'x'",
        "name: expected a value",
        "list: expected a list",
        "part.count: expected",
    ):
        assert any(expected in line for line in lines)


@pytest.mark.parametrize("name", ["device.toml", "policy.toml"])
def test_every_key_of_a_shipped_file_has_a_comment(name):
    for line in shipped(name).splitlines():
        assert not line or line.startswith(("#", "[")) or "# " in line
