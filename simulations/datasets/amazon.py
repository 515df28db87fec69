"""Reads Amazon data: review JSON lines, or an item list with sequences.

It never reads a reviewer's name into memory for longer than the line it stands on.
"""

from pathlib import Path

from shared.errors import Misconfigured
from shared.records import plain_name
from simulations.datasets.amazon_reviews import load_reviews, review_files
from simulations.datasets.amazon_sequences import load_sequences
from simulations.datasets.dataset import Dataset


def load_amazon(folder: Path) -> Dataset:
    """Load whichever of the two layouts the files in `folder` show.

    Raises:
        Misconfigured: the files of neither are there.
        Corrupt: a file is not what its name claims.
    """
    sequences = sorted(path for path in folder.iterdir() if plain_name(path).endswith(".test.inter"))
    if len(sequences) == 1:
        return load_sequences(sequences[0])
    if review_files(folder) and not sequences:
        return load_reviews(folder)
    raise Misconfigured(
        f"{folder}: expected reviews (*.json, *.jsonl, also .gz), or one NAME.test.inter with NAME.item; "
        f"found {len(sequences)} .test.inter files and no reviews to choose"
    )
