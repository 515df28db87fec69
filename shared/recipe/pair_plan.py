"""Of how many items a device counts pairs, and from how many people on these stand out of a promise's noise."""

import math

from shared.charges import user_charge
from shared.federation import FederationFile
from shared.pair_cells import CLEAR_DEVIATIONS, PairCells
from shared.privacy import Cohort
from shared.tasks import TASK_ROWS

FEWEST_PEOPLE = 800  # of fewer, pairs add more chance than they tell
_SHORT_LOG = 16  # events
_NEAREST_SHARE = 0.1  # of the people who chose an item, those who chose its nearest companion among the same eight


def pairs_of(events: int) -> int:
    """Newest items of a device whose pairs are worth counting, where no noise hides them.

    Args:
        events: of a usual person's log.
    """
    return 8 if events <= _SHORT_LOG else 32


def people_for_pairs(federation: FederationFile, items: int, events: int) -> int | None:
    """From how many people on pairs of items stand out of the noise that a user-level promise asks for.

    An item is chosen by n / items of P people, where each counts the pairs of n items, and of those who chose it one in
    ten chose its nearest companion too (measured: 8 to 14 % in half of the items that 50 or more chose, on 48,000
    people's games; more on films, with their longer histories). That pair, P n / (10 items) people, is what a table of
    companions needs at the least. Its cell must reach five deviations of its noise (see `PairCells.read`). The noise
    of a cohort of M members has, in units of a pair, the deviation

        s = sqrt(pair cells) C / sqrt(2 rho) sqrt(M / h)

    with h honest survivors, C^2 = items_per_device + the pairs a device may count, and the count's rho. P people are
    P / M cohorts, each with a noise of its own, so that s grows with sqrt(P / M) and pairs with P:

        P = (5 s 10 items / n)^2 / M

    Args:
        federation: the terms; where they count no pairs, those of `pairs_of` are taken.
        items: in the catalogue.
        events: of a usual person's log.

    Returns:
        people; None where counts have no share of a budget of a user-level promise.
    """
    charge = user_charge(federation, "statistics") if federation.privacy.share("statistics") else None
    if charge is None:
        return None
    counted, total = federation.statistics, federation.sum
    if not counted.pairs:
        counted = counted.model_copy(update={"pairs_of": pairs_of(events)})
    members = total.maximum_cohort
    cohort = Cohort(members, total.corrupt_share, total.dropout_share, federation.round.minimum_answers)
    clip_norm = TASK_ROWS["statistics"].clip_norm(federation.model_copy(update={"statistics": counted}))
    noise = clip_norm / math.sqrt(2 * charge.rho)
    noise *= math.sqrt(PairCells(items).per_pair * members / cohort.honest_survivors)
    needed = CLEAR_DEVIATIONS * noise * items / min(counted.pairs_of, events) / _NEAREST_SHARE
    return math.ceil(max(needed**2 / members, members))
