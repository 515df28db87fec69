"""What one run found, as plain values: the form that is printed, stored and drawn again. It never computes a figure."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured
from simulations.datasets import SkippedRows
from simulations.options import Language
from simulations.report.notes import Note
from simulations.report.parts import ConceptMap, CurvePoint, ExamplePerson, FairnessGroup, Journey

SAMPLED = ("hr@10", "ndcg@10", "auc", "mrr")
FULL = ("hr@10", "ndcg@10", "mrr")
IMPRESSIONS = ("auc", "mrr", "ndcg@5", "ndcg@10")

_RAW_LOGS = "everybody's raw logs; no new items"
SEES = {
    "untrained": "the public catalogue",
    "zero-shot": "the public catalogue",
    "without privacy": "what each device sends",
    "popularity": "everybody's raw logs",
    **dict.fromkeys(("item-knn", "ease", "ials", "bpr"), _RAW_LOGS),
    "central": "everybody's raw logs",
    "local-only": "one person's log",
}

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class RunResult:
    """Everything a run found. None stands for a figure that was not computed.

    Attributes:
        data: the data specification, as given.
        rounds: rounds held, skipped ones included.
        dimension: length d of the federated vector.
        metrics: `{"sampled": {...}, "full": {...}}` on the test events.
        baselines: name -> the same as `metrics`, with `"impressions"` where the data has them.
        cold_start: `{"users": {...}, "items": {...}}`.
        privacy: `{"user": {...}, "event": {...}}`, each with epsilon and delta.
        cost: seconds of the run; client_milliseconds of one device's own work in a round, measured one by one and
            without masks; upload_bytes_per_client.
        untrained: as `metrics`, for the model before anybody taught it anything.
        learnt: `{"sampled": {"ndcg@10", "low", "high"}, "full": the same}`: what training brought over `untrained`,
            with its paired 95 % bootstrap interval over people.
        moved: parameter group -> L2 norm of its change by training.
        plan: what was expected of each parameter group, see `shared.recipe.GroupPlan`.
        top_k: recall, precision, F1, MAP, GAUC and coverage of `metrics`' rankings, as RecBole and LensKit define them,
            see `shared.metrics`; of shown lists too, where the data has them.
        masked_rounds: how many of the private sums in `rounds_table` were carried out under masks.
        accelerator: "cpu", "cuda" or "mps": what encoded texts and computed people's devices together.
        without_privacy: as `metrics`, of a second training of the same people without any promise; None without one.
        impressions: auc, mrr, ndcg@5, ndcg@10 on shown lists; None where the data has none.
        device: what people's own devices offer: metrics, breadth, fairness; see `simulations.evaluation.device_scorer`.
        curve: validation metrics as training went on.
        cold_start_curve: a row per number of first events of a new person and model; see
            `simulations.studies.cold_start`.
        rounds_table: one row per private sum, as `server.RoundReport.to_row` gives it.
        intervals: 95 % intervals over people, of each model of `table` and of "device", by figure: "sampled ndcg@10".
        kept: of the quality of a training without privacy, the share that is kept: mean, low, high; None without one.
        rules: what other models make of the validation part on which the curve is measured, by name.
        answers: what one simulated device sent under masks, see `simulations.cohort.WatchedAnswer`.
        concept_map: where the concepts lie, and which follows which; None without the concept view.
        journey: one person through time; None where nobody has a long enough log.
        fairness: how well people with few, some and many events fare on their own devices.
        versions: machine and packages, see `simulations.machine.machine_facts`.
        language: of the report, "en" or "zh".
        load_losses: rows of the data that were not used, and why.
        examples: a few people, shown in the report.
        federation_toml: the federation file as resolved.
        notes: sentences a reader needs to judge the figures; `str` of each is English.
        out: folder of the run; None where nothing was written.

    Example:
        >>> result = simulate(data, federation=file, rounds=2)
        >>> [row["model"] for row in result.table()]
        ['hushrec', 'untrained', 'popularity', 'zero-shot', 'item-knn']
        >>> learnt = result.learnt["full"]
        >>> learnt["low"] <= learnt["ndcg@10"] <= learnt["high"]
        True
        >>> sorted(result.to_record()["metrics"])
        ['full', 'sampled']
    """

    data: str
    users: int
    items: int
    events: int
    rounds: int
    dimension: int
    metrics: Mapping[str, Figures | None]
    baselines: Mapping[str, Mapping[str, Figures | None]]
    cold_start: Mapping[str, Figures | None]
    privacy: Mapping[str, Figures | None]
    cost: Figures
    seed: int
    untrained: Mapping[str, Figures | None] = field(default_factory=dict)
    learnt: Mapping[str, Figures] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)
    plan: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    top_k: Mapping[str, Figures] = field(default_factory=dict)
    masked_rounds: int = 0
    accelerator: str = "cpu"
    without_privacy: Mapping[str, Figures | None] | None = None
    impressions: Figures | None = None
    device: Figures | None = None
    curve: Sequence[CurvePoint] = field(default=(), repr=False)
    cold_start_curve: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    rounds_table: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    intervals: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict, repr=False)
    kept: Mapping[str, float] | None = None
    rules: Mapping[str, float] = field(default_factory=dict, repr=False)
    answers: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    concept_map: ConceptMap | None = field(default=None, repr=False)
    journey: Journey | None = field(default=None, repr=False)
    fairness: Sequence[FairnessGroup] = field(default=(), repr=False)
    versions: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    language: Language = "en"
    load_losses: Sequence[SkippedRows] = field(default=(), repr=False)
    examples: Sequence[ExamplePerson] = field(default=(), repr=False)
    federation_toml: str = field(default="", repr=False)
    notes: Sequence[Note] = field(default=(), repr=False)
    out: Path | None = None

    @property
    def release(self) -> Path | None:
        """Folder of the last model release; None where nothing was written."""
        return None if self.out is None else self.out / "release"

    def to_record(self) -> dict[str, Any]:
        """The contract of `hushrec-simulate run --json`, as a dictionary of plain values."""
        record = {
            "data": self.data,
            "users": self.users,
            "items": self.items,
            "events": self.events,
            "rounds": self.rounds,
            "dimension": self.dimension,
            "metrics": _scores(self.metrics),
            "baselines": {name: _scores(scores) for name, scores in self.baselines.items()},
            "cold_start": {part: dict(self.cold_start.get(part) or {}) for part in ("users", "items")},
            "privacy": {
                "user": _complete(("epsilon", "delta"), self.privacy.get("user")) | {"amplification": "none"},
                "event": _complete(("epsilon", "delta"), self.privacy.get("event")),
            },
            "cost": _complete(("seconds", "client_milliseconds", "upload_bytes_per_client"), self.cost),
            "seed": self.seed,
            "untrained": _scores(self.untrained),
            "learnt": {
                part: _complete(("ndcg@10", "low", "high"), self.learnt.get(part)) for part in ("sampled", "full")
            },
            "moved": dict(self.moved),
            "plan": [dict(row) for row in self.plan],
            "top_k": {way: dict(figures) for way, figures in self.top_k.items()},
            "masked_rounds": self.masked_rounds,
            "accelerator": self.accelerator,
        }
        if self.without_privacy is not None:
            record["without_privacy"] = _scores(self.without_privacy)
        if self.impressions is not None:
            record["impressions"] = _complete(IMPRESSIONS, self.impressions)
        if self.device is not None:
            record["device"] = dict(self.device)
        plain: dict[str, Any] = plain_values(record)
        return plain

    def to_json(self) -> str:
        """The contract of `hushrec-simulate run --json`, as one line."""
        return json.dumps(self.to_record(), ensure_ascii=False, allow_nan=False)

    def table(self) -> list[dict[str, Any]]:
        """One row per model, and what it gets to see.

        This run, where it started, the same without privacy where there was such a run, then the baselines; columns
        without any figure are left out.
        """
        record = self.to_record()
        models = {"hushrec": {**record["metrics"], "impressions": record.get("impressions")}}
        models["untrained"] = record["untrained"]
        if "without_privacy" in record:
            models["without privacy"] = record["without_privacy"]
        models |= record["baselines"]
        columns = [
            (part, metric)
            for part, metrics in (("sampled", SAMPLED), ("full", FULL), ("impressions", IMPRESSIONS))
            for metric in metrics
            if any(_figure(scores, part, metric) is not None for scores in models.values())
        ]
        return [
            {"model": name, "sees": self._sees(name)}
            | {f"{part} {metric}": _figure(scores, part, metric) for part, metric in columns}
            for name, scores in models.items()
        ]

    def _sees(self, model: str) -> str:
        """What a model of the table is made from: not all of them could exist where logs stay on devices."""
        if model == "hushrec":
            promised = (self.privacy.get("user") or {}).get("epsilon") is not None
            return "sums under noise" if promised else "sums, or what each device sends"
        return SEES.get(model, "")

    def to_frame(self) -> Any:
        """`table()` as a pandas DataFrame, indexed by the model's name.

        Raises:
            Misconfigured: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise Misconfigured(
                "to_frame: expected pandas to be installed, got none; `pip install pandas`, or use table()"
            ) from None
        return pandas.DataFrame(self.table()).set_index("model")

    def per_person_frame(self) -> Any:
        """What came of each question of the test part as a pandas DataFrame, from the run's `per_person.parquet`.

        See `simulations.evaluation.write_per_person` for its columns.

        Raises:
            Misconfigured: the run left no folder, or pandas is not installed.
        """
        if self.out is None or not (path := self.out / "per_person.parquet").is_file():
            raise Misconfigured(
                "per_person_frame: expected the folder of a finished run, got none; give `simulate` a folder as out"
            )
        from pyarrow.parquet import read_table

        try:
            return read_table(path).to_pandas()
        except ImportError:
            raise Misconfigured(
                "per_person_frame: expected pandas to be installed, got none; `pip install pandas`"
            ) from None


def headline(metrics: Mapping[str, Any]) -> str:
    """The one metric that settings are chosen by and curves show: AUC of shown lists where there are any."""
    return "impressions auc" if "impressions auc" in metrics else "sampled ndcg@10"


def plain_values(value: Any) -> Any:
    """The same value in JSON's own types; numpy numbers become Python's, NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(part) for key, part in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Sequence):
        return [plain_values(part) for part in value]
    if hasattr(value, "tolist"):
        return plain_values(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _complete(keys: Sequence[str], figures: Figures | None) -> dict[str, Any]:
    """Every key of the contract, then what else there is."""
    return dict.fromkeys(keys) | dict(figures or {})


def _scores(scores: Mapping[str, Figures | None]) -> dict[str, Any]:
    whole = {"sampled": _complete(SAMPLED, scores.get("sampled")), "full": _complete(FULL, scores.get("full"))}
    if scores.get("impressions") is not None:
        whole["impressions"] = _complete(IMPRESSIONS, scores["impressions"])
    return whole


def _figure(scores: Mapping[str, Any], part: str, metric: str) -> float | None:
    return (scores.get(part) or {}).get(metric)
