"""A small world on disk and a federation file over a tiny encoder, for whole runs in seconds."""

import json
from pathlib import Path

from shared.federation import write_toml
from shared.files import write_atomically
from tests.support.tiny import Tiny, catalogue, person


def write_world(folder: Path) -> Path:
    """A folder in the `events` layout: 24 people with 5 to 14 events, some with words of their own."""
    items = [{"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)} for i in catalogue()]
    rows = []
    for number in range(24):
        for place, event in enumerate(person(number, 5 + number % 10)):
            row = {"person": f"p{number}", "time_seconds": event.time_seconds, "kind": "click", "item": event.item}
            rows.append(row | ({"text": "a rose for the garden"} if number % 6 == 0 and place == 1 else {}))
    write_atomically(folder / "items.jsonl", "".join(json.dumps(row) + "\n" for row in items).encode())
    write_atomically(folder / "events.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    return folder


def write_federation(tiny: Tiny, folder: Path) -> Path:
    path = folder / "federation.toml"
    groups = '["dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters"]'
    path.write_text(write_toml(tiny.file(f"training.groups={groups}", "training.clients_per_round=8")))
    return path
