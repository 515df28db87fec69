"""One person's interest, kept up to date event by event under one release. It never leaves the device in any form.

    w_j = evidence_j * age_j^-gamma,   p = norm(sum over levels of lambda_l p_l),   q likewise

To the sentence level the release's evolution adds what the course of the events says beyond their sum.
A new event costs one look at its text and work that does not grow with the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from client.interest.coherence import Coherence
from client.interest.concept_profile import estimate_profile, uncertainty
from client.interest.evidence import KIND_WEIGHTS, EventWeigher, bounced, drift, kept_share
from client.interest.exponential_sum import Decay, ExponentialSum
from client.interest.reader import TextReader
from client.interest.settings import SETTINGS
from client.interest.types import Attribution, Interest, Levels
from shared.arrays import F32Vector, F64Array, FloatingArray
from shared.behaviour import Event, seconds_between
from shared.model import Context, HourPoint, hour_point, hour_similarity

FRESH = 16  # newest events whose evidence may still change with what follows
RECENT = 8  # of these, the ones that tell where interest is now
_ROUNDING = 1e-9  # of weighted sums
_UNITS_ROUNDING = 1e-6  # of sums of the levels' unit vectors, which are float32


@dataclass(frozen=True, slots=True, repr=False)
class _Sums:
    """The weighted sums that interest is made of, float64 [F] each, and the weights behind the first two.

    `course` is the part of `sentences` that no single event adds.
    """

    sentences: FloatingArray
    words: FloatingArray
    ever: FloatingArray
    session: FloatingArray
    course: FloatingArray
    shift: F32Vector | None
    drift: float
    kept: float


@dataclass(slots=True, repr=False)
class _Kept:
    """An event with what its text means: `views` of the sentence and of its words side by side.

    `base` is its evidence by what came before it; `support` and `bounce` say what came after makes of it.
    """

    event: Event
    views: FloatingArray
    base: float
    ages: bool
    session: int
    support: Coherence | None
    hour: HourPoint
    bounce: float = 1.0

    @property
    def evidence(self) -> float:
        return self.base * self.bounce * (self.support.factor if self.support else 1.0)


class Profile:
    """The state of one person's interest. A rebuild from the same events gives the same state."""

    def __init__(
        self,
        reader: TextReader,
        events: Sequence[Event] = (),
        levels: Levels | None = None,
        weighs_events: bool = True,
        notices_drift: bool = True,
    ) -> None:
        """Take in a history.

        Args:
            reader: of the release that the history is read under.
            events: oldest first.
            levels: the release's when left out; may be changed later; without a word level the words of events are
                not read.
            weighs_events: off, every event that shows interest counts the same: for studies.
            notices_drift: off, memory is never shortened: for studies.
        """
        self._reader, self.levels = reader, levels or reader.levels
        self._weighs_events, self._notices_drift = weighs_events, notices_drift
        self._decay = Decay.power(reader.gamma)
        self._kept: list[_Kept] = []
        self._watch = EventWeigher()
        # What is no longer fresh, as it is and weighted by the two coordinates of its hour.
        self._older = ExponentialSum(self._decay, 6 * reader.width)
        self._ever = np.zeros(reader.width)
        self._session = np.zeros(reader.width)
        self._sessions = 0
        self._course = reader.course.start()  # after what is no longer fresh
        for event in events:
            self.add(event)

    def __repr__(self) -> str:
        return f"Profile({len(self._kept)} events)"

    @property
    def events(self) -> tuple[Event, ...]:
        """The events it is made of, oldest first: those that the catalogue or the person's own words explain."""
        return tuple(kept.event for kept in self._kept)

    @property
    def met(self) -> frozenset[str]:
        """Ids of the items of all events, those turned away from included."""
        return frozenset(kept.event.item for kept in self._kept if kept.event.item is not None)

    def add(self, event: Event) -> None:
        """Take in the next event. One that neither the catalogue nor its own words explain changes nothing."""
        sentence = self._reader.sentence(event)
        if sentence is None:
            return
        ages = KIND_WEIGHTS[event.kind] > 0
        if self._kept and (seconds_between(self._kept[-1].event, event) or 0.0) > SETTINGS.session_gap_seconds:
            self._sessions += 1
            self._session = np.zeros_like(self._session)
        base, support = float(ages), None
        if self._weighs_events:
            base = self._watch.weigh(event)
            support = self._met_by(event, sentence) if ages else None
        words = self._reader.words(event) if self.levels.word else np.zeros_like(sentence)
        views = np.concatenate([sentence, words]).astype(np.float64)
        self._kept.append(_Kept(event, views, base, ages, self._sessions, support, hour_point(event.context)))
        if len(self._kept) > FRESH:
            settled = self._kept[-FRESH - 1]
            hours = (1.0, *settled.hour)
            self._older.take(np.concatenate([settled.evidence * hour * settled.views for hour in hours]), settled.ages)
            self._course = self._reader.course.after(self._course, self._in_course([settled]))
        told = base * views[: self._reader.width]
        self._ever += told
        self._session += told

    def _met_by(self, event: Event, sentence: F32Vector) -> Coherence:
        """The company a new event finds among the fresh ones, who take note of it too."""
        fresh = self._kept[-FRESH:]
        if fresh:
            fresh[-1].bounce = min(fresh[-1].bounce, bounced(fresh[-1].event, event))
        support = Coherence(self._reader.content(sentence), *self._reader.kinship)
        for kept in fresh:
            if kept.support is not None:
                support.compare_with(kept.support)
        return support

    def interest(self, context: Context = ()) -> Interest:
        """The interest in a context such as (("hour", "08"),), or anywhere.

        Without events it is zeros: everything then rests on what is known of everybody.
        """
        return self.interests([self.levels], context)[0]

    def interests(self, tried: Sequence[Levels], context: Context = ()) -> list[Interest]:
        """The interest under each of several weights of the levels: quicker than asking for one after the other."""
        now = hour_point(context)
        by_hour = {hour: self._sums(now, hour) for hour in {levels.hour for levels in tried}}
        parts = {hour: self._parts(sums) for hour, sums in by_hour.items()}
        mixed = np.stack([_mixed(parts[levels.hour], levels) for levels in tried])
        p, q = ([None] * len(tried) if part is None else part for part in self._reader.split(mixed))
        sums = (by_hour[levels.hour] for levels in tried)
        return [Interest(dense, shares, of.shift, of.drift) for dense, shares, of in zip(p, q, sums, strict=True)]

    def attribute(self, context: Context = ()) -> Attribution | None:
        """What each of `events` and their course add to p. None without the dense view.

        Unlike `interest`, it takes time that grows with the history.
        """
        now = hour_point(context)
        sums = self._sums(now, self.levels.hour)
        width, k = self._reader.width, self._reader.dense_width
        if not k:
            return None
        count = len(self._kept)
        weights = self._decay.weights(self._ages()) * [
            kept.evidence * _suits(kept, now, self.levels.hour) for kept in self._kept
        ]
        weights[: count - self._latest_from()] *= sums.kept
        base = np.array([kept.base for kept in self._kept])
        inside = base * [kept.session == self._sessions for kept in self._kept]
        views = np.array([kept.views for kept in self._kept]).reshape(count, 2 * width)
        z, words = views[:, :k], views[:, width : width + k]
        levels, mixed = self.levels, _length(_mixed(self._parts(sums), self.levels)[:k])
        history = _length(_unit(sums.ever[:k]) + _unit(sums.session[:k]), _UNITS_ROUNDING)
        slow = base / _length(sums.ever[:k]) + inside / _length(sums.session[:k])
        rows = (levels.sentence * weights / _length(sums.sentences[:k]) + levels.history * slow / history)[:, None] * z
        rows += (levels.word * weights / _length(sums.words[:k]))[:, None] * words
        course = levels.sentence / _length(sums.sentences[:k]) * sums.course[:k]
        return Attribution(np.asarray(rows / mixed, np.float32), np.asarray(course / mixed, np.float32))

    def weights(self) -> F64Array:
        """What each of `events` counts by its age and its evidence, float64 [events]; 0 for what was turned away from.

        Neither the hour nor a drift enters.
        """
        evidence = [max(kept.evidence, 0.0) for kept in self._kept]
        return self._decay.weights(self._ages()) * np.array(evidence)

    def mix(self) -> F32Vector | None:
        """How all that the person ever chose splits over concepts, float32 [K]: shares that sum to one, or zeros.

        The steps that everybody takes are told apart first. None without the concept view.

        What a person is told of themselves; for ranking, `interest` is better.
        """
        reader = self._reader
        if reader.dense_width == reader.width:
            return None
        chosen = [kept for kept in self._kept if kept.evidence > 0]
        leading = [int(kept.views[reader.dense_width : reader.width].argmax()) for kept in chosen]
        evidence = np.array([kept.evidence for kept in chosen])
        return np.asarray(
            estimate_profile(np.array(leading, np.int64), evidence, reader.onward, reader.common), np.float32
        )

    def spread(self, samples: int = 200) -> F32Vector | None:
        """How sure the sentence level's concept shares are: the standard deviation of each, float32 [K].

        By bootstrap over events. None without the concept view.
        """
        k, width = self._reader.dense_width, self._reader.width
        if k == width:
            return None
        if not self._kept:
            return np.zeros(width - k, np.float32)
        shares = np.array([kept.views[k:width] for kept in self._kept])
        weights = self._decay.weights(self._ages()) * [kept.evidence for kept in self._kept]
        return np.asarray(uncertainty(shares, weights, samples), np.float32)

    def _ages(self) -> NDArray[np.float64]:
        """Age rank of each event, from 1: how many that age lie after it."""
        return 1.0 + np.cumsum([0, *(kept.ages for kept in reversed(self._kept))])[:-1][::-1]

    def _latest_from(self) -> int:
        """How many of the newest events hold the latest `RECENT` that age."""
        seen = 0
        for count, kept in enumerate(reversed(self._kept[-FRESH:]), start=1):
            seen += kept.ages
            if seen == RECENT:
                return count
        return min(len(self._kept), FRESH)

    def _in_course(self, events: Sequence[_Kept]) -> FloatingArray:
        """Their sentences as evolution reads them, [events, F]."""
        width = self._reader.width
        return np.array([kept.evidence * kept.views[:width] for kept in events]).reshape(len(events), width)

    def _sums(self, now: HourPoint, hour: float) -> _Sums:
        width = self._reader.width
        fresh = self._kept[-FRESH:]
        newer = np.cumsum([0, *(kept.ages for kept in reversed(fresh))])
        evidence = [kept.evidence * _suits(kept, now, hour) for kept in fresh]
        weights = self._decay.weights(1.0 + newer[:-1][::-1]) * evidence
        views = np.array([kept.views for kept in fresh]).reshape(len(fresh), 2 * width)
        split = len(fresh) - self._latest_from()
        latest = weights[split:] @ views[split:]
        hours = np.array([1.0, hour * now[0], hour * now[1]])
        before = weights[:split] @ views[:split] + hours @ self._older.value(int(newer[-1])).reshape(3, -1)
        content = self._reader.content
        moved = drift(*content(self._levels(np.stack([latest[:width], before[:width]]))))
        kept = kept_share(moved) if self._notices_drift else 1.0
        both = latest + kept * before
        course, state = np.zeros(width), self._reader.course.after(self._course, self._in_course(fresh))
        if (added := self._reader.course.dense(state)) is not None:
            course[: len(added)] = added
        shift = self._reader.course.shift(state)
        sentences = both[:width] + course
        return _Sums(sentences, both[width:], self._ever, self._session, course, shift, moved, kept)

    def _parts(self, sums: _Sums) -> FloatingArray:
        """The interests of the word, sentence and history level, each of length one: float64 [3, F]."""
        words, sentences, ever, session = self._levels(np.stack([sums.words, sums.sentences, sums.ever, sums.session]))
        return np.stack([words, sentences, self._levels(_cancelled(ever + session, _UNITS_ROUNDING))])

    def _levels(self, sums: FloatingArray) -> FloatingArray:
        """(p, q) side by side of each of several sums [..., F]."""
        parts = [part for part in self._reader.split(_cancelled(sums)) if part is not None]
        return np.concatenate(parts, -1).astype(np.float64)


def _mixed(parts: FloatingArray, levels: Levels) -> FloatingArray:
    """The levels' interests [3, F] by their weights: [F]."""
    return _cancelled(np.array([levels.word, levels.sentence, levels.history]) @ parts, _UNITS_ROUNDING)


def _suits(kept: _Kept, now: HourPoint, hour: float) -> float:
    """What an event counts at this hour of the day."""
    return 1.0 + hour * hour_similarity(kept.hour, now)


def _cancelled(sums: FloatingArray, rounding: float = _ROUNDING) -> FloatingArray:
    """What was turned away from as much as it was chosen leaves nothing, and not the direction of a rounding error."""
    return np.where(np.abs(sums) < rounding, 0.0, sums)


def _length(sums: FloatingArray, rounding: float = _ROUNDING) -> float:
    """Of a sum; without end where it is nothing, so that nothing is made of it."""
    return float(np.linalg.norm(_cancelled(sums, rounding))) or np.inf


def _unit(vector: FloatingArray) -> FloatingArray:
    return vector / _length(vector)
