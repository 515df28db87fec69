"""DataFrames as data: what files of the same columns give, and rows that are wrong named by their places."""

import json

import numpy as np
import pandas as pd
import pytest

from shared.errors import Corrupt, Misconfigured
from simulations.datasets import dataset_of_frames, load
from tests.support.docstrings import run_examples

ITEMS = [{"id": "a", "title": "Roses", "categories": ["garden"]}, {"id": "b", "title": "Tulips", "text": "Tulip bulbs"}]
EVENTS = [
    {"person": "ann", "time_seconds": 1_700_000_000.5, "kind": "rating", "item": "a", "value": 4.5, "shown": ["b"]},
    {"person": "ann", "time_seconds": 1_700_000_100.0, "kind": "search", "text": "bulbs"},
    {"person": "bob", "time_seconds": 1_700_000_200.0, "kind": "click", "item": "b", "propensity": 0.5},
]


def test_frames_give_what_files_of_the_same_rows_give(tmp_path):
    for name, records in (("items", ITEMS), ("events", EVENTS)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    items, events = pd.DataFrame(ITEMS), pd.DataFrame(EVENTS)  # missing values are NaN in some columns, None in others
    own = dataset_of_frames("garden", items, events)
    assert own.digests() == load(f"events:{tmp_path}").digests()
    assert (own.report.rows_read, own.report.losses) == (6, ())
    events["time_seconds"] = pd.to_datetime(events["time_seconds"], unit="s")
    assert dataset_of_frames("garden", items, events).digests() == own.digests()
    events["time_seconds"] = events["time_seconds"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
    events["value"] = events["value"].astype("Float64")  # its missing value is another
    events["shown"] = [np.array(["b"]), None, None]
    assert dataset_of_frames("garden", items, events).digests() == own.digests()


def test_rows_that_are_wrong_are_named_by_their_places():
    events = pd.DataFrame(EVENTS)
    events.loc[1, "kind"] = "wink"
    with pytest.raises(Corrupt, match=r"events:2: kind: expected one of view, click"):
        dataset_of_frames("garden", pd.DataFrame(ITEMS), events)
    with pytest.raises(Corrupt, match=r"items:1: prise: expected only"):
        dataset_of_frames("garden", pd.DataFrame(ITEMS).assign(prise=1), pd.DataFrame(EVENTS))
    with pytest.raises(Misconfigured, match="events: expected a DataFrame of pandas or polars, got list"):
        dataset_of_frames("garden", pd.DataFrame(ITEMS), EVENTS)


def test_the_example_runs():
    assert run_examples(dataset_of_frames, {})
