"""The page of the federation file: every key of the schema, as it is shipped, and what it means."""

import tomllib
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from shared.federation import GROUPS, FederationFile, default_federation_text, federation_reference, settings_reference
from shared.federation.reference import START_HERE, documented_keys

SHIPPED = tomllib.loads(default_federation_text())
TEXT = """# What this is.
# In two lines.
name = "a # b"  # how it is called

[part]  # a section
# About it.
few = 1_000     # how many
# Which one:
# the left or the right.
side = "left"

# The weights.
[part.weights]
left = 0.5      # never 0
right = 1.0
"""


class Part(BaseModel):
    """Some part."""

    few: Annotated[int, Field(ge=1, lt=2_000_000)]
    side: Literal["left", "right"]
    weights: dict[str, Annotated[float, Field(gt=0)]]


class Small(BaseModel):
    name: str
    part: Part


def keys_of_the_schema(model=FederationFile, above=""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of_the_schema(field.annotation, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def shipped(key):
    value = SHIPPED
    for name in key.split("."):
        value = value[name]
    return value


def rows(page):
    """Cells of each row of the page's tables, by the key in its first."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


@pytest.fixture(scope="module")
def page():
    return federation_reference()


@pytest.mark.parametrize("key", list(keys_of_the_schema()))
def test_every_key_stands_in_the_page_with_its_shipped_default_and_a_meaning(page, key):
    value, default, meaning = rows(page)[key]
    assert tomllib.loads(f"it = {default.strip('`')}")["it"] == shipped(key)
    assert value.strip()
    assert meaning.strip(" .")


def test_the_page_has_no_key_that_the_schema_has_not(page):
    assert sorted(rows(page)) == sorted(keys_of_the_schema())


def test_keys_to_start_with_stand_at_the_top_and_again_in_their_section(page):
    top, _, rest = page.partition("All keys follow")
    assert tuple(rows(top)) == START_HERE
    assert set(START_HERE) < set(rows(rest))


def test_the_page_says_what_may_be_given(page):
    said = rows(page)
    assert said["backbone.max_tokens"][0] == "whole number at least 4, at most 512"
    assert said["clipping.adaptive_quantile"][0] == "number at least 0, less than 1"
    assert said["sum.mode"][0] == "one of `secure`, `ideal`, `plain`"
    assert said["interest.levels"][0] == "list of 3, each: number at least 0, at most 1"
    assert said["training.groups"][0].endswith("one of " + ", ".join(f"`{group}`" for group in GROUPS))


def test_a_comment_belongs_to_the_key_it_stands_behind_or_above_and_below_a_heading_to_the_section():
    found = {row.key: (row.value, row.default, row.meaning) for row in documented_keys(Small, TEXT)}
    assert found == {
        "name": ("text", '"a # b"', "how it is called"),
        "part.few": ("whole number at least 1, less than 2000000", "1_000", "how many"),
        "part.side": ("one of `left`, `right`", '"left"', "Which one: the left or the right"),
        "part.weights": (
            "table; name: text; value: number more than 0",
            "{left = 0.5, right = 1.0}",
            "The weights. `left`: never 0",
        ),
    }
    page = settings_reference("Small", Small, TEXT)
    assert page.startswith("# Small\n\nWhat this is. In two lines.\n")
    assert "## [part]\n\nSome part.\n\na section. About it.\n" in page


@pytest.mark.parametrize(
    ("line", "without", "complaint"),
    [
        ("few = 1_000     # how many", "few = 1_000", "part.few: expected a comment"),
        ("# Which one:\n# the left or the right.\nside", "side", "part.side: expected a comment"),
        ("# The weights.\n[part.weights]\nleft = 0.5      # never 0", "[part.weights]\nleft = 0.5", "expected a comm"),
        ('name = "a # b"  # how it is called\n', "", "name: expected in the shipped file"),
    ],
)  # fmt: skip
def test_a_key_without_a_meaning_makes_no_page(line, without, complaint):
    assert line in TEXT
    with pytest.raises(ValueError, match=complaint):
        settings_reference("Small", Small, TEXT.replace(line, without))


def test_a_key_to_start_with_that_does_not_exist_makes_no_page():
    with pytest.raises(ValueError, match=r"start here: expected keys of Small, got part\.none"):
        settings_reference("Small", Small, TEXT, ["name", "part.none"])
