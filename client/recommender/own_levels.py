"""How much words, sentences and history should count for one person: chosen by what would have predicted their own."""

from collections.abc import Sequence

import numpy as np

from client.interest import CANDIDATES, Levels, Profile, TextReader
from client.recommender.scorer import ItemScorer
from shared.behaviour import TURNED_AWAY, Event

_PREDICTED, _FEWEST_PREDICTED = 12, 6  # own events that levels are chosen on
_CONTRASTED = 100  # catalogue items that each is contrasted with
_CLEAR_NATS = 2.0
_ALL_LEVELS = Levels(1 / 3, 1 / 3, 1 / 3)


def own_levels(events: Sequence[Event], reader: TextReader, scorer: ItemScorer) -> Levels:
    """The levels of a person's log; see `Recommender.levels_for`."""
    catalogue = reader.release.catalogue
    chosen = [place for place, event in enumerate(events) if event.item in catalogue and event.kind not in TURNED_AWAY]
    places = chosen[-_PREDICTED:]
    if len(places) < _FEWEST_PREDICTED or places[0] == 0:
        return reader.levels
    others = np.random.default_rng(len(catalogue)).integers(len(catalogue), size=_CONTRASTED)
    tried = (reader.levels, *CANDIDATES)
    likelihood = np.zeros(len(tried))
    reader.read_ahead(events[: places[0]])
    profile = Profile(reader, events[: places[0]], _ALL_LEVELS)
    for place, following in zip(places, [*places[1:], None], strict=True):
        rows = np.append(others, catalogue.row(str(events[place].item)))
        context = events[place].context
        scores = scorer.score_candidates(profile.interests(tried, context), rows, context)
        most = scores.max(1)
        likelihood += scores[:, -1] - np.log(np.exp(scores - most[:, None]).sum(1)) - most
        for event in events[place:following]:
            profile.add(event)
    best = int(likelihood.argmax())
    return tried[best] if likelihood[best] - likelihood[0] > _CLEAR_NATS else tried[0]
