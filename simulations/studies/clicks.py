"""Chances of a click, as adverts need them: not only which offer is better, but how likely each is to be clicked.

Scores are made chances by two numbers, a slope and an offset (Platt 1999, "Probabilistic Outputs for Support Vector
Machines"), fitted on the test lists of people with even numbers; those of the others say how good the chances are. Two
errors that AUC cannot see show here: chances that are right in order but too sure, and ones that are off altogether.
The lists are those that are known: where only lists with a click were kept, so are the chances.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from shared.errors import Misconfigured
from shared.metrics import bootstrap_interval
from simulations.baselines import Popularity
from simulations.evaluation import Questions, Scorer
from simulations.studies.baseline_comparison import best_zero_shot
from simulations.studies.study_runs import StudyRuns

_BINS = 10  # of equally many offers, for the calibration error
_BATCH = 2_000  # questions scored at once


class Offers:
    """All offers of some lists: their scores under one model, whether each was clicked, and whose list it was in."""

    def __init__(self, scorer: Scorer, questions: Questions) -> None:
        """Score them."""
        scores, clicked, people = [], [], []
        for start in range(0, len(questions), _BATCH):
            batch = questions.at(np.arange(start, min(start + _BATCH, len(questions))))
            for row, shown, person in zip(
                scorer.score(batch.people, batch.histories), batch.lists, batch.people, strict=True
            ):
                if shown is not None:
                    scores.append(row[shown.candidates])
                    clicked.append(shown.clicked)
                    people.append(np.full(len(shown.clicked), person))
        self.scores = np.concatenate(scores).astype(np.float64)
        self.clicked, self.people = np.concatenate(clicked), np.concatenate(people)


def measure_clicks(trials: StudyRuns) -> list[dict[str, Any]]:
    """A row per model: AUC over all offers, log loss with its interval over people, and calibration error.

    Raises:
        Misconfigured: the data has no lists that were shown.
    """
    asked = trials.world.split.test
    even, odd = (asked.at(np.flatnonzero(asked.people % 2 == part)) for part in (0, 1))
    if not any(shown is not None for shown in odd.lists) or not any(shown is not None for shown in even.lists):
        raise Misconfigured(
            f"compare clicks: expected data with lists that were shown to people, {trials.data} has none or too few; "
            "use --data adverts or mind:DIR"
        )
    trained = trials.train()
    models: dict[str, Scorer] = {
        "hushrec": trained.scorer,
        "frozen texts": best_zero_shot(trials.world, trained),
        "popularity": Popularity(trials.world.split.training, asked.items),
    }
    rows = []
    with trials.progress.stage("clicks", total=len(models)) as stage:
        for name, scorer in models.items():
            fitted, told = Offers(scorer, even), Offers(scorer, odd)
            slope, offset = fit_chances(fitted.scores, fitted.clicked)
            rows.append({"model": name} | _figures(_chances(slope * told.scores + offset), told))
            stage.advance(1, name)
    same = np.full(len(told.scores), fitted.clicked.mean())
    return [*rows, {"model": "the same chance for every offer"} | _figures(same, told)]


def fit_chances(scores: NDArray[np.float64], clicked: NDArray[np.bool_]) -> tuple[float, float]:
    """The slope, at least 0, and the offset under which the chances of a click are most likely."""
    scale = float(scores.std()) or 1.0
    middle = float(scores.mean())

    def loss(parameters: NDArray[np.float64]) -> float:
        return log_loss(_chances(parameters[0] * (scores - middle) / scale + parameters[1]), clicked)

    share = np.clip(clicked.mean(), 1e-6, 1 - 1e-6)
    start = np.array([1.0, np.log(share / (1 - share))])
    slope, offset = minimize(loss, start, bounds=[(0.0, None), (None, None)]).x
    return float(slope / scale), float(offset - slope * middle / scale)


def log_loss(chances: NDArray[np.float64], clicked: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(_losses(chances, clicked).mean())


def calibration_error(chances: NDArray[np.float64], clicked: NDArray[np.bool_]) -> float:
    """How far chances are from what happened: the mean over ten bins of equally many offers (Naeini et al. 2015)."""
    order = np.argsort(chances, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    gaps = [len(part) * abs(chances[part].mean() - clicked[part].mean()) for part in parts]
    return float(sum(gaps) / len(order))


def pooled_auc(scores: NDArray[np.float64], clicked: NDArray[np.bool_]) -> float | None:
    """The chance that a clicked offer scores above one that was not, over all lists together, ties counted half."""
    positive, negative = int(clicked.sum()), int((~clicked).sum())
    if not positive or not negative:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return float((ranks[clicked].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30))), np.float64)


def _losses(chances: NDArray[np.float64], clicked: NDArray[np.bool_]) -> NDArray[np.float64]:
    right = np.where(clicked, chances, 1.0 - chances)
    return np.asarray(-np.log(np.clip(right, 1e-12, 1.0)), np.float64)


def _figures(chances: NDArray[np.float64], asked: Offers) -> dict[str, Any]:
    losses = _losses(chances, asked.clicked)
    low, high = bootstrap_interval(losses, seed=0, people=asked.people)
    return {
        "offers": len(chances),
        "clicked": float(asked.clicked.mean()),
        "impressions auc of all offers": pooled_auc(chances, asked.clicked),
        "impressions log loss": float(losses.mean()),
        "impressions log loss interval": f"{low:.4f} to {high:.4f}",
        "impressions calibration error": calibration_error(chances, asked.clicked),
    }
