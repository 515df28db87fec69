"""Scores of the concept model for many people at once, for evaluation: the same functions the device ranks with."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.arrays import F32Matrix
from shared.behaviour import Event, positive_events
from shared.companions import Companions, companion_score
from shared.model import CONTEXT_WIDTH, EventSequence, GlobalModel, Progress, encode_context
from shared.release import Release
from simulations.people import People

_LOGS_KEPT = 65536


class _Log(NamedTuple):
    """What of one person's log is ranked by.

    Attributes:
        rows: int64, row of each event's text.
        met: int64, the catalogue row that each of these events is about; -1 where it is about none.
        items: int64, where in `rows` the items of the catalogue stand.
        contexts: float32 [items, 11], the circumstances of each; [0, 11] where nobody noted any.
    """

    rows: NDArray[np.int64]
    met: NDArray[np.int64]
    items: NDArray[np.int64]
    contexts: NDArray[np.float32]


class ConceptScorer:
    """Ranks the catalogue for histories of people under given parameters."""

    def __init__(
        self,
        release: Release,
        model: GlobalModel,
        people: People,
        progress: Progress = lambda _: None,
    ) -> None:
        """Encode once what stays the same while the heads are trained.

        Args:
            release: whose catalogue is ranked, under its parameters at first.
            model: of its federation, which reads words.
            people: with their whole logs; the scorer only ever uses the events before those it is asked to rank, and
                of them, as training does, those that show interest.
            progress: called with how many texts were encoded since the last call.
        """
        self._release, self._model, self._people = release, model, people
        self._has_words, self._has_contexts = np.zeros(len(people), bool), np.zeros(len(people), bool)
        for batch in people.batches():
            owners = batch.first + batch.owners
            self._has_words[owners[batch.positive & (batch.texts.numbers >= 0)]] = True
            self._has_contexts[owners[batch.positive & (batch.contexts.numbers >= 0)]] = True
        numbers = people.own_texts()
        self._words = list(numbers)
        self._word_rows = {text: len(release.catalogue) + number for text, number in numbers.items()}
        self._log = lru_cache(maxsize=_LOGS_KEPT)(self._read_log)
        self._progress = progress
        self.install(release)

    def install(self, release: Release) -> None:
        """Take another release of the same line."""
        first = getattr(self, "_x", None) is None
        moved = first or release.index is not self._release.index
        self._release = release
        self._heads = heads = self._model.heads_at(release.vector)
        if moved:
            x = release.index
            if self._words:
                with self._model.at(release.vector):
                    embeddings = self._model.encoder.embed(self._words, progress=self._progress)
                own = release.whitening.apply(embeddings)
                x = np.concatenate([x, own])
            self._x = torch.from_numpy(x)
        items = len(release.catalogue)
        with torch.no_grad():
            z, c = heads.view(self._x)
            viewed = torch.cat([part for part in (z, c) if part is not None], -1)
            self._views = viewed.numpy()
            self._entered = None if heads.evolution is None else heads.evolution.enter(viewed)
            self._gamma = float(heads.forgetting.gamma)
            scales = heads.scales.weights().numpy()
            columns = []
            if z is not None:
                columns.append(z[:items].numpy() * scales[0])
            if c is not None:
                columns.append(c[:items].sqrt().numpy() * scales[len(columns)])
            self._items = np.ascontiguousarray(np.concatenate(columns, 1).T)
            self._prior = heads.prior(self._x[:items]).numpy()
            if release.federation.model.popularity:
                self._prior = self._prior + scales[-1] * release.log_popularity
        self._companions = _sparse(release.companions)

    def score(self, people: NDArray[np.int64], histories: Sequence[NDArray[np.int32]]) -> F32Matrix:
        """Scores float32 [people, items].

        Args:
            people: which of them.
            histories: catalogue rows of the items each person has met before, oldest first.
        """
        counts, columns, met, weights = [0], [], [], []
        contexts = np.zeros((len(people), CONTEXT_WIDTH), np.float32)
        for place, (person, history) in enumerate(zip(people, histories, strict=True)):
            rows, about = self._history(int(person), history)
            known = self._log(int(person)).contexts if self._has_contexts[person] else contexts[:0]
            if len(history) < len(known):
                contexts[place] = known[len(history)]
            columns.append(rows)
            met.append(about)
            weights.append(np.arange(len(rows), 0, -1, dtype=np.float32) ** -self._gamma)
            counts.append(counts[-1] + len(rows))
        past = csr_matrix(
            (np.concatenate(weights), np.concatenate(columns), counts), shape=(len(people), len(self._views))
        )
        pooled = np.asarray(past @ self._views)
        heads, leads = self._heads, []
        with torch.no_grad():
            course = self._course(columns)
            p, q = heads.split(torch.from_numpy(pooled), course)
            if p is not None:
                leads.append(p.numpy())
            if q is not None:
                leads.append(heads.lead(q, course, torch.from_numpy(contexts)).numpy())
        scores = np.concatenate(leads, 1) @ self._items + self._prior
        if self._companions.nnz:
            about = np.concatenate(met)
            counted = np.where(about >= 0, past.data, 0.0)
            choices = csr_matrix((counted, about.clip(min=0), counts), shape=(len(people), len(self._prior)))
            said = choices @ self._companions
            said.data = self._release.federation.model.companion_scale * companion_score(said.data)
            scores += said.toarray()
        return np.asarray(scores, np.float32)

    def _course(self, histories: Sequence[NDArray[np.int64]]) -> EventSequence | None:
        """What evolution makes of whole histories, all stepped through side by side: each ends at the same step."""
        evolution = self._heads.evolution
        if evolution is None or self._entered is None:
            return None
        longest = max(map(len, histories), default=0)
        rows = np.full((len(histories), longest), -1, np.int64)
        for place, history in enumerate(histories):
            rows[place, longest - len(history) :] = history
        state = evolution.start(len(histories))
        for column in rows.T:
            entered = torch.zeros(len(histories), self._entered.shape[1])
            there = torch.from_numpy(column >= 0)
            entered[there] = self._entered[torch.from_numpy(column[column >= 0])]
            state = evolution.step(state, entered)
        return self._heads.course_of(state)

    def _read_log(self, person: int) -> "_Log":
        log = positive_events(self._people[person].events)
        contexts = np.zeros((0, CONTEXT_WIDTH), np.float32)
        if self._has_contexts[person]:
            known = [encode_context(event.context) for event in log if event.item in self._release.catalogue]
            contexts = np.asarray(known, np.float32).reshape(-1, CONTEXT_WIDTH)
        return _Log(*self._log_rows(log), contexts)

    def _log_rows(self, log: Sequence[Event]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each event with a text its row (of its own words, else of its item) and its item; where items stand."""
        catalogue = self._release.catalogue
        rows: list[int] = []
        met: list[int] = []
        items: list[int] = []
        for event in log:
            known = event.item in catalogue
            if known:
                items.append(len(rows))
            if event.text:
                rows.append(self._word_rows[event.text])
                met.append(catalogue.row(event.item) if event.item is not None and known else -1)
            elif event.item is not None and known:
                rows.append(catalogue.row(event.item))
                met.append(rows[-1])
        return np.asarray(rows, np.int64), np.asarray(met, np.int64), np.asarray(items, np.int64)

    def _history(self, person: int, history: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each event before the question the row of its text, and its item's."""
        if not self._has_words[person]:
            rows = np.asarray(history, np.int64)
            return rows, rows
        rows, met, items, _ = self._log(person)
        # With words of one's own, the log itself is the history: up to the event that is to be predicted.
        end = items[len(history)] if len(history) < len(items) else len(rows)
        return rows[:end], met[:end]


def _sparse(companions: Companions) -> csr_matrix:
    """Weights of companions, float64 [items, companions]."""
    items, most = companions.rows.shape
    starts = np.arange(items + 1) * most
    return csr_matrix((companions.weights.ravel().astype(np.float64), companions.rows.ravel(), starts), (items, items))
