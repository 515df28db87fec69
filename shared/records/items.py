"""The layout of items.

`.jsonl`, one JSON object a line; `.csv`, a header with the same names and the categories separated by `|`:
    id             text, unique
    title          text, what a person is shown
    text           what the encoder reads; optional, the title stands in
    categories     list of texts, broad to narrow; optional
    added_seconds  when it came into the catalogue, since 1970 UTC; optional
    features       object of what is known besides the text, such as {"price": 9.5, "image": [0.1, 0.2]}: numbers, or
                   lists that are as long for every item that has them; optional, JSON lines only
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared.catalogue import Item
from shared.errors import Corrupt, Misconfigured
from shared.records.fields import identifier, labels, seconds, vectors, words
from shared.records.opening import plain_name
from shared.records.reading import Reading, RecordLayout

ITEMS = RecordLayout(
    "item",
    {
        "id": identifier,
        "title": words,
        "text": words,
        "categories": labels,
        "added_seconds": seconds,
        "features": vectors,
    },
    ("id", "title"),
    frozenset({"features"}),
    {},
)


def read_items(
    source: Path | Reading, lost: Callable[[int, str], None] | None = None
) -> tuple[list[Item], tuple[str, ...]]:
    """The items of a file in its order, and notes on how they were read.

    Args:
        source: path of the file, named .jsonl or .csv; or a reading of `ITEMS` that was begun elsewhere.
        lost: takes line and reason of what is no item but no fault either (a blank line, an item without id or title);
            when left out, blank lines are passed over and such an item is a fault.

    Raises:
        Misconfigured: there is no such file, or it is named neither .jsonl nor .csv.
        Corrupt: some lines are not items, or an id stands twice, the first twenty are named; or there is no item.
    """
    if not isinstance(source, Reading):
        end = Path(plain_name(source)).suffix
        if end.lower() not in (".jsonl", ".csv"):
            raise Misconfigured(f"{source}: expected a file of items named .jsonl or .csv, got {end or 'neither'}")
    reading = source if isinstance(source, Reading) else Reading(source, ITEMS)
    items: list[Item] = []
    lines: dict[str, int] = {}
    widths: dict[str, tuple[int, int]] = {}
    for line, fields in reading.rows():
        missing = [name for name in ITEMS.needed if fields is not None and name not in fields]
        if fields is None:
            if lost is not None:
                lost(line, "blank line")
        elif missing and lost is not None:
            lost(line, "item without id or title")
        elif missing:
            reading.fault(line, "; ".join(f"{name}: expected a value, got none" for name in missing))
        elif fields["id"] in lines:
            reading.fault(
                line, f"id: expected another than on line {lines[fields['id']]}, got the same; ids are unique"
            )
        elif unlike := _unlike(fields.get("features", {}), widths, line):
            reading.fault(line, unlike)
        else:
            lines[fields["id"]] = line
            items.append(_item(fields))
    if not items:
        raise Corrupt(f"{reading.source}: expected at least one item, got none")
    return items, reading.notes


def _item(fields: dict[str, Any]) -> Item:
    title = fields["title"]
    features = {name: np.asarray(numbers, np.float32) for name, numbers in fields.get("features", {}).items()}
    return Item(
        fields["id"],
        title,
        fields.get("text", title),
        tuple(fields.get("categories", ())),
        fields.get("added_seconds"),
        features,
    )


def _unlike(features: dict[str, list[float]], widths: dict[str, tuple[int, int]], line: int) -> str:
    """What is wrong with how long the blocks of an item are; `widths` holds each one's length and first line."""
    for name, numbers in features.items():
        width, first = widths.setdefault(name, (len(numbers), line))
        if len(numbers) != width:
            return f"features: {name}: expected {width} numbers as on line {first}, got {len(numbers)}"
    return ""
