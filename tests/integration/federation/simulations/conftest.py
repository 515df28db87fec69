"""A small world on disk and a federation file over a tiny encoder, for whole runs in seconds."""

from pathlib import Path

import pytest

from tests.support.tiny import Tiny
from tests.support.world import write_federation, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("events"))


@pytest.fixture
def federation(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_federation(tiny, tmp_path)
