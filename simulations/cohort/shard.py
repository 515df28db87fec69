"""What a part of a cohort adds to a sum without masks, computed together. It can be asked of any process."""

import platform
import time
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from client import Contributor, Counted, LoadedRelease, RoundRequest, count_met, load_release, make_client_app
from client.secagg import encode_rows
from server.aggregation import OPEN_UNITS
from shared.charges import local_noise_over_clip
from shared.errors import Misconfigured
from shared.model import Vector
from shared.privacy import with_indicator
from shared.round_parameters import RoundParameters
from shared.tasks import TASK_ROWS
from simulations.accelerator import CPU
from simulations.cohort.counts import units_of_counts, words_of_counts
from simulations.cohort.own_words import read_own_words
from simulations.cohort.updates import CohortRound, has_closed_form
from simulations.cohort.window_columns import WindowColumns
from simulations.devices import (
    DeviceAnswer,
    DeviceQuestion,
    OpenSimulatedDevice,
    PreparedContribution,
    SeededRandomness,
    SimulatedLog,
    answer_question,
)

COLUMNS = "columns"  # folder of what the devices of a population share in memory
_WORDS_AT_ONCE = 16384


Contributions = tuple[NDArray[np.float32], list[str | None]]
"""What devices add before it is noised, float32 [n, d], and kind and place of what went wrong on each, or None."""


class RoundWork(NamedTuple):
    """What all members of a cohort are asked.

    Attributes:
        request: the round.
        vector: float32 [d_total]; None for a count.
        terms: of the round.
        members: of the private sum, from which its noise follows; 0 for a sum in the open.
        limit: largest absolute value of a number in the open.
    """

    request: RoundRequest
    vector: Vector | None
    terms: RoundParameters
    members: int
    limit: float = np.inf


class ShardSum(NamedTuple):
    """What came of some devices' work.

    Attributes:
        total: sum of the words, uint32 [d]; or in the open in units of 2^-40, int64 [d].
        failures: kind and place of what went wrong on each device; None where nothing did.
        rejected: places of devices whose numbers are beyond the limit.
    """

    total: NDArray[np.uint32] | NDArray[np.int64]
    failures: list[str | None]
    rejected: list[int]


class ShardWorker:
    """Works for any devices of one population. One lives in each process."""

    def __init__(self, home: Path, seed: int, accelerator: torch.device = CPU) -> None:
        """Take what lies in a run's work folder.

        Args:
            home: folder of `write_population`, of releases, and of the windows and words that devices share.
            seed: of all devices' chance.
            accelerator: computes what is one tensor program; what a device does by itself it does on the CPU.
        """
        self._home, self._seed, self._accelerator = home, seed, accelerator
        self._release = lru_cache(maxsize=2)(self._load_release)
        self._round: tuple[tuple[object, ...], CohortRound] | None = None

    def __repr__(self) -> str:
        return f"ShardWorker({str(self._home)!r})"

    def ready(self, mark: str) -> None:
        """Answer as soon as the process can.

        Raises:
            Misconfigured: the work folder is not the one in which a file of this name was just written.
        """
        if not (self._home / mark).exists():
            raise Misconfigured(
                f"{self._home}: expected the work folder of this run on {platform.node()}, found none or another; put "
                "--out on storage that all nodes share under one path"
            )

    def works_together(self, work: RoundWork) -> bool:
        """Whether devices' contributions to this round are computed together."""
        if work.request.task == "statistics":
            return True
        return self._has_closed_form(work, self._release(work.request.release))

    @cached_property
    def _columns(self) -> WindowColumns:
        return WindowColumns(self._home / COLUMNS)

    @cached_property
    def _own_texts(self) -> tuple[dict[str, int], NDArray[np.float32]]:
        return read_own_words(self._home / COLUMNS)

    def contributions(self, work: RoundWork, devices: Sequence[int]) -> Contributions:
        """What each device would add before it is noised, and what went wrong on which."""
        installed = self._release(work.request.release)
        together = self._together(work, installed)
        dimension = work.terms.configuration.dimension
        if work.request.task == "statistics":
            return np.stack([self._counted(work, device).dense() for device in devices]), [None] * len(devices)
        if together is None:
            made = [self._one(work, installed, device) for device in devices]
            vectors = np.stack([vector for vector, _ in made]) if made else np.zeros((0, dimension), np.float32)
            return vectors, [failure for _, failure in made]
        updates = together.updates(devices)
        vectors, failures = updates.vectors, updates.failures
        if dimension > vectors.shape[1]:
            share = installed.release.federation.clipping.indicator_share
            norm = work.terms.configuration.clip_norm
            signed = [
                np.zeros(dimension) if failure else with_indicator(vector, norm, share)
                for vector, failure in zip(vectors, failures, strict=True)
            ]
            vectors = np.stack(signed).astype(np.float32)
        for place in updates.unusual:
            vectors[place], failures[place] = self._one(work, installed, devices[place])
        return vectors, failures

    def words(
        self, work: RoundWork, devices: Sequence[int], summed: Sequence[bool], made: Contributions | None = None
    ) -> ShardSum:
        """The sum of what these devices send without masks.

        Args:
            work: the round.
            devices: that work.
            summed: whether each one's words are in the sum.
            made: their contributions, where they were computed before.
        """
        chosen = np.flatnonzero(np.asarray(summed, bool))
        if made is None and work.request.task == "statistics" and not self._open_noise(work):
            return self._counts(work, [devices[place] for place in chosen.tolist()], len(devices))
        vectors, failures = self.contributions(work, devices) if made is None else made
        if not work.members:
            return self._in_the_open(work, devices, vectors, chosen, failures)
        configuration = work.terms.configuration
        parameters = configuration.for_cohort(work.members, work.terms.local_noise_over_clip)
        total = np.zeros(configuration.dimension, np.uint32)
        rows = max(1, _WORDS_AT_ONCE // configuration.dimension)
        for start in range(0, len(chosen), rows):
            places = chosen[start : start + rows]
            chance = [self._chance(devices[place], work).bytes(f"{work.request.task} words") for place in places]
            words = encode_rows(vectors[places], configuration, parameters, chance)
            total += words.sum(0, dtype=np.uint32)
        return ShardSum(total, failures, [])

    def answers(
        self, questions: Sequence[DeviceQuestion], masks: bool, prepared: Mapping[int, PreparedContribution]
    ) -> list[DeviceAnswer]:
        """Run devices on messages, one after the other.

        Args:
            questions: to the devices.
            masks: whether devices mask at present, where the federation's sums are secure.
            prepared: contributions of theirs that were computed beforehand.
        """
        app = make_client_app(OpenSimulatedDevice(self._home, self._seed, lambda: masks, prepared))
        return [answer_question(app, question) for question in questions]

    def milliseconds(self, work: RoundWork, devices: Sequence[int]) -> list[float]:
        """How long each of these devices works for its answer without masks, computing it by itself."""
        installed = self._release(work.request.release)
        configuration, taken = work.terms.configuration, []
        for device in devices:
            started = time.perf_counter()
            vector, _ = self._one(work, installed, device)
            if work.members:
                parameters = configuration.for_cohort(work.members, work.terms.local_noise_over_clip)
                chance = self._chance(device, work).bytes(f"{work.request.task} words")
                encode_rows(vector[None], configuration, parameters, [chance])
            taken.append(1000.0 * (time.perf_counter() - started))
        return taken

    def _in_the_open(
        self,
        work: RoundWork,
        devices: Sequence[int],
        vectors: NDArray[np.float32],
        chosen: NDArray[np.int64],
        failures: list[str | None],
    ) -> ShardSum:
        total, rejected = np.zeros(vectors.shape[1], np.int64), []
        deviation = self._open_noise(work)
        for place in chosen.tolist():
            vector = vectors[place]
            if deviation:
                noise = self._chance(devices[place], work).numpy("noise").normal(0.0, deviation, len(total))
                vector = vector + noise.astype(np.float32)
            if len(vector) and not float(np.abs(vector).max()) <= work.limit:
                rejected.append(place)
            else:
                total += np.rint(vector * np.float64(OPEN_UNITS)).astype(np.int64)
        return ShardSum(total, failures, rejected)

    def _open_noise(self, work: RoundWork) -> float:
        """Standard deviation of the noise that a device adds to an answer in the open; 0 under a private sum."""
        if work.members:
            return 0.0
        federation = self._release(work.request.release).release.federation
        task, dimension = work.request.task, work.terms.configuration.dimension
        over_clip = local_noise_over_clip(federation, task, dimension, 0)
        return over_clip * TASK_ROWS[task].clip_norm(federation)

    def _counted(self, work: RoundWork, device: int) -> Counted:
        return count_met(self._release(work.request.release).release, self._columns.rows_of(device))

    def _counts(self, work: RoundWork, summed: Sequence[int], devices: int) -> ShardSum:
        """`words` of a count, of which most numbers are zero."""
        counted = (self._counted(work, device) for device in summed)
        configuration = work.terms.configuration
        nothing: list[str | None] = [None] * devices
        if not work.members:
            return ShardSum(units_of_counts(counted, configuration.dimension), nothing, [])
        parameters = configuration.for_cohort(work.members, work.terms.local_noise_over_clip)
        chance = (self._chance(device, work).bytes(f"{work.request.task} words") for device in summed)
        return ShardSum(words_of_counts(zip(counted, chance, strict=True), configuration, parameters), nothing, [])

    def _chance(self, device: int, work: RoundWork) -> SeededRandomness:
        return SeededRandomness(self._seed, device, work.request.number)

    def _one(self, work: RoundWork, installed: LoadedRelease, device: int) -> tuple[NDArray[np.float32], str | None]:
        """The contribution as the device itself makes it."""
        failures: list[str | None] = []
        contributor = Contributor(
            SimulatedLog(self._home, device),
            lambda number: SeededRandomness(self._seed, device, number),
            lambda _, failure: failures.append(failure),
        )
        configuration = work.terms.configuration
        vector = np.zeros(0, np.float32) if work.vector is None else work.vector
        dimension, norm = configuration.dimension, configuration.clip_norm
        return contributor.contribution(work.request, installed, vector, dimension, norm).vector, failures[0]

    def _has_closed_form(self, work: RoundWork, installed: LoadedRelease) -> bool:
        request, vector = work.request, work.vector
        federation = installed.release.federation
        return request.task == "update" and vector is not None and has_closed_form(federation, request.groups)

    def _together(self, work: RoundWork, installed: LoadedRelease) -> CohortRound | None:
        """The round as one tensor program, prepared once for all shards; None where it is not one."""
        request, vector = work.request, work.vector
        if vector is None or not self._has_closed_form(work, installed):
            return None
        key = (request, vector.tobytes())
        if self._round is None or self._round[0] != key:
            _, words = self._own_texts
            prepared = CohortRound(
                installed, vector, request.groups, request.number, self._columns, words, self._seed, self._accelerator
            )
            self._round = key, prepared
        return self._round[1]

    def _load_release(self, digest: str) -> LoadedRelease:
        installed = load_release(self._home / "releases" / digest)
        numbers, readings = self._own_texts
        if len(readings):
            with installed.model.at(installed.release.vector):
                installed.model.encoder.remember(numbers, readings)
        return installed
