"""Asks a scorer every question of a part and keeps what came of each, so that figures of any subset have intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.metrics import (
    RankResult,
    bootstrap_interval,
    coverage,
    grouped_auc,
    list_metrics,
    rank_result,
    top_k_of_list,
    top_k_of_one,
)
from simulations.evaluation.split import Questions, ShownList
from simulations.people import Rows

_TOP = 10
_BATCH_SCORES = 2**23  # scores held at once: 32 MiB in float32

Figures = dict[str, dict[str, float | None]]


class Scorer(Protocol):
    """Anything that ranks the catalogue for people by what they met before."""

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """Scores float32 [people, items]; larger is better."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What came of each question.

    Attributes:
        questions: m of them.
        values: way ("sampled", "full", "impressions") to metric to float64 [m], NaN if not asked.
        ranks: "sampled" and "full" to where the targets stand; also of targets that were met, which are not asked for.
        shown: of each shown list, metrics of its first ten places and how many were `clicked`, float64 [m], NaN
            without one; empty where no question has one.
        offered: int32 [m, 10], the first ten of the full ranking; None where they were not kept.
    """

    questions: Questions
    values: Mapping[str, Mapping[str, NDArray[np.float64]]]
    ranks: Mapping[str, RankResult] = field(default_factory=dict)
    shown: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    offered: Rows | None = None

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

    def top_k(self) -> Figures:
        """Means of the metrics that RecBole and LensKit call recall, precision, F1, MAP, GAUC and item coverage.

        With one wanted item for each question, GAUC is the AUC. Coverage needs what was `offered`.
        """
        asked = ~np.isnan(self.values["sampled"]["mrr"])
        result: Figures = {}
        for way, ranks in self.ranks.items():
            of_each = top_k_of_one(ranks, _TOP)
            result[way] = {name: float(v[asked].mean()) if asked.any() else None for name, v in of_each.items()}
        result["sampled"]["gauc"] = self.figures()["sampled"]["auc"]
        if self.offered is not None:
            result["full"][f"coverage@{_TOP}"] = (
                coverage(self.offered.astype(np.int64), self.questions.items) if len(asked) else None
            )
        if self.shown:
            means = {name: float(np.nanmean(values)) for name, values in self.shown.items() if name != "clicked"}
            gauc = grouped_auc(self.values["impressions"]["auc"], self.shown["clicked"])
            result["impressions"] = {**means, "gauc": gauc}
        return result

    def among(self, chosen: NDArray[np.bool_]) -> "Evaluation":
        """What came of some of the questions, bool [m]."""
        values = {way: {name: of[chosen] for name, of in metrics.items()} for way, metrics in self.values.items()}
        return Evaluation(self.questions.at(np.flatnonzero(chosen)), values)

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


def evaluate(
    scorer: Scorer,
    questions: Questions,
    progress: Callable[[int], None] = lambda _: None,
    *,
    keep_offered: bool = False,
) -> Evaluation:
    """Ask all questions, in batches of bounded memory.

    `sampled`: the target among its 99 negatives. `full`: among all items but those in the history, those turned away
    from and, where a list was shown, the others clicked in it. `impressions`: the shown list of each question that has
    one. A target met before is asked for in its list alone: a device would not offer it elsewhere.

    Args:
        scorer: what is asked.
        questions: that it is asked.
        progress: called with how many questions were asked since the last call.
        keep_offered: whether the first ten items of each full ranking are kept.

    Raises:
        Misconfigured: a score is not a number, or the scores have another shape than [people, items].
    """
    sampled: list[RankResult] = []
    full: list[RankResult] = []
    lists: list[Mapping[str, float]] = []
    shown_tops: list[Mapping[str, float]] = []
    offered: list[Rows] = []
    size = max(1, _BATCH_SCORES // questions.items)
    for start in range(0, len(questions), size):
        batch = questions.at(np.arange(start, min(start + size, len(questions))))
        scores = _scores(scorer, batch)
        asked = np.arange(len(batch))
        wanted = scores[asked, batch.targets]
        known = batch.negatives >= 0
        sampled.append(rank_result(wanted, scores[asked[:, None], batch.negatives.clip(min=0)], known))
        competing = _competing(batch)
        full.append(rank_result(wanted, scores, competing))
        if keep_offered:
            competing[asked, batch.targets] = True
            offered.append(_first(scores, competing))
        for row, shown in zip(scores, batch.lists, strict=True):
            lists.append({} if shown is None else list_metrics(row[shown.candidates], shown.clicked))
            shown_tops.append({} if shown is None else _top_of_shown(row, shown))
        progress(len(batch))
    met = np.asarray(
        [target in history for target, history in zip(questions.targets, questions.histories, strict=True)]
    )
    ranks = {"sampled": _joined(sampled), "full": _joined(full)}
    values = {way: _metrics(found, met) for way, found in ranks.items()}
    del values["full"]["auc"]
    if any(lists):
        values["impressions"] = _columns(lists)
    return Evaluation(questions, values, ranks, _columns(shown_tops), np.concatenate(offered) if offered else None)


def _columns(records: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    """Records by column, NaN for those that are empty; no column where all are."""
    names = next((list(record) for record in records if record), [])
    return {name: np.asarray([record.get(name, np.nan) for record in records]) for name in names}


def _top_of_shown(scores: NDArray[np.float32], shown: ShownList) -> dict[str, float]:
    found = top_k_of_list(scores[shown.candidates], shown.clicked, _TOP)
    return {**found, "clicked": float(shown.clicked.sum())}


def _first(scores: NDArray[np.float32], allowed: NDArray[np.bool_]) -> Rows:
    """The first ten allowed items of each row of scores, int32 [m, 10]; fewer where the catalogue is smaller."""
    kept = np.where(allowed, scores, -np.inf)
    places = min(_TOP, kept.shape[1])
    first = np.argpartition(-kept, places - 1, axis=1)[:, :places]
    order = np.argsort(-np.take_along_axis(kept, first, 1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(first, order, 1), np.int32)


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
