"""Data sets from tables in memory: DataFrames of pandas or polars, with the columns of `items.csv` and `events.csv`."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from shared.errors import Misconfigured
from simulations.datasets.dataset import Dataset
from simulations.datasets.events import dataset_of_records

_NOTHING = ("NAType", "NaTType")  # what pandas has for a missing value of a text, a number, a time


def dataset_of_frames(name: str, items: Any, events: Any) -> Dataset:
    """A data set of two DataFrames, to be given to `simulate`.

    Args:
        name: in reports.
        items: one row an item, with the columns of `items.csv`; lists in `categories`.
        events: one row an event, with the columns of `events.csv`; lists in `shown`. Times may be numbers, as there, or
            of a datetime type, read as UTC where they name no zone. Missing values are left out.

    Raises:
        Misconfigured: one of them is no DataFrame.
        Corrupt: some rows are not what these layouts say; the first twenty are named, counted from 1.

    Example:
        >>> import pandas as pd
        >>> items = pd.DataFrame({"id": ["a", "b"], "title": ["Roses", "Tulips"]})
        >>> days = pd.to_datetime(["2026-03-01", "2026-03-02"])
        >>> events = pd.DataFrame({"person": "ann", "time_seconds": days, "kind": "click", "item": ["a", "b"]})
        >>> dataset_of_frames("garden", items, events)
        Dataset(garden, 1 people, 2 items)
    """
    return dataset_of_records(name, _records("items", items), _records("events", events))


def _records(what: str, frame: Any) -> Iterator[dict[str, Any]]:
    columns = getattr(frame, "columns", None)
    if columns is None or isinstance(frame, dict) or not all(hasattr(frame[column], "to_list") for column in columns):
        raise Misconfigured(
            f"{what}: expected a DataFrame of pandas or polars, got {type(frame).__name__}; "
            "or give `Dataset.of` objects"
        )
    names = [str(column) for column in columns]
    return (
        {name: plain for name, value in zip(names, row, strict=True) if (plain := _plain(value)) is not None}
        for row in zip(*(frame[column].to_list() for column in columns), strict=True)
    )


def _plain(value: Any) -> Any:
    """A cell in JSON's own types; None where it holds nothing."""
    if type(value).__name__ in _NOTHING or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if hasattr(value, "tolist"):  # numpy's
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
