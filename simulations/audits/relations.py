"""How many independent relations about honest words a server can compute: linear algebra over masks it does not know.

A masked word is the word, the member's own mask, and plus or minus a mask for each neighbour. A sum of masked words
tells something of the words alone where all unknown masks cancel out in it; the ways to choose such a sum are the
kernel of one matrix. All its entries are 0, 1 and -1 and it is that of a graph, so its kernel is the same over the
rationals and modulo 2^32, and can be read off the graph.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from shared.secure_sum import Ring


@dataclass(frozen=True, slots=True)
class View:
    """What the server and its corrupt members know when a round is over, by place.

    Attributes:
        honest: who is not corrupt.
        masking: whose envelopes were passed on, U1: masks exist between neighbours in it.
        received: honest members whose masked vectors the server has.
        own_shares: shares known of each member's own mask.
        seed_shares: shares known of the seed of each member's pair masks.
    """

    honest: NDArray[np.bool_]
    masking: NDArray[np.bool_]
    received: NDArray[np.bool_]
    own_shares: NDArray[np.int64]
    seed_shares: NDArray[np.int64]


def neighbours_of(ring: Ring) -> NDArray[np.bool_]:
    """Who is joined to whom, bool [n, n]."""
    n = len(ring.places)
    joined = np.zeros((n, n), np.bool_)
    for member in range(n):
        joined[member, list(ring.neighbours(member))] = True
    return joined


def relations(joined: NDArray[np.bool_], view: View, threshold: int) -> list[NDArray[np.bool_]]:
    """The independent sums of honest words that the server can compute, each as the members in it, bool [n].

    The kernel of the matrix of unknown masks (a row for each received vector, a column for each unknown mask) has a
    basis of sums over whole components: members joined by unknown pair masks, none of which holds an unknown mask that
    is in no other received vector.
    """
    # A pair mask is known through the seed of either of the two.
    hidden = view.honest & view.masking & (view.seed_shares < threshold)
    pairs = joined & np.outer(hidden, hidden)
    between = pairs & np.outer(view.received, view.received)
    alone = (view.own_shares < threshold) | (pairs & ~view.received).any(1)
    count, component = connected_components(csr_array(between), directed=False)
    found = []
    for number in range(count):
        members = component == number
        if view.received[members].all() and not alone[members].any():
            found.append(members)
    return found
