"""The catalogue: public items with an id and a text. It never holds anything a person did."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically


@dataclass(frozen=True, slots=True)
class Item:
    """One public item.

    Attributes:
        id: unique within the catalogue.
        title: what a person is shown.
        text: what the encoder reads; the title when the source has nothing more.
        categories: public categories, broad to narrow.
    """

    id: str
    title: str
    text: str
    categories: tuple[str, ...] = ()


class Catalogue(Sequence[Item]):
    """Items in a fixed order; the position of an item is its row in every index and score matrix.

    Raises:
        Misconfigured: no items, an empty id or text, or an id that stands twice.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = tuple(items)
        if not self._items:
            raise Misconfigured("catalogue: expected at least one item, got none")
        self._rows: dict[str, int] = {}
        for row, item in enumerate(self._items):
            if not item.id:
                raise Misconfigured(f"catalogue: item {row} has an empty id; give every item an id")
            if not item.text.strip():
                raise Misconfigured(f"catalogue: item {item.id!r} has no text; every item needs one to be ranked by")
            if item.id in self._rows:
                raise Misconfigured(
                    f"catalogue: id {item.id!r} stands at rows {self._rows[item.id]} and {row}; ids must be unique"
                )
            self._rows[item.id] = row

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._rows

    def __getitem__(self, row: Any) -> Any:
        return self._items[row]

    def row(self, item_id: str) -> int:
        """The row of an item.

        Raises:
            Misconfigured: the catalogue has no such item.
        """
        try:
            return self._rows[item_id]
        except KeyError:
            raise Misconfigured(f"item {item_id!r} is not in the catalogue of {len(self)} items") from None

    @property
    def texts(self) -> list[str]:
        """The text of every item, in row order."""
        return [item.text for item in self._items]

    def canonical_bytes(self) -> bytes:
        """One JSON object a line, keys in fixed order, UTF-8: the form that is hashed, signed and stored."""
        lines = (
            json.dumps(
                {"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)}, ensure_ascii=False
            )
            for i in self._items
        )
        return ("\n".join(lines) + "\n").encode()

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the canonical bytes to `path`, whole or not at all."""
        write_atomically(path, self.canonical_bytes())

    @classmethod
    def load(cls, path: Path) -> "Catalogue":
        """Read what `save` wrote.

        Raises:
            Corrupt: a line is not the JSON object of an item.
        """
        items = []
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    items.append(_item(json.loads(line.decode())))
                except (ValueError, KeyError, TypeError) as error:
                    raise Corrupt(
                        f"{path}:{number}: expected a JSON object with id, title, text, categories ({error})"
                    ) from None
        return cls(items)


def _item(record: Any) -> Item:
    if not isinstance(record, dict):
        raise TypeError("not an object")
    categories = record.get("categories", [])
    words = [record["id"], record["title"], record["text"], *categories]
    if not isinstance(categories, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("a value is not a text")
    return Item(record["id"], record["title"], record["text"], tuple(categories))
