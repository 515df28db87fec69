"""stub"""

from pathlib import Path
from typing import Any


def load_events(folder: Path) -> Any:
    raise NotImplementedError
