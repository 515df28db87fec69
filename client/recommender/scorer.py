"""The score under one release, asked for one person: a query to the index, and what is added to every item."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from client.interest import Controls, Interest, TextReader
from client.recommender.company import Company, Past
from client.recommender.options import RecommendOptions, Strategy
from shared.arrays import F32Vector
from shared.model import Context, EventSequence, encode_context
from shared.release import Release

_WEEK_SECONDS = 7 * 24 * 3600.0
_MUTED = 1000.0  # what a muted concept takes from the score of an item that is all of it: more than anything can add


@dataclass(frozen=True, slots=True, repr=False)
class Query:
    """One ranking.

    Attributes:
        lead: float32 [K], what the concept interest leads to; None without the concept view.
        query: float32 [k + K], its product with an item's dense view and the roots of its concept shares is what the
            person adds to the score.
        addends: float32 [items] each, what is added whoever asks, by kind of reason.
        company: what goes with the person's past; None where nothing of that is asked for or known.
    """

    interest: Interest
    lead: F32Vector | None
    dense_scale: float
    concept_scale: float
    query: F32Vector
    addends: dict[str, F32Vector]
    company: Company | None = None

    @property
    def prior(self) -> F32Vector:
        """Float32 [items], the sum of the addends, and what the person's past adds item by item."""
        listed = list(self.addends.values())
        if self.company is not None:
            listed.append(self.company.scores)
        return np.sum(listed, axis=0, dtype=np.float32)


class ItemScorer:
    """The score of each item i for one person, or parts of it.

    s_d p.z_i + s_c (sqrt(q)(I + M) + shift).sqrt(c_i) + b.x_i + w_pop log pop_i + w_pair companion_score_i
    """

    def __init__(self, release: Release, reader: TextReader) -> None:
        self._release, self._heads = reader.release, reader.heads
        self._k = reader.dense_width
        # Of each item, the dense view and the roots of its concept shares: float32 [items, k + K].
        self.factors: F32Vector = reader.items.copy()
        np.sqrt(self.factors[:, self._k :], out=self.factors[:, self._k :])
        with torch.no_grad():
            self.text: F32Vector = self._heads.prior(torch.from_numpy(release.index)).numpy()
            weights = self._heads.scales.weights().tolist()
        parts = [view for view in ("dense", "concepts") if view in self._heads.views]
        self.scales: dict[str, float] = dict(zip([*parts, "popularity"], weights, strict=False))

    def query(
        self,
        interest: Interest,
        wishes: RecommendOptions,
        controls: Controls | None,
        context: Context,
        now_seconds: float,
        past: Past,
    ) -> Query:
        """The question that a person of this interest and past asks in these circumstances."""
        strategy = wishes.strategy
        concept_scale = self.scales.get("concepts", 0.0)
        dense_scale = self.scales.get("dense", 0.0)
        addends = {"text": np.zeros_like(self.text)}
        if strategy is Strategy.HYBRID:
            addends["text"] = self.text
        if "popularity" in self.scales and strategy in (Strategy.HYBRID, Strategy.POPULARITY):
            addends["popularity"] = np.float32(self.scales["popularity"]) * self._release.log_popularity
        if strategy in (Strategy.POPULARITY, Strategy.CO_OCCURRENCE):
            dense_scale = 0.0
        if strategy is Strategy.POPULARITY or (strategy is Strategy.SIMILARITY and self._k):
            concept_scale = 0.0
        concepts = interest.concepts
        if concepts is not None and controls is not None:
            concepts = controls.weighed(concepts)
        lead = self._transition_scores(interest, concepts, context, strategy)
        if controls is not None and (muted := controls.muted).any():
            addends["control"] = -_MUTED * np.square(self.factors[:, self._k :][:, muted]).sum(1)
        if wishes.freshness:
            addends["freshness"] = self._freshness(wishes.freshness, now_seconds)
        query = _query(interest, lead, dense_scale, concept_scale)
        company = None
        if self._release.companions.rows.size and strategy in (Strategy.HYBRID, Strategy.CO_OCCURRENCE):
            company = Company.of(past, self._release.companions, self._release.federation.model.companion_scale)
        return Query(interest, lead, dense_scale, concept_scale, query, addends, company)

    def score_candidates(
        self, interests: Sequence[Interest], rows: NDArray[np.int64], context: Context
    ) -> NDArray[np.float64]:
        """Scores of some items under each of several interests, float64 [interests, rows].

        Without the part that companions give, which is the same under all of them.
        """
        scales = self.scales.get("dense", 0.0), self.scales.get("concepts", 0.0)
        leads = [
            self._transition_scores(interest, interest.concepts, context, Strategy.HYBRID) for interest in interests
        ]
        queries = [_query(interest, lead, *scales) for interest, lead in zip(interests, leads, strict=True)]
        prior = self.text[rows].astype(np.float64)
        if "popularity" in self.scales:
            prior += self.scales["popularity"] * self._release.log_popularity[rows]
        return np.stack(queries).astype(np.float64) @ self.factors[rows].T + prior

    def _transition_scores(
        self, interest: Interest, concepts: F32Vector | None, context: Context, strategy: Strategy
    ) -> F32Vector | None:
        """sqrt(q)(I + M) + shift; of it, M's part alone for co-occurrence, and the first for what texts say."""
        if concepts is None:
            return None
        roots = np.sqrt(concepts)
        if strategy in (Strategy.SIMILARITY, Strategy.CONTENT):
            return roots
        q = torch.from_numpy(concepts)
        with torch.no_grad():
            if strategy is Strategy.CO_OCCURRENCE:
                return np.asarray(self._heads.lead(q).numpy() - roots)
            course = None
            if interest.shift is not None:
                course = EventSequence(torch.zeros(0), torch.from_numpy(interest.shift))
            return np.asarray(self._heads.lead(q, course, torch.from_numpy(encode_context(context))).numpy())

    def _freshness(self, wish: float, now_seconds: float) -> F32Vector:
        added = [item.added_seconds for item in self._release.catalogue]
        age = np.array([np.inf if time_ is None else max(0.0, now_seconds - time_) for time_ in added])
        spread = float(np.std(self.text)) + sum(self.scales.values())
        return np.asarray(wish * spread * 0.5 ** (age / _WEEK_SECONDS), np.float32)


def _query(interest: Interest, lead: F32Vector | None, dense_scale: float, concept_scale: float) -> F32Vector:
    parts = [] if interest.dense is None else [dense_scale * interest.dense]
    if lead is not None:
        parts.append(concept_scale * lead)
    return np.concatenate(parts).astype(np.float32)
