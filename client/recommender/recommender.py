"""Ranks the catalogue for one person on the device, and says why. The reasons of a score add up to it exactly."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter

import numpy as np
import torch
from numpy.typing import NDArray

from client.interest import Attribution, Controls, Interest, Levels, Profile, TextReader
from client.recommender.arguments import check_wishes, events_of
from client.recommender.company import Past
from client.recommender.index import CatalogueIndex
from client.recommender.options import RecommendOptions
from client.recommender.own_levels import own_levels
from client.recommender.reasons import Counterfactual, Reason, Recommendation
from client.recommender.rerank import Candidates, candidates_for, rank_of, rerank
from client.recommender.scorer import ItemScorer, Query
from shared.arguments import context_pairs, whole_number
from shared.arrays import F32Vector
from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from shared.model import Context, GlobalModel
from shared.release import Release

Person = Profile | Sequence[Event]

_PLAIN = RecommendOptions()


@dataclass(frozen=True, slots=True)
class ItemViews:
    """Views of all catalogue items.

    Attributes:
        content: float32 [items, m], unit vectors.
        shares: float32 [items, K], concept distributions; K is 0 without the concept view.
    """

    content: F32Vector
    shares: F32Vector


class Recommender:
    """Ranking under one release.

    Example:
        >>> loaded = load_release(folder)
        >>> recommender = Recommender(loaded.release, loaded.model)
        >>> events = [Event(1.0, EventKind.CLICK, "garden-0"), Event(2.0, EventKind.SEARCH, text="a rose")]
        >>> offers = recommender.recommend(events, 3)
        >>> [offer.score for offer in offers] == sorted((offer.score for offer in offers), reverse=True)
        True
        >>> abs(sum(reason.part for reason in offers[0].reasons) - offers[0].score) < 1e-4  # reasons add up to it
        True
        >>> "garden-0" in {offer.item for offer in offers}  # what was met is not offered again
        False
    """

    def __init__(self, release: Release, model: GlobalModel, rng: np.random.Generator | None = None) -> None:
        """Put the release's catalogue in order.

        Args:
            release: whose catalogue is ranked, under its parameters.
            model: the model of its federation, which reads texts.
            rng: of exploration; from the operating system when left out.
        """
        self._model = model
        self._reader = TextReader(release, model)
        self._release = self._reader.release
        self._scorer = ItemScorer(release, self._reader)
        self._z, self._roots = np.split(self._scorer.factors, [self._reader.dense_width], axis=1)
        self._index = CatalogueIndex(self._scorer.factors)
        self._chance = rng or np.random.default_rng()

    def __repr__(self) -> str:
        return f"Recommender({len(self._release.catalogue)} items)"

    @property
    def catalogue(self) -> Catalogue:
        """What is ranked."""
        return self._release.catalogue

    @property
    def concept_names(self) -> tuple[str, ...]:
        """Of the release's concepts; none without the concept view."""
        return self._release.concept_names

    @property
    def views(self) -> ItemViews:
        """What the catalogue's items are compared by."""
        return ItemViews(self._reader.content(self._reader.items), np.square(self._roots))

    @property
    def popularity(self) -> NDArray[np.float64]:
        """How often each item is chosen, float64 [items], as the release's popularity has it."""
        return np.exp(self._release.log_popularity.astype(np.float64))

    def profile(
        self,
        events: Sequence[Event] = (),
        levels: Levels | None = None,
        weighs_events: bool = True,
        notices_drift: bool = True,
    ) -> Profile:
        """The interest of a person after these events; it takes further events one by one. See `Profile`."""
        events = events_of(events)
        self._reader.read_ahead(events)
        return Profile(self._reader, events, levels, weighs_events, notices_drift)

    def read_ahead(self, events: Sequence[Event]) -> None:
        """Encode the own words of many events together, of several people even, before their profiles are made."""
        self._reader.read_ahead(events)

    def levels_for(self, events: Sequence[Event]) -> Levels:
        """How much words, sentences and history should count for this person.

        What the release says, unless the person's own latest events, each predicted from those before it, clearly say
        otherwise.

        Clearly: two nats of log-likelihood over all of them, so that a short or an ordinary log keeps the release's.
        """
        return own_levels(events_of(events), self._reader, self._scorer)

    def interest(self, person: Person, context: Context = ()) -> Interest:
        """The interest vector of a profile, or after events."""
        return self._profile(person).interest(context)

    def scores(
        self, person: Person, wishes: RecommendOptions = _PLAIN, controls: Controls | None = None, context: Context = ()
    ) -> F32Vector:
        """Score of every catalogue item, float32 [items]; wishes that leave items out do not enter."""
        question = self._ask(self._profile(person), wishes, controls, context)
        return self._index.score(np.arange(len(self.catalogue)), question.query, question.prior)

    def recommend(
        self,
        person: Person,
        count: int,
        wishes: RecommendOptions = _PLAIN,
        controls: Controls | None = None,
        context: Context = (),
        now_seconds: float | None = None,
    ) -> list[Recommendation]:
        """The best `count` items, each with its reasons; none that the person has met unless the wishes say so.

        Args:
            person: their profile, or their events, oldest first.
            count: items wanted, at least 1.
            wishes: how the list is to be, such as how fresh or how varied.
            controls: which concepts the person muted or boosted; none when left out.
            context: of the moment, such as (("hour", "08"),); nothing is fine.
            now_seconds: since 1970 UTC, for freshness; the clock's when left out.

        Raises:
            Misconfigured: `count` is no whole number of at least one, or another argument is not of its type.
        """
        count, context = whole_number("count", count, 1), context_pairs(context)
        profile = self._profile(person)
        question = self._ask(profile, wishes, controls, context, now_seconds)
        pool = candidates_for(count, wishes)
        best = self._index.best(question.query, pool, question.prior, self._allowed(profile, wishes))
        views = self._reader.items[best.rows]
        shares = views[:, self._reader.dense_width :]
        among = Candidates(best.scores, self._reader.content(views), shares, question.interest.concepts)
        places = rerank(among, count, wishes, self._chance)
        rows = best.rows[[place.candidate for place in places]]
        reasons = self._reasons(rows, question, profile, profile.attribute(context))
        return [
            Recommendation(
                int(row),
                self._release.catalogue[int(row)].id,
                float(best.scores[place.candidate]),
                why,
                place.propensity,
            )
            for row, place, why in zip(rows, places, reasons, strict=True)
        ]

    def rank_text(self, words: str, count: int) -> list[Recommendation]:
        """What suits a sentence somebody just typed, whoever they are."""
        return self.recommend(self.profile([_typed(words)]), count)

    def score_texts(self, person: Person, texts: Sequence[str]) -> F32Vector:
        """Scores float32 of texts that are no items yet, as if they had average popularity and no companions."""
        question = self._ask(self._profile(person), _PLAIN, None)
        with self._model.at(self._release.vector):
            x = self._release.whitening.apply(self._model.encoder.embed(list(texts)))
        with torch.no_grad():
            parts = [part for part in self._reader.heads.view(torch.from_numpy(x)) if part is not None]
            prior = self._reader.heads.prior(torch.from_numpy(x)).numpy()
        views = torch.cat(parts, -1).numpy()
        k = self._reader.dense_width
        factors = np.concatenate([views[:, :k], np.sqrt(views[:, k:])], 1)
        return np.asarray(factors @ question.query + prior, np.float32)

    def explain(
        self, profile: Profile, item: str, wishes: RecommendOptions = _PLAIN, controls: Controls | None = None
    ) -> tuple[Recommendation, int, F32Vector]:
        """One item as `recommend` weighs it, its rank, and what each of the profile's events adds to its score.

        The person may have met the item. The rank, from 1, is among what is offered and itself; what the events add is
        float32 [events].

        Raises:
            Misconfigured: the catalogue has no such item.
        """
        row = self._release.catalogue.row(item)
        question, carried = self._ask(profile, wishes, controls), profile.attribute()
        allowed = self._allowed(profile, wishes)
        allowed[row] = True
        scores = self._index.score(np.arange(len(self.catalogue)), question.query, question.prior)
        parts = np.zeros(len(profile.events), np.float32)
        if carried is not None:
            parts = question.dense_scale * (carried.events @ self._z[row])
        if question.company is not None:
            parts = np.asarray(parts + question.company.because(row), np.float32)
        [reasons] = self._reasons(np.array([row]), question, profile, carried)
        return Recommendation(row, item, float(scores[row]), reasons), rank_of(scores, row, allowed), parts

    def controls(self, kept: str = "[]") -> Controls | None:
        """What `Controls.to_json` kept, under this release; None without the concept view.

        Raises:
            Corrupt: it is something else.
        """
        if "concepts" not in self._reader.heads.views:
            return None
        centres = self._reader.heads.concepts.weight.detach().numpy().copy()
        return Controls.from_json(self._release.concept_names, centres, kept)

    def without(
        self,
        events: Sequence[Event],
        item: str,
        wishes: RecommendOptions = _PLAIN,
        top: int = 10,
        controls: Controls | None = None,
        levels: Levels | None = None,
    ) -> Counterfactual:
        """The fewest events, three at most, without which an item would leave the best `top`; and its rank then.

        Events are taken in the order of what they add to the item's score; each time the rest is ranked anew.
        """
        row = self._release.catalogue.row(item)
        profile = self.profile(events, levels)
        _, _, parts = self.explain(profile, item, wishes, controls)
        newest_first = np.argsort(-parts[::-1], kind="stable")
        order = [profile.events[len(parts) - 1 - place] for place in newest_first]
        gone: list[Event] = []
        rank = self._rank(profile, row, wishes, controls, profile)
        for event in order[:3]:
            gone.append(event)
            left = [kept for kept in events if not any(kept is other for other in gone)]
            rank = self._rank(self.profile(left, levels), row, wishes, controls, profile)
            if rank > top:
                break
        return Counterfactual(tuple(gone), rank)

    def _rank(
        self, profile: Profile, row: int, wishes: RecommendOptions, controls: Controls | None, met: Profile
    ) -> int:
        scores = self.scores(profile, wishes, controls)
        allowed = self._allowed(met, wishes)
        allowed[row] = True
        return rank_of(scores, row, allowed)

    def _profile(self, person: Person) -> Profile:
        return person if isinstance(person, Profile) else self.profile(person)

    def _allowed(self, profile: Profile, wishes: RecommendOptions) -> NDArray[np.bool_]:
        catalogue = self._release.catalogue
        allowed = wishes.allowed(catalogue).copy()
        if not wishes.include_met:
            allowed[[catalogue.row(item) for item in profile.met if item in catalogue]] = False
        return allowed

    def _ask(
        self,
        profile: Profile,
        wishes: RecommendOptions,
        controls: Controls | None,
        context: Context = (),
        now_seconds: float | None = None,
    ) -> Query:
        check_wishes(wishes, controls)
        now = time.time() if now_seconds is None else now_seconds
        past = Past.of(profile.weights(), [self._reader.row(event) for event in profile.events])
        return self._scorer.query(profile.interest(context), wishes, controls, context, now, past)

    def _reasons(
        self, rows: NDArray[np.int64], question: Query, profile: Profile, carried: Attribution | None
    ) -> list[tuple[Reason, ...]]:
        """Of each of some items, strongest first."""
        z, concepts = question.dense_scale * self._z[rows], self._release.concept_names
        names = [event.item or "own words" for event in profile.events]
        nothing: NDArray[np.floating] = np.zeros((len(rows), 0))
        events = shares = nothing
        course = nothing.sum(1)
        if carried is not None and question.dense_scale:
            events, course = z @ carried.events.T, z @ carried.course
        if question.lead is not None and question.concept_scale:
            shares = question.concept_scale * question.lead * self._roots[rows]
        every = []
        for place, row in enumerate(rows):
            reasons = [
                Reason(kind, "", float(values[row]))  # type: ignore[arg-type]  # the keys are kinds
                for kind, values in question.addends.items()
                if kind == "text" or values[row]
            ]
            parts = events[place].tolist()
            reasons += map(Reason, repeat("event", len(parts)), names, parts)  # type: ignore[arg-type]
            if question.company is not None:
                parts = question.company.because(int(row)).tolist()
                reasons += [Reason("companion", name, part) for name, part in zip(names, parts, strict=True) if part]
            if course[place]:
                reasons.append(Reason("course", "", float(course[place])))
            known = question.interest.concepts is not None and question.interest.concepts.any()
            if not known and shares[place].any():  # what the release leads anybody to is no interest of the person's
                reasons.append(Reason("everybody", "", float(shares[place].sum())))
            for concept in np.flatnonzero(shares[place]) if known else ():
                reasons.append(Reason("concept", concepts[concept], float(shares[place, concept])))
            every.append(tuple(sorted(reasons, key=attrgetter("part"), reverse=True)))
        return every


def _typed(words: str) -> Event:
    return Event(0.0, EventKind.SEARCH, text=words)
