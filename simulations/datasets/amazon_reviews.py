"""stub"""

from pathlib import Path
from typing import Any


def review_files(folder: Path) -> list[Path]:
    return []


def load_reviews(folder: Path) -> Any:
    raise NotImplementedError
