"""The sums of a training as files: what is recorded of a cohort is its sum, and nothing of any one device.

A sum that was recorded is never asked for twice: a device answers each round once, so after a crash between a sum and
its checkpoint there would be no second one. And whoever has the sums can tell whether a release is what came of them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from server.aggregation.aggregator import Aggregator, CohortCounts, SumRequest, SumResult
from server.aggregation.cohort import CohortMember
from server.aggregation.exchange import Clock
from server.logs import log_line
from shared.errors import Corrupt
from shared.files import write_atomically
from shared.secure_sum import RoundConfiguration
from shared.tasks import Task

_FORMAT = "hushrec-sum/1"


@dataclass(frozen=True, slots=True)
class RecordedSum:
    """One sum over a cohort.

    Attributes:
        task, round_number: what it was for.
        question: see `request_digest`.
        configuration: digest of the configuration that devices signed, in hexadecimal.
        federation: digest of the terms that it was asked under, in hexadecimal.
        total: float64 [length].
        tally: what became of the cohort.
        noise_variance: of one coordinate of the total.
    """

    task: Task
    round_number: int
    question: str
    configuration: str
    federation: str
    total: NDArray[np.float64]
    tally: CohortCounts
    noise_variance: float

    @property
    def result(self) -> SumResult:
        """As the aggregator gave it."""
        return SumResult(self.total, self.tally, self.noise_variance)


def request_digest(configuration: RoundConfiguration, parameters: bytes) -> str:
    """What a cohort was asked: the configuration with the parameters alone for its subject, in hexadecimal.

    A release that came meanwhile, with more items say, does not make a sum over the same parameters another one.

    Args:
        configuration: of the private sum.
        parameters: float32, little-endian, as they were sent; empty for a count.
    """
    bare = replace(configuration, model_hash=hashlib.sha256(parameters).digest(), registry_hash=bytes(32))
    return bare.digest().hex()


class RecordingAggregator:
    """An aggregator that keeps every sum of another one in a folder, and answers from there what it has."""

    def __init__(self, aggregator: Aggregator, folder: Path) -> None:
        self._aggregator, self._folder = aggregator, folder
        self._asked: Counter[tuple[Task, int]] = Counter()

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`.

        Raises:
            Corrupt: the sum on disk is damaged.
            Misconfigured: it cannot be written.
        """
        self._asked[request.task, request.round_number] += 1
        cohort_number = self._asked[request.task, request.round_number]
        path = self._folder / sum_file_name(request.task, request.round_number, cohort_number)
        configuration = request.terms.configuration
        question = request_digest(configuration, _parameters(request))
        if path.exists():
            recorded = read_sum(path)
            if recorded.question == question:
                log_line("sum-recorded-before", task=request.task, round=request.round_number)
                return recorded.result
            path.unlink()
        result = self._aggregator.sum(grid, cohort, request, clock)
        if result.total is not None:
            recorded = RecordedSum(
                request.task,
                request.round_number,
                question,
                configuration.digest().hex(),
                request.federation,
                result.total,
                result.tally,
                result.noise_variance,
            )
            save_sum(path, recorded)
        return result


def sum_file_name(task: Task, round_number: int, cohort_number: int = 1) -> str:
    """Where a sum lies in its folder; a round has several cohorts only where there are more devices than one holds."""
    several = "" if cohort_number == 1 else f"-{cohort_number}"
    return f"{task}-{round_number}{several}.safetensors"


def save_sum(path: Path, recorded: RecordedSum) -> None:
    """Write a sum.

    Raises:
        Misconfigured: it cannot be written.
    """
    content = {
        "task": recorded.task,
        "round": recorded.round_number,
        "question": recorded.question,
        "configuration": recorded.configuration,
        "federation": recorded.federation,
        "tally": asdict(recorded.tally) | {"failed": {str(code): n for code, n in recorded.tally.failed.items()}},
        "noise_variance": recorded.noise_variance,
    }
    text = json.dumps(content, sort_keys=True)
    metadata = {"format": _FORMAT, "sum": text, "sha256": _digest(recorded.total, text)}
    write_atomically(path, save_tensors({"total": recorded.total}, metadata=metadata))


def read_sum(path: Path) -> RecordedSum:
    """Read what `save_sum` wrote.

    Raises:
        Corrupt: it is missing, damaged or no sum.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            total: NDArray[Any] = file.get_tensor("total")
        if metadata["format"] != _FORMAT or metadata["sha256"] != _digest(total, metadata["sum"]):
            raise ValueError("its digest does not fit its content")
        if total.ndim != 1 or total.dtype != np.float64:
            raise ValueError(f"it has shape {total.shape} and type {total.dtype}")
        content = json.loads(metadata["sum"])
        tally = content["tally"]
        failed = {int(code): int(count) for code, count in tally["failed"].items()}
        return RecordedSum(
            content["task"],
            content["round"],
            content["question"],
            content["configuration"],
            content["federation"],
            total,
            CohortCounts(**{**tally, "failed": failed}),
            float(content["noise_variance"]),
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(
            f"{path}: expected the sum of a round, got something else ({error}); restore it from a copy, or remove it "
            "and have the round asked again"
        ) from None


def _parameters(request: SumRequest) -> bytes:
    model = request.content.get("model")
    return model["vector"].numpy().tobytes() if isinstance(model, ArrayRecord) else b""


def _digest(total: NDArray[Any], text: str) -> str:
    digest = hashlib.sha256(f"{total.dtype} {total.shape}\0{text}\0".encode())
    digest.update(np.ascontiguousarray(total).data)
    return digest.hexdigest()
