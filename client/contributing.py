"""What a device adds to a sum, computed from its log; zeros, where it can compute nothing.

The server sees whether a device answers, with what kind of message, and how soon. If any of that depended on the log, a
server that chooses catalogues and models could read the log from it, outside the sum and without a charge. So nothing
that goes wrong here gets out: the answer is then the zero vector, which is what user-level privacy compares every
person with, and it is charged and noised like any other. How long the work takes does not get out either: whoever runs
it for a person's device hands its outcome on at a moment that the round fixes (`client.supernode.slot`).
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from client.counting import count_met
from client.evaluation import measure
from client.loaded_release import LoadedRelease
from client.randomness import Randomness
from client.recommender import Recommender
from client.secagg import Contribution, RoundRequest
from shared.behaviour import BehaviourLog, positive_events
from shared.errors import kind_and_place
from shared.model import Vector
from shared.privacy import with_indicator
from shared.release import candidate_release

Observe = Callable[[RoundRequest, str | None], None]
Run = Callable[[Callable[[], Contribution], float], Contribution | None]

_LOGGER = logging.getLogger(__name__)


def run_at_once(work: Callable[[], Contribution], seconds: float) -> Contribution:
    """Do the work here, however long it takes: for simulated devices."""
    return work()


def log_failure(request: RoundRequest, failure: str | None) -> None:
    """Tell the device's own log why it could compute nothing, in words that hold nothing of the person's."""
    if failure is not None:
        _LOGGER.warning("round %d of %s: zeros were sent: %s", request.number, request.task, failure)


class Contributor:
    """Makes the contributions of one device. It never raises for a reason that lies in the log."""

    def __init__(
        self,
        log: BehaviourLog,
        randomness: Callable[[int], Randomness],
        observe: Observe = log_failure,
        run: Run = run_at_once,
    ) -> None:
        """Put a contributor together.

        Args:
            log: what the person did; read when a contribution is made.
            randomness: the chance of one round.
            observe: hears of every contribution: None, or the kind and the place of what went wrong. It must keep that
                on the device. It is a part of the work, since how long it takes depends on the log too.
            run: does the work and gives its outcome after the seconds that the round grants, or None where there is
                none by then.
        """
        self._log, self._randomness, self._observe, self._run = log, randomness, observe, run

    def __repr__(self) -> str:
        return "Contributor()"

    def contribution(
        self, request: RoundRequest, installed: LoadedRelease, vector: Vector, dimension: int, clip_norm: float
    ) -> Contribution:
        """What the log comes to under a request that was found to be in order.

        Args:
            request: the round: its task, number and the groups to train.
            installed: the release that the round names, loaded.
            vector: float32 [d_total], parameters to train from or to rank with; not looked at by `statistics`.
            dimension: numbers in the summand; one more than the task's own, where devices tell on which side of the
                clipping norm they were.
            clip_norm: of the sum.
        """
        nothing = Contribution(np.zeros(dimension, np.float32))

        def work() -> Contribution:
            made, failure = nothing, None
            try:
                computed = self._computed(request, installed, vector)
                if dimension > len(computed.vector):
                    share = installed.release.federation.clipping.indicator_share
                    signed = with_indicator(computed.vector, clip_norm, share).astype(np.float32)
                    computed = replace(computed, vector=signed)
                computed.check(dimension)
                made = computed
            except Exception as error:
                failure = kind_and_place(error)
            self._observe(request, failure)
            return made

        return self._run(work, installed.release.federation.round.answer_seconds_of(request.task)) or nothing

    def _computed(self, request: RoundRequest, installed: LoadedRelease, vector: Vector) -> Contribution:
        release = installed.release
        events = positive_events(self._log.events())
        if request.task == "statistics":
            met = (event.item for event in events)
            rows = [release.catalogue.row(item) for item in met if item is not None and item in release.catalogue]
            return Contribution(count_met(release, rows).dense())
        rng = self._randomness(request.number)
        if request.task == "evaluation":
            figures = measure(
                _recommender(installed, vector.tobytes()),
                release.catalogue,
                events,
                self._log.held_out(),
                release.federation.evaluation.negatives,
                rng.numpy("evaluation"),
            )
            return Contribution(figures)
        return Contribution(installed.training.update(release, vector, request.groups, events, rng))


@lru_cache(maxsize=1)
def _recommender(installed: LoadedRelease, vector: bytes) -> Recommender:
    """The ranking under a round's parameters; the devices of a simulation share it."""
    parameters = np.frombuffer(vector, np.float32).copy()
    return Recommender(candidate_release(installed.release, installed.model, parameters), installed.model)
