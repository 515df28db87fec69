"""What tools that keep track of a training hold of it afterwards, read back by the tools themselves."""

import importlib.util
import json
import struct

import numpy as np
import pytest

from server import RoundReport
from shared.errors import Misconfigured
from shared.federation import read_federation
from simulations import simulate
from simulations.report import CurvePoint
from simulations.tracking import Tracking, check_trackers
from tests.support.sample import sample

FEDERATION = read_federation(settings=["training.rounds=7"])
TOOLS = ("tensorboard", "mlflow", "wandb")
REPORT = RoundReport(
    number=2, task="update", groups=("dense",), selected=100, answered=90, not_yet=0, refused=0, failed={}, rejected=0,
    late=10, skipped=False, seconds=1.5, upload_bytes=1000, update_norm=0.5, metrics={"ndcg@10": 0.4},
)  # fmt: skip


@pytest.fixture
def at_home(monkeypatch):
    """As it is where nobody has said that anything is to be sent."""
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_ERROR_REPORTING", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)


def track(tool, folder):
    with Tracking([tool], folder, "garden", FEDERATION, {"data": "demo", "seed": 3}) as tracking:
        tracking.on_curve(CurvePoint(0, {"sampled ndcg@10": 0.25, "impressions auc": None}))
        tracking.on_round(REPORT, np.zeros(1, np.float32))
        tracking.finish(sample().to_record())


def of_mlflow(folder):
    """Settings, last metrics and state of each run, by name."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/tracking/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("hushrec").experiment_id])
    return {run.info.run_name: (run.data.params, run.data.metrics, run.info.status) for run in runs}


def records_of(log):
    """The records of a file in LevelDB's log format, behind the seven bytes of wandb's own."""
    place, parts = 7, b""
    while place + 7 <= len(log):
        if 32_768 - place % 32_768 < 7:  # the rest of a block is padding
            place += 32_768 - place % 32_768
        _, length, kind = struct.unpack("<IHB", log[place : place + 7])
        parts += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def of_wandb(folder):
    """Configuration, rows and summary of the one run there is, from the file that `wandb sync` would send."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # as at the end of a process: its own one has then written all
    (path,) = (folder / "tracking").glob("wandb/offline-run-*/run-*.wandb")
    config, rows, summary = {}, [], {}
    for data in records_of(path.read_bytes()):
        record = Record.FromString(data)
        values = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        rows += [values] if values else []
        config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        summary |= {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.summary.update}
    return config, rows, summary


def test_tensorboard_holds_curve_rounds_settings_and_final_figures(at_home, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "tracking" / "tensorboard" / "garden")).Reload()
    read = {
        name: [(event.step, pytest.approx(event.value)) for event in events.Scalars(name)]
        for name in (
            "validation/sampled ndcg@10",
            "update/answered",
            "federated/ndcg@10",
            "final/privacy/event/epsilon",
        )
    }
    assert list(read.values()) == [[(0, 0.25)], [(2, 90)], [(2, 0.4)], [(2, 3.141)]]
    settings = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "training.rounds = 7" in settings
    assert "seed = 3" in settings


def test_mlflow_holds_them_in_a_database_of_the_folder_and_tells_what_was_broken_off(at_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    track("mlflow", tmp_path)
    with pytest.raises(KeyboardInterrupt), Tracking(["mlflow"], tmp_path, "broken off", FEDERATION, {}):
        raise KeyboardInterrupt
    runs = of_mlflow(tmp_path)
    params, metrics, status = runs["garden"]
    assert (params["training.rounds"], params["seed"], status) == ("7", "3", "FINISHED")
    found = [metrics[name] for name in ("update/answered", "federated/ndcg_at_10", "final/metrics/full/ndcg_at_10")]
    assert found == [90, 0.4, 0.097]
    assert runs["broken off"][2] == "KILLED"
    assert [path.name for path in tmp_path.iterdir()] == ["tracking"]


def test_wandb_holds_them_offline(at_home, tmp_path):
    track("wandb", tmp_path)
    config, rows, summary = of_wandb(tmp_path)
    assert (config["training.rounds"], config["seed"]) == (7, 3)
    assert [(row["round"], row.get("validation/sampled ndcg@10"), row.get("update/answered")) for row in rows] == [
        (0, 0.25, None),
        (2, None, 90),
    ]
    assert summary["final/metrics/full/ndcg@10"] == 0.097


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_is_not_installed_is_named_with_the_cure(tool, monkeypatch):
    check_trackers([tool])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Misconfigured, match=rf"track: expected {tool}, which is not installed; `pip install"):
        check_trackers([tool])


def test_what_cannot_be_kept_track_of_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(Misconfigured, match=r"track: expected a list of tensorboard, mlflow, wandb, got 'aim'"):
        simulate("demo", track=["aim"], out=tmp_path / "run")
    with pytest.raises(Misconfigured, match="track: expected a folder of the run as out"):
        simulate("demo", track=["tensorboard"])
