"""The published vectors of the private sum."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    return json.loads((Path(__file__).parents[3] / "vectors" / "fedrec-sa-1.json").read_text(encoding="utf-8"))
