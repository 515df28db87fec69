"""One recipe for every federation: what follows from people, items, length of logs and the promise, not from the data.

Its figures were chosen on the validation parts of several data sets together. Every key can be set otherwise.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.federation import FederationFile, group_size
from shared.privacy import rho_for
from shared.recipe.group_plan import LEAST_RATIO, noise_per_number, plan_groups, signal_of
from shared.recipe.pair_plan import FEWEST_PEOPLE, pairs_of, people_for_pairs
from shared.round_parameters import window_epsilon
from shared.tasks import TASK_ROWS, Task

Overlay = dict[str, dict[str, Any]]

_ITEMS_PER_CONCEPT = 13
_FEWEST_CONCEPTS, _MOST_CONCEPTS, _MOST_CONCEPTS_OPENLY = 8, 64, 256
_NARROW, _WIDE = 64, 128  # numbers of the dense view that all axes of a text may turn into, at least and at most
_LEAST_AXES = 56  # where noise leaves fewer of the dense view, matrices teach nothing
_FEW_ROUNDS = 8  # then: spread over fewer rounds, each has less noise, and the few numbers that are left learn quickly
_FEW_AXES = 16
_DEAREST_COUNTS = 0.1  # share of the budget that so few people count by, at most
_DENSE_RATIO = 0.45  # of signal and noise of the dense view, which is made as wide as leaves it that
_OPENLY = 512  # without noise, more devices in a round teach hardly more
_CLIP = 0.001  # so short that nearly every device reaches it: then it is the direction alone that it tells
_COUNT_RATIO = 3.0  # of an item's mean count and its noise
_LEAST_COUNTED, _MOST_COUNTED = 0.05, 0.5  # share of the budget
_EVALUATED = 0.02  # share of the budget
_WINDOW_OVER_PERSON = 0.75  # of a window's epsilon and a person's, at most: nearer to it, it says nothing beyond
# Of the bound of an update, which one window moves it by at most: the first that windows' promise leaves room for.
# Fewer counts are better than the short ones, under which less is left to learn than noise covers.
_WINDOW_MOVES, _SHORT_MOVES = (0.75, 0.6, 0.5, 0.4), (0.3, 0.25, 0.2, 0.15, 0.1)
_COUNTED_PARTS = (1.0, 0.5, 0.25)
_SMALL = ("forgetting", "scales")  # a few numbers that stand out of any noise
_GROUPS = ("dense", "concepts", "transitions", "forgetting", "evolution", "gates", "context", "bias", "scales")
_LIST_GROUPS = ("forgetting", "evolution", "gates", "context", "adapters")
_ASKED_FOR = ("evolution", "gates", "context")  # trained wherever the federation file has them
_SHARES = {"dense": 1.0, "concepts": 0.5, "transitions": 0.7, "bias": 0.2, "forgetting": 0.05, "scales": 0.1}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known to whoever makes a federation, before anybody is asked.

    Attributes:
        people: devices there are.
        items: in the catalogue.
        events: of a usual person's log; an estimate will do, and only its power of two counts.
        shown_lists: whether devices know what was offered beside a choice.
    """

    people: int
    items: int
    events: int = 32
    shown_lists: bool = False


def recipe(read: Callable[[Sequence[Overlay]], FederationFile], facts: Facts, width: int) -> list[Overlay]:
    """Settings to lay over a federation file, in this order.

    Args:
        read: gives the federation file with some settings laid over it, and the caller's wishes over these.
        facts: what is known.
        width: numbers in an embedding of its encoder.

    Example:
        >>> overlays = recipe(lambda laid: read_federation(overlays=laid), Facts(people=5000, items=1000), 384)
        >>> file = read_federation(overlays=overlays)
        >>> file.training.clients_per_round, "concepts" in file.training.groups
        (4096, False)
    """
    worth = not facts.shown_lists and facts.people >= FEWEST_PEOPLE  # lists mostly show what came after the count
    overlays = _with_pairs(read, facts, width, pairs_of(facts.events) if worth else 0)
    if _noise_hides_pairs(read(overlays), facts):  # which the share of the budget decides that counts end up with
        overlays = _with_pairs(read, facts, width, 0)
    return overlays


def participations(file: FederationFile, people: int) -> dict[Task, int]:
    """Answers that a training asks of one device, by task, when all take turns.

    A device has no use for what it never spends, so the budget is spread over as many.
    """
    counts: dict[Task, int] = {}
    for task in ("update", "evaluation"):
        rounds = len(TASK_ROWS[task].rounds(file))
        asked = rounds * min(file.cohort_of(task), people) * file.round.over_selection
        counts[task] = max(1, min(math.ceil(asked / people), rounds))
    return counts


def _noise_hides_pairs(file: FederationFile, facts: Facts) -> bool:
    if file.privacy.level == "none" or not file.statistics.pairs:
        return False
    needed = people_for_pairs(file, facts.items, facts.events)  # None under noise of each device's own alone
    return needed is None or facts.people < needed


def _with_pairs(
    read: Callable[[Sequence[Overlay]], FederationFile], facts: Facts, width: int, paired: int
) -> list[Overlay]:
    """The recipe with pairs of so many items of a device counted."""
    counted = min(max(_log_length(facts), 8), 64)
    overlays: list[Overlay] = [{"statistics": {"items_per_device": counted, "pairs_of": paired}}]
    overlays.append(_base(read(overlays), facts, width))
    file = read(overlays)
    if file.privacy.level == "none":
        return [*overlays, _told(file, facts, width)]
    overlays.append({"privacy": {"participations": participations(file, facts.people)}})
    if file.privacy.user:
        overlays.append(_fitted(read(overlays), facts, width))
        overlays.append({"privacy": {"participations": participations(read(overlays), facts.people)}})
    if file.privacy.level == "both":
        overlays.append(_kept_to_windows(lambda more: read([*overlays, *more]), facts, width))
    return [*overlays, _told(read(overlays), facts, width)]


def _base(file: FederationFile, facts: Facts, width: int) -> Overlay:
    openly = not file.privacy.user
    everybody = max(2, min(facts.people, _OPENLY if openly else file.sum.maximum_cohort))
    concepts = min(_power_of_two(facts.items / _ITEMS_PER_CONCEPT), _MOST_CONCEPTS_OPENLY if openly else _MOST_CONCEPTS)
    concepts = min(max(concepts, _FEWEST_CONCEPTS), facts.items)
    length = min(max(_log_length(facts), 16), 128)
    overlay: Overlay = {
        "model": {
            "dense_width": min(_WIDE, width) if openly else width,
            "dense_trained": width,
            "concepts": concepts,
            "concept_top": min(concepts, max(8, concepts // 16)),
            "dense_scale": 4.0,
            "concept_scale": 2.0,
            "forgetting": 0.7,
        },
        "windows": {
            "events": length,
            "per_device": 2,
            "sampling_probability": 1.0,
            "negatives": max(length, 64),
            "shown": 0,
        },
        "clipping": {
            "update_norm": _CLIP,
            "window_norm": _CLIP,
            "group_shares": dict(_SHARES),
        },
        "training": {"rounds": 120 if openly else 40, "clients_per_round": everybody, "groups": list(_GROUPS)},
        "optimizer": {"learning_rate": 0.03, "final_rate": 0.1, "group_rates": {"bias": 1.0, "adapters": 0.13}},
        "evaluation": {"every_rounds": 20, "clients": min(everybody, 250)},
        "privacy": {"shares": {"statistics": _count_share(file, facts), "evaluation": _EVALUATED}},
    }
    if facts.shown_lists:
        # What was chosen out of a list tells more than what was chosen next: the latter undoes the start of the heads.
        # So the views stay what the catalogue gives, in full; what learns is the encoder, in few rounds. What is shown
        # is fresh mostly, and has no count yet: counts say what negatives are drawn by, and nothing more.
        overlay["model"] |= {
            "dense_width": width,
            "concepts": min(_MOST_CONCEPTS_OPENLY, facts.items),
            "concept_top": 16,
            "popularity_scale": 0.001,
        }
        overlay["windows"] |= {"shown": 8, "only_shown": True, "negative_popularity": 1.0}
        overlay["training"] |= {"rounds": 16, "groups": list(_LIST_GROUPS)}
    return overlay


def _count_share(file: FederationFile, facts: Facts) -> float:
    """As much of the budget as lets an item's mean count stand out of its noise."""
    rho = rho_for(file.privacy.spread_epsilon, file.privacy.user_delta) if file.privacy.user else math.inf
    mean = facts.people * min(_power_of_two(facts.events), file.statistics.items_per_device) / facts.items
    share = _COUNT_RATIO**2 * TASK_ROWS["statistics"].clip_norm(file) ** 2 / (1.6 * rho * mean**2)
    return round(min(max(share, _LEAST_COUNTED), _MOST_COUNTED), 3)


def _kept_to_windows(read: Callable[[Sequence[Overlay]], FederationFile], facts: Facts, width: int) -> Overlay:
    """How far a window may move an update, and how much is counted, so that windows get what they are promised.

    The event level's charge follows from the user level's own noise (`shared.charges`), so it is found by trying.
    """
    counting = read([]).privacy.shares.get("statistics", 0.0)
    overlay: Overlay = {}
    before = read([]).privacy
    limit = min(before.spread_event_epsilon, _WINDOW_OVER_PERSON * before.spread_epsilon)
    usual, short = (itertools.product(_COUNTED_PARTS, moves) for moves in (_WINDOW_MOVES, _SHORT_MOVES))
    for part, moves in itertools.chain(usual, short):
        norm = round(moves * read([]).expected_windows * _CLIP, 6)
        shares = {"statistics": round(part * counting, 3), "evaluation": round(part * _EVALUATED, 3)}
        overlay = {"clipping": {"window_norm": norm}, "privacy": {"shares": shares}}
        file = read([overlay])
        trained = sum(group_size(file, group, width) for group in file.trained_groups)
        dimension = max(row.dimension(file, facts.items, trained) for row in TASK_ROWS.values())
        promised = window_epsilon(file, dimension)
        if promised is None or promised <= limit:
            break
    return overlay


def _fitted(file: FederationFile, facts: Facts, width: int) -> Overlay:
    """The dense view as wide as its noise allows, and those groups alone that stand out of theirs."""
    noise = noise_per_number(file, facts.people)

    def largest(group: str, ratio: float = LEAST_RATIO) -> float:
        """Numbers of a group that still stands out so far."""
        return (signal_of(file, group, file.trained_groups, facts.events) / (ratio * noise)) ** 2

    groups = [
        group
        for group in file.trained_groups
        if group in ("dense", *_SMALL, *_ASKED_FOR) or group_size(file, group, width) <= largest(group)
    ]
    if "dense" not in groups:
        return {"training": {"groups": groups}}
    numbers, narrow = int(largest("dense", _DENSE_RATIO)), min(_NARROW, width)
    if numbers < _LEAST_AXES**2:
        return _few_numbers(file, numbers * file.training.rounds // _FEW_ROUNDS)
    if numbers >= narrow * width:
        return {"model": {"dense_width": min(_WIDE, width, numbers // width)}, "training": {"groups": groups}}
    trained = max(narrow, math.isqrt(numbers))
    # Beyond what noise leaves room for, steps are shorter.
    rates = dict.fromkeys(("dense", "transitions"), round(min(1.0, numbers / trained**2), 2))
    return {
        "model": {"dense_trained": trained},
        "optimizer": {"group_rates": rates},
        "training": {"groups": groups},
    }


def _few_numbers(file: FederationFile, numbers: int) -> Overlay:
    """Few people: how much each view counts, how fast interest is forgotten, and a small turn of the dense view.

    Args:
        file: the terms so far.
        numbers: of the dense view that stand out of the noise of so few rounds.
    """
    groups = [group for group in file.trained_groups if group in (*_SMALL, *_ASKED_FOR)]
    overlay: Overlay = {
        "model": {},
        "training": {"groups": groups, "rounds": _FEW_ROUNDS},
        "optimizer": {"learning_rate": 0.04, "group_rates": {"scales": 60.0}},
        "evaluation": {"every_rounds": _FEW_ROUNDS},
    }
    if file.privacy.shares.get("statistics", 0.0) > _DEAREST_COUNTS:
        overlay |= {"privacy": {"shares": {"statistics": _DEAREST_COUNTS}}}
    if numbers >= _FEW_AXES**2:
        overlay["model"] |= {"dense_trained": math.isqrt(numbers)}
        overlay["training"]["groups"] = ["dense", *groups]
    return overlay


def _told(file: FederationFile, facts: Facts, width: int) -> Overlay:
    """Why each group is trained or not, for whoever reads the file."""
    rows = plan_groups(file, facts.people, width, facts.events)
    return {"training": {"reasons": {row.group: row.reason for row in rows}}}


def _log_length(facts: Facts) -> int:
    """Events of a usual log, to the power of two above."""
    return 2 ** math.ceil(math.log2(facts.events))


def _power_of_two(number: float) -> int:
    return int(2 ** round(math.log2(max(number, 1.0))))
