"""Asks a scorer every question of a part and keeps what came of each, so that figures of any subset have intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.metrics import auc_of_rank, bootstrap_interval, hit_rate, list_metrics, ndcg, ranks, reciprocal_rank
from simulations.evaluation.split import Questions, Rows

_BATCH_SCORES = 2**23  # scores held at once: 32 MiB in float32

Figures = dict[str, dict[str, float | None]]


class Scorer(Protocol):
    """Anything that ranks the catalogue for people by what they met before."""

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """Scores float32 [people, items]; larger is better."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """Metrics of each question: way ("sampled", "full", "impressions") -> metric -> float64 [m], NaN where not asked."""

    questions: Questions
    values: Mapping[str, Mapping[str, NDArray[np.float64]]]

    def figures(self, among: NDArray[np.bool_] | None = None) -> Figures:
        """Means over the questions, or over those `among`; None where there are none. Impressions only where there are lists."""
        result: Figures = {}
        for way, metrics in self.values.items():
            result[way] = {}
            for name, values in metrics.items():
                asked = values if among is None else values[among]
                asked = asked[~np.isnan(asked)]
                result[way][name] = float(asked.mean()) if len(asked) else None
        return result

    def interval(self, way: str, name: str, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of one mean."""
        values = self.values[way][name]
        return bootstrap_interval(values[~np.isnan(values)], seed)


def evaluate(scorer: Scorer, questions: Questions, progress: Callable[[int], None] = lambda _: None) -> Evaluation:
    """Ask all questions, in batches of bounded memory.

    `sampled`: the target among its 99 negatives. `full`: among all items but those in the history.
    `impressions`: the shown list of each question that has one.
    """
    sampled: list[NDArray[np.float64]] = []
    full: list[NDArray[np.float64]] = []
    lists: list[dict[str, float]] = []
    size = max(1, _BATCH_SCORES // questions.items)
    for start in range(0, len(questions), size):
        batch = slice(start, start + size)
        scores = scorer.score(questions.people[batch], questions.histories[batch])
        targets, negatives = questions.targets[batch], questions.negatives[batch]
        at = np.arange(len(targets))
        wanted = scores[at, targets]
        known = negatives >= 0
        sampled.append(ranks(wanted, scores[at[:, None], negatives.clip(min=0)], known))
        for row, shown in enumerate(questions.lists[batch]):
            lists.append({} if shown is None else list_metrics(scores[row, shown.candidates], shown.clicked))
        competing = np.ones(scores.shape, bool)
        for row, history in enumerate(questions.histories[batch]):
            competing[row, history] = False
        competing[at, targets] = False
        full.append(ranks(wanted, scores, competing))
        progress(len(targets))
    rank, rank_full = (np.concatenate(parts) if parts else np.zeros(0) for parts in (sampled, full))
    others = (questions.negatives >= 0).sum(1)
    values: dict[str, dict[str, NDArray[np.float64]]] = {
        "sampled": {
            "hr@10": hit_rate(rank, 10),
            "ndcg@10": ndcg(rank, 10),
            "auc": auc_of_rank(rank, others),
            "mrr": reciprocal_rank(rank),
        },
        "full": {"hr@10": hit_rate(rank_full, 10), "ndcg@10": ndcg(rank_full, 10), "mrr": reciprocal_rank(rank_full)},
    }
    if any(lists):
        values["impressions"] = {
            name: np.asarray([metrics.get(name, np.nan) for metrics in lists])
            for name in ("auc", "mrr", "ndcg@5", "ndcg@10")
        }
    return Evaluation(questions, values)

