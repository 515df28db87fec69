"""Writes a data set in our own layout, and each person's events in a file of their own, as a device reads them."""

import json
from typing import Any

from client.facade import record_of
from shared.arguments import PathArgument, path_of
from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.files import write_atomically
from simulations.datasets.dataset import Dataset

ITEMS, EVENTS, PEOPLE = "items.jsonl", "events.jsonl", "people"


def export_dataset(dataset: Dataset, folder: PathArgument, people: int | None = None) -> dict[str, int]:
    """Write `items.jsonl`, `events.jsonl` (what `events:DIR` reads) and `people/1.jsonl` and so on.

    Features of items are left out: the layout has none.

    Args:
        dataset: what is written.
        folder: new or empty.
        people: how many, those with most events first; all when None.

    Returns:
        {"items", "people", "events"}: how many were written.

    Raises:
        Misconfigured: `folder` has something in it, or cannot be written.
    """
    folder = path_of("folder", folder)
    if folder.exists() and any(folder.iterdir()):
        raise Misconfigured(f"export: expected {folder} to be new or empty, found files in it; choose another")
    chosen = sorted(dataset.people, key=lambda person: -len(person.events))[:people]
    write_atomically(folder / ITEMS, _lines(_items(dataset.catalogue)))
    everything = []
    for number, person in enumerate(chosen, start=1):
        records = [record_of(event) for event in person.events]
        write_atomically(folder / PEOPLE / f"{number}.jsonl", _lines(records))
        everything += [{"person": f"person-{number}", **record} for record in records]
    write_atomically(folder / EVENTS, _lines(everything))
    return {"items": len(dataset.catalogue), "people": len(chosen), "events": len(everything)}


def _items(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"id": item.id, "title": item.title, "text": item.text, "categories": list(item.categories)}
        | ({} if item.added_seconds is None else {"added_seconds": item.added_seconds})
        for item in catalogue
    ]


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
