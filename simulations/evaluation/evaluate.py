"""Asks a scorer every question of a part and keeps what came of each, so that figures of any subset have intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.metrics import RankResult, bootstrap_interval, list_metrics, rank_result
from simulations.evaluation.split import Questions
from simulations.people import Rows

_BATCH_SCORES = 2**23  # scores held at once: 32 MiB in float32

Figures = dict[str, dict[str, float | None]]


class Scorer(Protocol):
    """Anything that ranks the catalogue for people by what they met before."""

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """Scores float32 [people, items]; larger is better."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """Metrics of each question: way ("sampled", "full", "impressions") to metric to float64 [m], NaN if not asked."""

    questions: Questions
    values: Mapping[str, Mapping[str, NDArray[np.float64]]]

    def figures(self, among: NDArray[np.bool_] | None = None) -> Figures:
        """Means over the questions, or over those `among`; None where there are none. `impressions` only with lists."""
        result: Figures = {}
        for way, metrics in self.values.items():
            result[way] = {}
            for name, values in metrics.items():
                asked = values if among is None else values[among]
                asked = asked[~np.isnan(asked)]
                result[way][name] = float(asked.mean()) if len(asked) else None
        return result

    @property
    def headline(self) -> float:
        """The one figure settings are chosen by: AUC of shown lists where there are any, else sampled nDCG@10."""
        figures = self.figures()
        value = figures.get("impressions", {}).get("auc") or figures["sampled"]["ndcg@10"]
        return value if value is not None else 0.0

    def interval(self, way: str, name: str, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of one mean, under resampling of people."""
        values = self.values[way][name]
        asked = ~np.isnan(values)
        return bootstrap_interval(values[asked], seed, people=self.questions.people[asked])


def evaluate(scorer: Scorer, questions: Questions, progress: Callable[[int], None] = lambda _: None) -> Evaluation:
    """Ask all questions, in batches of bounded memory.

    `sampled`: the target among its 99 negatives. `full`: among all items but those in the history, those turned away
    from and, where a list was shown, the others clicked in it. `impressions`: the shown list of each question that has
    one. A target met before is asked for in its list alone: a device would not offer it elsewhere.

    Raises:
        Misconfigured: a score is not a number, or the scores have another shape than [people, items].
    """
    sampled: list[RankResult] = []
    full: list[RankResult] = []
    lists: list[Mapping[str, float]] = []
    size = max(1, _BATCH_SCORES // questions.items)
    for start in range(0, len(questions), size):
        batch = questions.at(np.arange(start, min(start + size, len(questions))))
        scores = _scores(scorer, batch)
        asked = np.arange(len(batch))
        wanted = scores[asked, batch.targets]
        known = batch.negatives >= 0
        sampled.append(rank_result(wanted, scores[asked[:, None], batch.negatives.clip(min=0)], known))
        full.append(rank_result(wanted, scores, _competing(batch)))
        for row, shown in zip(scores, batch.lists, strict=True):
            lists.append({} if shown is None else list_metrics(row[shown.candidates], shown.clicked))
        progress(len(batch))
    met = np.asarray(
        [target in history for target, history in zip(questions.targets, questions.histories, strict=True)]
    )
    values = {"sampled": _metrics(_joined(sampled), met), "full": _metrics(_joined(full), met)}
    del values["full"]["auc"]
    if any(lists):
        values["impressions"] = {
            name: np.asarray([metrics.get(name, np.nan) for metrics in lists])
            for name in ("auc", "mrr", "ndcg@5", "ndcg@10")
        }
    return Evaluation(questions, values)


def _scores(scorer: Scorer, batch: Questions) -> NDArray[np.float32]:
    scores = scorer.score(batch.people, batch.histories)
    if scores.shape != (len(batch), batch.items):
        raise Misconfigured(
            f"{type(scorer).__name__}: expected scores {(len(batch), batch.items)}, got {scores.shape}; "
            "score the whole catalogue for each person"
        )
    if np.isnan(scores).any():
        raise Misconfigured(
            f"{type(scorer).__name__}: expected numbers as scores, got NaN; it has diverged, lower its learning rate"
        )
    return scores


def _competing(batch: Questions) -> NDArray[np.bool_]:
    """Which items the target is ranked against in `full`, bool [m, items]."""
    competing = np.ones((len(batch), batch.items), bool)
    for row, (history, shown) in enumerate(zip(batch.histories, batch.lists, strict=True)):
        competing[row, history] = False
        if batch.turned_away:
            competing[row, batch.turned_away[row]] = False
        if shown is not None:
            competing[row, shown.candidates[shown.clicked]] = False
    competing[np.arange(len(batch)), batch.targets] = False
    return competing


def _joined(parts: Sequence[RankResult]) -> RankResult:
    none = [np.zeros(0, np.int64)]
    return RankResult(
        np.concatenate([part.above for part in parts] or none),
        np.concatenate([part.level for part in parts] or none),
        np.concatenate([part.others for part in parts] or none),
    )


def _metrics(of: RankResult, met: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Of each question; NaN for those whose target was met."""
    found = {"hr@10": of.hit_rate(10), "ndcg@10": of.ndcg(10), "auc": of.auc(), "mrr": of.reciprocal_rank()}
    return {name: np.where(met, np.nan, values) for name, values in found.items()} if met.any() else found
