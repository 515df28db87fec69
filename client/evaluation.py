"""How well the device would have ranked what its person did next: the only thing ever said about that, inside a sum."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.recommender import Recommender
from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.errors import NotYet
from shared.metrics import standing
from shared.terms import METRICS

_CUT = 10


def measure(
    recommender: Recommender,
    catalogue: Catalogue,
    events: Sequence[Event],
    held_out: Sequence[Event],
    negatives: int,
    coins: np.random.Generator,
) -> NDArray[np.float32]:
    """Metrics of the newest held-out item among catalogue items never met, each less one half.

    Centred, their norm is at most sqrt(4) / 2 = 1, half of what it would be otherwise: so much less noise hides them.

    Args:
        events: what the device learnt from, oldest first.
        held_out: what it kept out of training.

    Returns:
        float32 [4], in the order of `METRICS`.

    Raises:
        NotYet: nothing held out, or nothing before it.
    """
    wanted = [event.item for event in held_out if event.item is not None and event.item in catalogue]
    if not wanted or not events:
        raise NotYet("evaluation: expected a held-out item and events before it, got too few")
    target = catalogue.row(wanted[-1])
    met = {catalogue.row(e.item) for e in (*events, *held_out) if e.item is not None and e.item in catalogue}
    unmet = np.setdiff1d(np.arange(len(catalogue)), np.fromiter(met, np.int64))
    if not len(unmet):
        raise NotYet("evaluation: expected catalogue items the person has not met, got none")
    drawn = coins.choice(unmet, min(negatives, len(unmet)), replace=False)
    scores = recommender.scores(events)
    stands = standing(scores[[target]], scores[drawn][None, :], np.ones((1, len(drawn)), bool))
    figures = {
        "hr@10": stands.hit_rate(_CUT),
        "ndcg@10": stands.ndcg(_CUT),
        "mrr": stands.reciprocal_rank(),
        "auc": stands.auc(),
    }
    return np.array([figures[name][0] - 0.5 for name in METRICS], np.float32)
