"""The result as JSON, table and data frame."""

import builtins
import json
from typing import Any

import numpy as np
import pytest

from shared.errors import Misconfigured
from tests.support.sample import TITLE, sample


def test_the_json_has_exactly_the_keys_of_the_contract() -> None:
    record = json.loads(sample().to_json())
    assert list(record) == [
        "data", "users", "items", "events", "rounds", "dimension", "metrics", "baselines", "cold_start", "privacy",
        "cost", "seed", "untrained", "learnt", "moved", "plan", "top_k", "masked_rounds", "accelerator",
        "device",
    ]  # fmt: skip
    assert record["untrained"].keys() == {"sampled", "full"}
    assert record["learnt"].keys() == {"sampled", "full"}
    assert record["learnt"]["sampled"].keys() == record["learnt"]["full"].keys() == {"ndcg@10", "low", "high"}
    assert record["moved"] == {"dense": 4.5, "scales": 0.25}
    assert "without_privacy" in json.loads(sample(without_privacy={"sampled": {"ndcg@10": 0.5}}).to_json())
    assert record["metrics"].keys() == {"sampled", "full"}
    assert record["metrics"]["sampled"].keys() == {"hr@10", "ndcg@10", "auc", "mrr"}
    assert record["metrics"]["full"].keys() == {"hr@10", "ndcg@10", "mrr"}
    for scores in record["baselines"].values():
        assert {part: scores[part].keys() for part in scores} == {
            part: record["metrics"][part].keys() for part in record["metrics"]
        }
    assert record["cold_start"].keys() == {"users", "items"}
    assert record["privacy"] == {
        "user": {"epsilon": None, "delta": None, "amplification": "none"},
        "event": {"epsilon": 3.141, "delta": 1e-5},
    }
    assert record["cost"].keys() == {"seconds", "client_milliseconds", "upload_bytes_per_client"}


def test_shown_lists_add_their_own_part_of_the_json() -> None:
    record = json.loads(sample(impressions={"auc": 0.68}).to_json())
    assert record["impressions"] == {"auc": 0.68, "mrr": None, "ndcg@5": None, "ndcg@10": None}


def test_the_json_is_one_line_and_figures_that_are_not_numbers_are_null() -> None:
    cost = {"seconds": np.float32(1.5), "client_milliseconds": float("nan"), "upload_bytes_per_client": np.int64(4)}
    text = sample(cost=cost).to_json()
    assert "\n" not in text
    assert json.loads(text)["cost"] == {"seconds": 1.5, "client_milliseconds": None, "upload_bytes_per_client": 4}


def test_the_table_puts_this_run_first_and_leaves_out_columns_without_a_figure() -> None:
    empty = {"sampled": {"hr@10": 0.5}, "full": {}}
    popularity = {"popularity": {"sampled": {"hr@10": 0.4}, "full": {}}}
    rows = sample(metrics=empty, untrained={}, without_privacy=empty, baselines=popularity).table()
    assert [row["model"] for row in rows] == ["hushrec", "untrained", "without privacy", "popularity"]
    assert [row["sampled hr@10"] for row in rows] == [0.5, None, 0.5, 0.4]
    assert rows[0].keys() == {"model", "sees", "sampled hr@10"}


def test_the_frame_has_one_row_per_model() -> None:
    pytest.importorskip("pandas")
    frame = sample().to_frame()
    assert list(frame.index) == ["hushrec", "untrained", "popularity", "zero-shot"]
    assert frame.loc["popularity", "full ndcg@10"] == 0.044


def test_without_pandas_the_frame_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *rest: Any, **named: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(Misconfigured, match="pip install pandas"):
        sample().to_frame()


def test_no_text_of_a_person_stands_in_a_repr() -> None:
    result = sample()
    person = result.examples[0]
    for value in (result, person, person.latest[0], person.recommendations[0]):
        assert "alert" not in repr(value)
        assert "war" not in repr(value)
    assert TITLE in person.latest[0].words


def test_the_release_lies_in_the_folder_of_the_run() -> None:
    assert str(sample().release) == "runs/demo-1/release"
    assert sample(out=None).release is None
