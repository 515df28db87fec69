"""What a server and the largest corrupt set learn of honest members' words: one relation, their sum.

* Claim: of each private sum the server can compute the sum of the honest words in U2, and no other combination.
* Adversary: active, with B corrupt members whose places it has drawn again sixteen times. It chooses U1 and U2 within
  the rules, has the masked vectors of all members even where it calls them dropped, tells members of two U2 if it can,
  and holds every share that corrupt members got or honest ones reveal.
* Unit: the words of one honest member, against all others.
* Method: a round of twenty with the messages of real roles, and larger cohorts by the rules that roles keep (size,
  window, quorum, thresholds of `shared.secure_sum`). Known shares give known masks; the rest is linear algebra over the
  unknown ones (`relations`). The server tries nobody missing, random U1 and U2, cutting the ring at its most corrupt
  places, cutting off one member's neighbourhood, and two different U2.
* Bar: one relation where the round ends, and none where it does not; the one is the sum over U2.
* Controls: a threshold that corrupt neighbours reach; no window rule; no quorum.
* Papers: Bell et al. 2020, [Secure Single-Server Aggregation with (Poly)Logarithmic Overhead](https://eprint.iacr.org/2020/704);
  Pasquini, Francati, Ateniese 2022, [Eluding Secure Aggregation](https://arxiv.org/abs/2111.07380) for two stories.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.federation import read_federation
from shared.privacy import RandomBytes
from shared.round_parameters import derive_round_parameters
from shared.secure_sum import Ring, ShareKind, SumParameters
from simulations.audits.audit import AuditResult
from simulations.audits.cohort import PlayedCohort
from simulations.audits.relations import View, neighbours_of, relations
from simulations.audits.sums import seeded_bytes

_SESSIONS = 16  # that the server may draw until corrupt members stand well
_PLAYED = 20
_COMPLETE = 256  # largest cohort in which everybody is everybody's neighbour

Members = frozenset[int]


@dataclass(frozen=True, slots=True)
class _Sets:
    """What the server shows: U1, and a U2 to each of one or two disjoint groups of members."""

    u1: Members
    told: tuple[tuple[Members, Members], ...]  # (who is told, u2)


class _Cohort:
    """A graph with corrupt members on it, and the rules of the round."""

    def __init__(self, n: int, corrupt_ppm: int, dropout_ppm: int, chance: RandomBytes) -> None:
        self.n = n
        planned = derive_round_parameters(read_federation(), "update", 1, 1, bytes(32), bytes(32)).configuration
        self.configuration = replace(planned, corrupt_ppm=corrupt_ppm, dropout_ppm=dropout_ppm)
        self.parameters = self.configuration.for_cohort(n)
        order = np.random.default_rng(int.from_bytes(chance(8), "little")).permutation(n)
        self.corrupt: Members = frozenset(order[: self.parameters.corrupt].tolist())
        self.honest: Members = frozenset(range(n)) - self.corrupt
        sessions = [Ring(chance(32), n, self.parameters.degree) for _ in range(_SESSIONS)]
        self.ring = max(sessions, key=lambda ring: max(self._crowds(ring)))
        self.joined = neighbours_of(self.ring)
        self.chance = chance

    def _crowds(self, ring: Ring) -> list[int]:
        """Corrupt members in the stretch of the ring that begins at each place, half a degree long."""
        width = self.parameters.degree // 2
        row = self.marks(self.corrupt)[list(ring.places)].astype(np.int64)
        until = np.concatenate([[0], np.cumsum(np.concatenate([row, row[: width - 1]]))])
        crowds: list[int] = (until[width:] - until[:-width]).tolist()
        return crowds

    def allowed(self, members: Members, rules: SumParameters) -> bool:
        """Whether an honest member takes such a U1 or U2."""
        return len(members) >= rules.minimum_survivors and self.ring.window_holds(members, rules.window)

    def without(self, missing: Sequence[int], rules: SumParameters) -> Members:
        """Everybody but as many of these, from the first on, as the rules let be missing."""
        everybody = frozenset(range(self.n))
        low, high = 0, len(missing)
        while low < high:
            middle = (low + high + 1) // 2
            if self.allowed(everybody - set(missing[:middle]), rules):
                low = middle
            else:
                high = middle - 1
        return everybody - set(missing[:low])

    def strategies(self, rules: SumParameters) -> Iterator[_Sets]:
        """The sets that the server tries."""
        everybody, random = frozenset(range(self.n)), np.random.default_rng(self.n)
        yield self._one(everybody, everybody)
        for _ in range(2):
            shuffled = [member for member in random.permutation(self.n).tolist() if member in self.honest]
            dropped = sorted(everybody - self.without(shuffled, rules))
            some = frozenset(random.permutation(dropped)[: len(dropped) // 2].tolist())
            yield self._one(everybody - some, everybody - set(dropped))
        for missing in (self._two_cuts(), self._surroundings(min(self.honest))):
            u2 = self.without(missing, rules)
            yield self._one(everybody, u2)
            yield self._one(u2, u2)
        other = everybody - {max(sorted(self.honest), key=self._corrupt_neighbours().tolist().__getitem__)}
        told = sorted(self.honest & other)
        yield _Sets(everybody, ((frozenset(told[::2]), everybody), (frozenset(told[1::2]), other)))

    def _one(self, u1: Members, u2: Members) -> _Sets:
        return _Sets(u1, ((self.honest & u2, u2),))

    def _two_cuts(self) -> list[int]:
        """Honest members of two stretches of the ring, far apart, in which most are corrupt already."""
        width, crowds = self.parameters.degree // 2, self._crowds(self.ring)
        if 4 * width > self.n:
            return sorted(self.honest)
        first = int(np.argmax(crowds))
        ahead = [(first + step) % self.n for step in range(2 * width, self.n - 2 * width + 1)]
        second = max(ahead, key=lambda place: crowds[place])
        stretches = [self.ring.places[(start + step) % self.n] for start in (first, second) for step in range(width)]
        return [member for member in stretches if member in self.honest]

    def _surroundings(self, member: int) -> list[int]:
        return [other for other in self.ring.neighbours(member) if other in self.honest]

    def view(self, sets: _Sets, rules: SumParameters) -> View:
        """What the server knows once it has shown these sets."""
        u1 = self.marks(sets.u1)
        own = np.where(u1, (self.joined & self.marks(self.corrupt) & u1).sum(1), 0)
        seeds = own.copy()
        for told, u2 in sets.told:
            signed = len(told) + len(self.corrupt)
            if signed >= rules.quorum and self.allowed(u2, rules) and self.allowed(sets.u1, rules):
                revealed = self.joined[:, sorted(told)].sum(1)
                inside = self.marks(u2)
                own += np.where(inside & u1, revealed, 0)
                seeds += np.where(u1 & ~inside, revealed, 0)
        honest = self.marks(self.honest)
        return View(honest, u1, honest & u1, own, seeds)

    def marks(self, members: AbstractSet[int]) -> NDArray[np.bool_]:
        """Members as bool [n]."""
        marks = np.zeros(self.n, np.bool_)
        marks[sorted(members)] = True
        return marks

    def most_relations(self, rules: SumParameters) -> tuple[int, bool]:
        """The most that any strategy brings, and whether every single one is the sum over U2."""
        most, right = 0, True
        for sets in self.strategies(rules):
            count, sums = self.judge(self.view(sets, rules), sets, rules)
            most, right = max(most, count), right and sums
        return most, right

    def judge(self, view: View, sets: _Sets, rules: SumParameters) -> tuple[int, bool]:
        """Relations in a view, and whether they are what one story must bring: the sum over U2; or two, nothing."""
        found = relations(self.joined, view, rules.threshold)
        if len(sets.told) > 1:
            return len(found), not found
        summed = self.marks(self.honest & sets.told[0][1])
        return len(found), len(found) == 1 and bool((found[0] == summed).all())

    def most_corrupt_neighbours(self) -> int:
        """Corrupt neighbours of the honest member that has most of them."""
        return int(self._corrupt_neighbours()[sorted(self.honest)].max())

    def _corrupt_neighbours(self) -> NDArray[np.int64]:
        return (self.joined & self.marks(self.corrupt)).sum(1)


def audit_masks(seed: int, sizes: tuple[int, ...] = (100, 300, 1000)) -> AuditResult:
    """Run it, on cohorts of so many; the controls are caught from a thousand on."""
    chance = seeded_bytes(seed, "masks")
    # A tenth may be corrupt. A fifth may be missing where that is enough to cut the ring, were it not for the window.
    graphs = [_Cohort(n, 100_000, 200_000 if n > _COMPLETE else 100_000, chance) for n in (_PLAYED, *sizes)]
    found = [graph.most_relations(graph.parameters) for graph in graphs]
    played = _played(graphs[0], chance)
    largest = graphs[-1]
    rules = largest.parameters
    broken = {
        f"a threshold of {(reached := largest.most_corrupt_neighbours())}": replace(rules, threshold=reached),
        "no window rule": replace(rules, window=rules.degree // 2),
        "no quorum": replace(rules, quorum=1),
    }
    controls = {name: largest.most_relations(changed)[0] for name, changed in broken.items()}
    most = max(played[0], *(count for count, _ in found))
    said = ", ".join(f"{count} with {name}" for name, count in controls.items())
    return AuditResult(
        passes=most == 1 and played[1] and all(right for _, right in found),
        control_caught=all(count > 1 for count in controls.values()),
        statistic=float(most),
        bar=1.0,
        interval=None,
        control=float(min(controls.values())),
        sentence=f"In cohorts of {', '.join(str(graph.n) for graph in graphs)} a server with a tenth of the members "
        f"learns {most} relation of the honest words, their sum, whomever it calls missing. Controls: {said}.",
    )


def _played(graph: _Cohort, chance: RandomBytes) -> tuple[int, bool]:
    """`_Cohort.most_relations` by what real roles answer, in a round for each strategy."""
    most, right = 0, True
    vectors = np.zeros((graph.n, 1), np.float32)
    for sets in graph.strategies(graph.parameters):
        cohort = PlayedCohort(graph.configuration, vectors, graph.corrupt, chance)
        cohort.mask(sets.u1)
        cohort.agree({member: u2 for told, u2 in sets.told for member in told})
        honest = graph.marks(graph.honest)
        received = honest & graph.marks(cohort.words.keys())
        own, seeds = cohort.known(ShareKind.SELF), cohort.known(ShareKind.MASK_SEED)
        view = View(honest, graph.marks(sets.u1), received, own, seeds)
        count, sums = graph.judge(view, sets, graph.parameters)
        most, right = max(most, count), right and sums
    return most, right
