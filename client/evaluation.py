"""How well the device would have ranked what its person did next: the only thing ever said about that, inside a sum.

A device that has nothing to be measured on ranks all the same and throws the figures away, so that it takes as long.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.interest import Profile
from client.recommender import Recommender
from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.errors import NotYet
from shared.metrics import WORST_CALIBRATION, encode_metrics, intra_list_diversity, miscalibration, novelty, rank_result

_CUT = 10


def measure(
    recommender: Recommender,
    catalogue: Catalogue,
    events: Sequence[Event],
    held_out: Sequence[Event],
    negatives: int,
    coins: np.random.Generator,
) -> NDArray[np.float32]:
    """How well the newest held-out item stands, and how broad the ten best are.

    The item stands among catalogue items never met; the ten best are the device's own. Both are laid out as
    `shared.metrics.federated` has it.

    Args:
        recommender: scores the catalogue; its release is the one being measured.
        catalogue: public items, in which events are looked up.
        events: what the device learnt from, oldest first.
        held_out: what it kept out of training.
        negatives: items never met that the held-out one stands among; fewer where there are fewer.
        coins: draws these items.

    Returns:
        float32 [13].

    Raises:
        NotYet: no catalogue item held out, nothing before it, or no item that was never met.
    """
    wanted = [catalogue.row(event.item) for event in held_out if event.item is not None and event.item in catalogue]
    met = {catalogue.row(e.item) for e in (*events, *held_out) if e.item is not None and e.item in catalogue}
    unmet = np.setdiff1d(np.arange(len(catalogue)), np.fromiter(met, np.int64))
    measurable = bool(wanted and events and len(unmet))
    target = wanted[-1] if wanted else 0
    others = unmet if len(unmet) else np.arange(len(catalogue))
    drawn = coins.choice(others, min(negatives, len(others)), replace=False)
    profile = recommender.profile(events)
    scores = recommender.scores(profile)
    stands = rank_result(scores[[target]], scores[drawn][None, :], np.ones((1, len(drawn)), bool))
    figures = {
        "hr@10": stands.hit_rate(_CUT)[0],
        "ndcg@10": stands.ndcg(_CUT)[0],
        "mrr": stands.reciprocal_rank()[0],
        "auc": stands.auc()[0],
    }
    said = encode_metrics(figures | _breadth(recommender, profile, scores, others), len(events))
    if not measurable:
        raise NotYet("evaluation: expected a held-out item, events before it and items never met, got too few")
    return said


def _breadth(
    recommender: Recommender, profile: Profile, scores: NDArray[np.float32], unmet: NDArray[np.int64]
) -> dict[str, float]:
    best = unmet[np.argsort(-scores[unmet], kind="stable")[:_CUT]][None, :]
    views, mix = recommender.views, profile.interest().concepts
    apart = 0.0
    if mix is not None and mix.any():
        apart = float(miscalibration(views.shares[best], mix[None, :])[0])
    return {
        "intra-list diversity": min(1.0, float(intra_list_diversity(best, views.content)[0])),
        "novelty": float(novelty(best, recommender.popularity)[0]),
        "calibration": 1.0 - min(1.0, apart / WORST_CALIBRATION),
    }
