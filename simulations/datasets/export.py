"""Writes a data set in our own layout, and each person's events in a file of their own, as a device reads them."""

import json
from typing import Any

import numpy as np

from client.facade import record_of
from shared.arguments import PathArgument, path_of
from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.files import write_atomically
from simulations.datasets.dataset import Dataset
from simulations.datasets.recbole import recbole_files
from simulations.options import DataForm
from simulations.people import PEOPLE_FILE, Person, write_people

ITEMS, EVENTS, PEOPLE = "items.jsonl", "events.jsonl", "people"


def export_dataset(
    dataset: Dataset, folder: PathArgument, people: int | None = None, form: DataForm = "events"
) -> dict[str, int]:
    """Write a data set as files.

    Args:
        dataset: what is written.
        folder: new or empty.
        people: how many, those with most events first; all when None.
        form: "events": `items.jsonl`, `events.jsonl` (what `events:DIR` reads) and `people/1.jsonl` and so on.
            "columns": `items.jsonl` and all events as `people.parquet`, which `events:DIR` opens at once, however large
            it is. "recbole": RecBole's atomic files, named as the folder, see `recbole_files`.

    Returns:
        {"items", "people", "events"}: how many were written; for RecBole also "events_left_out".

    Raises:
        Misconfigured: `folder` has something in it, or cannot be written.
    """
    folder = path_of("folder", folder)
    if folder.exists() and any(folder.iterdir()):
        raise Misconfigured(f"export: expected {folder} to be new or empty, found files in it; choose another")
    lengths = dataset.people.lengths()
    order = np.argsort(-lengths, kind="stable")[:people].tolist()
    if form == "recbole":
        files, counts = recbole_files(dataset, order, folder.resolve().name)
        for name, content in files.items():
            write_atomically(folder / name, content)
        return counts
    counts = {"items": len(dataset.catalogue), "people": len(order), "events": int(lengths[order].sum())}
    write_atomically(folder / ITEMS, item_lines(dataset.catalogue))
    if form == "columns":
        places = sorted(order)  # as they stand: a group of people is read at a time
        named = enumerate(places, start=1)
        write_people(folder / PEOPLE_FILE, (Person(f"person-{n}", dataset.people[at].events) for n, at in named))
        return counts
    everything = []
    for number, place in enumerate(order, start=1):
        records = [record_of(event) for event in dataset.people[place].events]
        write_atomically(folder / PEOPLE / f"{number}.jsonl", _lines(records))
        everything += [{"person": f"person-{number}", **record} for record in records]
    write_atomically(folder / EVENTS, _lines(everything))
    return counts


def item_lines(catalogue: Catalogue) -> bytes:
    """The items as `items.jsonl` holds them, with their features."""
    records: list[dict[str, Any]] = [
        {"id": item.id, "title": item.title, "text": item.text, "categories": list(item.categories)}
        | ({} if item.added_seconds is None else {"added_seconds": item.added_seconds})
        | ({"features": {name: numbers.tolist() for name, numbers in item.features.items()}} if item.features else {})
        for item in catalogue
    ]
    return _lines(records)


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
