"""The catalogue: public items with an id and a text. It never holds anything a person did."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically

_BLOCK_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Item:
    """One public item.

    Attributes:
        id: unique within the catalogue.
        title: what a person is shown.
        text: what the encoder reads; the title when the source has nothing more.
        categories: public categories, broad to narrow.
        added_seconds: when it came into the catalogue, since 1970-01-01 UTC; None where nobody knows.
        features: what is known of it besides its text, float32 [width] by the name of the block ("image", "audio",
            "price"); any item may lack any block. Left out of comparison; the catalogue's digest covers them.
    """

    id: str
    title: str
    text: str
    categories: tuple[str, ...] = ()
    added_seconds: float | None = None
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FeatureBlock:
    """One block of features over a whole catalogue.

    Attributes:
        values: float32 [items, width], zeros where an item has none.
        present: bool [items].
    """

    values: NDArray[np.float32]
    present: NDArray[np.bool_]

    @property
    def width(self) -> int:
        """Numbers of one item in this block."""
        return int(self.values.shape[1])


class Catalogue(Sequence[Item]):
    """Items in a fixed order; the position of an item is its row in every index and score matrix.

    Raises:
        Misconfigured: no items, an empty id or text, an id that stands twice, a time that is not finite, or features
            that are not finite or not as wide as those of other items.
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
            if item.added_seconds is not None and not math.isfinite(item.added_seconds):
                raise Misconfigured(
                    f"catalogue: item {item.id!r}: expected added_seconds to be finite, got {item.added_seconds}"
                )
            self._rows[item.id] = row
        self._features = MappingProxyType(_blocks(self._items))

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

    @property
    def tells_nothing(self) -> bool:
        """Whether no item can be told from another: all texts are the same, and there are no features."""
        words = {" ".join(item.text.casefold().split()) for item in self._items}
        return len(self) > 1 and len(words) == 1 and not self._features

    @property
    def features(self) -> Mapping[str, FeatureBlock]:
        """Every block of features that some item has, by name, in alphabetical order."""
        return self._features

    def without_features(self) -> "Catalogue":
        """The same items with nothing but their texts."""
        return Catalogue(replace(item, features={}) for item in self._items) if self._features else self

    def canonical_bytes(self) -> bytes:
        """One JSON object a line, keys in fixed order, UTF-8, features left out: the form that is stored."""
        return ("\n".join(json.dumps(_record(item), ensure_ascii=False) for item in self._items) + "\n").encode()

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, and of the features where there are any, in hexadecimal."""
        return hashlib.sha256(self.canonical_bytes() + self._feature_bytes()).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write the canonical bytes to `path`, and the features, if any, to a `.safetensors` file beside it."""
        path = Path(path)
        beside = path.with_suffix(".safetensors")
        if self._features:
            write_atomically(beside, self._feature_bytes())
        else:
            beside.unlink(missing_ok=True)
        write_atomically(path, self.canonical_bytes())

    def _feature_bytes(self) -> bytes:
        tensors: dict[str, NDArray[Any]] = {}
        for name, block in self._features.items():
            tensors |= {f"{name}.values": block.values, f"{name}.present": block.present}
        return save_tensors(tensors) if tensors else b""

    @classmethod
    def load(cls, path: Path | str) -> "Catalogue":
        """Read what `save` wrote.

        Raises:
            Corrupt: a line is not the JSON object of an item, or the features are not those of these items.
        """
        items, path = [], Path(path)
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    items.append(_item(json.loads(line.decode())))
                except (ValueError, KeyError, TypeError) as error:
                    raise Corrupt(
                        f"{path}:{number}: expected a JSON object with id, title, text, categories ({error})"
                    ) from None
        beside = path.with_suffix(".safetensors")
        return cls(_with_features(items, beside) if beside.is_file() else items)


def _record(item: Item) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": item.id, "title": item.title, "text": item.text, "categories": list(item.categories)
    }  # fmt: skip
    return record if item.added_seconds is None else {**record, "added_seconds": item.added_seconds}


def _item(record: Any) -> Item:
    if not isinstance(record, dict):
        raise TypeError("not an object")
    categories, added = record.get("categories", []), record.get("added_seconds")
    words = [record["id"], record["title"], record["text"], *categories]
    if not isinstance(categories, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("a value is not a text")
    if added is not None and (type(added) not in (int, float) or not math.isfinite(added)):
        raise TypeError("added_seconds is not a finite number")
    return Item(record["id"], record["title"], record["text"], tuple(categories), added)


def _blocks(items: Sequence[Item]) -> dict[str, FeatureBlock]:
    """The features of all items side by side.

    Raises:
        Misconfigured: see `Catalogue`.
    """
    blocks = {}
    for name in sorted({name for item in items for name in item.features}):
        if not _BLOCK_NAME.fullmatch(name):
            raise Misconfigured(
                f"catalogue: features {name!r}: expected a name of small letters, digits and underscores, at most 32"
            )
        width = next(np.size(item.features[name]) for item in items if name in item.features)
        values, present = np.zeros((len(items), width), np.float32), np.zeros(len(items), bool)
        for row, item in enumerate(items):
            if name not in item.features:
                continue
            given = np.asarray(item.features[name], np.float32)
            if given.shape != (width,) or width == 0:
                raise Misconfigured(
                    f"catalogue: features {name!r} of item {item.id!r}: expected {max(width, 1)} numbers as the first "
                    f"item has them, got shape {given.shape}"
                )
            if not np.isfinite(given).all():
                raise Misconfigured(f"catalogue: features {name!r} of item {item.id!r}: expected finite numbers")
            values[row], present[row] = given, True
        blocks[name] = FeatureBlock(values, present)
    return blocks


def _with_features(items: Sequence[Item], path: Path) -> list[Item]:
    """The items with the features of a file.

    Raises:
        Corrupt: the file is not one of features, or has another number of items.
    """
    try:
        tensors = load_tensors(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"{path}: expected the features of a catalogue in safetensors ({error})") from None
    names = sorted({name.rpartition(".")[0] for name in tensors})
    if set(tensors) != {f"{name}.{part}" for name in names for part in ("values", "present")}:
        raise Corrupt(f"{path}: expected values and present of each block of features, got {sorted(tensors)}")
    held: list[dict[str, NDArray[np.float32]]] = [{} for _ in items]
    for name in names:
        values, present = tensors[f"{name}.values"], tensors[f"{name}.present"]
        if (values.ndim, values.dtype, present.ndim, present.dtype) != (2, np.float32, 1, bool):
            raise Corrupt(f"{path}: {name}: expected float32 values by item and whether they are present")
        if not len(values) == len(present) == len(items):
            raise Corrupt(f"{path}: {name}: expected features of {len(items)} items, got {len(values)}")
        for row in np.flatnonzero(present):
            held[row][name] = values[row]
    return [replace(item, features=features) for item, features in zip(items, held, strict=True)]
