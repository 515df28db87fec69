"""A small world on disk and a federation file over a tiny encoder, for whole runs in seconds."""

import json
from pathlib import Path

import pytest

from shared.federation import write_toml
from shared.files import write_atomically
from tests.support.tiny import Tiny, catalogue, person


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the `events` layout: 24 people with 5 to 14 events, some with words of their own."""
    folder = tmp_path_factory.mktemp("events")
    items = [{"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)} for i in catalogue()]
    rows = []
    for number in range(24):
        for place, event in enumerate(person(number, 5 + number % 10)):
            row = {"person": f"p{number}", "time_seconds": event.time_seconds, "kind": "click", "item": event.item}
            rows.append(row | ({"text": "a rose for the garden"} if number % 6 == 0 and place == 1 else {}))
    write_atomically(folder / "items.jsonl", "".join(json.dumps(row) + "\n" for row in items).encode())
    write_atomically(folder / "events.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    return folder


@pytest.fixture
def federation(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "federation.toml"
    groups = '["dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters"]'
    path.write_text(write_toml(tiny.file(f"training.groups={groups}", "training.clients_per_round=8")))
    return path
