"""Where a training stands, as one file that is there whole or not at all. It holds nothing about any one device."""

import hashlib
import json
import struct
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from server.training.keeping import Kept
from server.training.optimizer import OptimizerState
from server.training.round import RoundReport, TrainingState
from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from shared.item_statistics import ItemStatistics
from shared.pair_cells import PairCounts

_FORMAT = "hushrec-checkpoint/2"


@dataclass(frozen=True, slots=True)
class TrainingId:
    """Which training a checkpoint belongs to.

    Attributes:
        federation: digest of the federation file.
        release: digest of the release it starts from.
        seed: of the cohorts.
        dimension: length d of the parameter vector.
    """

    federation: str
    release: str
    seed: int
    dimension: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything a training needs to go on bit for bit.

    Attributes:
        identity: which training.
        state: vector and optimiser after the rounds done.
        reports: of all rounds done, the count included.
        counted: the count was tried, whether or not it gave a sum.
        statistics: of the items, or None where there was no sum.
        kept: what evaluations have said; None before the first.
    """

    identity: TrainingId
    state: TrainingState
    reports: tuple[RoundReport, ...] = ()
    counted: bool = False
    statistics: ItemStatistics | None = None
    kept: Kept | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint in place of the one before it.

    Raises:
        Misconfigured: the file cannot be written; the one before it then still stands.
    """
    state = checkpoint.state
    tensors: dict[str, NDArray[Any]] = {"vector": state.vector, "momentum": state.optimizer.momentum}
    counted = checkpoint.statistics
    if counted is not None:
        tensors |= {"counts": counted.counts, "pairs": counted.pairs.pairs, "pair_counts": counted.pairs.counts}
    kept = checkpoint.kept
    if kept is not None:
        tensors["kept"] = kept.vector
    identity = checkpoint.identity
    content = {
        "federation": identity.federation,
        "release": identity.release,
        "seed": identity.seed,
        "round": state.round_number,
        "clip_norm": state.clip_norm,
        "second_moment": dict(state.optimizer.second_moment),
        "steps": dict(state.optimizer.steps),
        "reports": [report.to_json() for report in checkpoint.reports],
        "counted": checkpoint.counted,
        "counts_noise": 0.0 if counted is None else counted.noise,
        "kept": None if kept is None else [kept.round_number, kept.worse, kept.best, kept.deviation],
    }
    text = json.dumps(content, sort_keys=True)
    metadata = {"format": _FORMAT, "training": text, "sha256": _digest(tensors, text)}
    write_atomically(path, save_tensors(tensors, metadata=metadata))


def load_checkpoint(path: Path, identity: TrainingId, earlier_terms: Collection[str] = ()) -> Checkpoint:
    """Read a checkpoint of the training that `identity` names.

    Args:
        path: of the file.
        identity: of the training, under the terms that count now; the checkpoint that is given back has it.
        earlier_terms: digests of federation files under which the same training went on before.

    Raises:
        Misconfigured: it belongs to another training.
        Corrupt: it is damaged, or no checkpoint.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata["format"] != _FORMAT or metadata["sha256"] != _digest(tensors, metadata["training"]):
            raise ValueError("its digest does not fit its content")
        content = json.loads(metadata["training"])
        vector, momentum = tensors["vector"], tensors["momentum"]
        found = TrainingId(content["federation"], content["release"], content["seed"], len(vector))
        optimizer = OptimizerState(momentum, content["second_moment"], content["steps"])
        reports = tuple(RoundReport.from_json(report) for report in content["reports"])
        state = TrainingState(content["round"], vector, optimizer, content["clip_norm"])
        statistics = None
        if "counts" in tensors:
            pairs = PairCounts(tensors["pairs"], tensors["pair_counts"])
            statistics = ItemStatistics(tensors["counts"], content["counts_noise"], pairs)
        kept = None if content["kept"] is None else Kept(tensors["kept"], *content["kept"])
        checkpoint = Checkpoint(found, state, reports, content["counted"], statistics, kept)
    except OSError as error:
        raise Misconfigured(f"checkpoint {path}: could not be read ({error.strerror or error})") from None
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as error:
        raise Corrupt(
            f"checkpoint {path}: expected {_FORMAT}, got a damaged file ({error}); remove it and start anew"
        ) from None
    if found.federation in earlier_terms:
        found = replace(found, federation=identity.federation)
    _check(path, found, identity)
    return replace(checkpoint, identity=identity)


def _check(path: Path, found: TrainingId, expected: TrainingId) -> None:
    for name in ("federation", "release", "seed", "dimension"):
        got, wanted = getattr(found, name), getattr(expected, name)
        if got != wanted:
            raise Misconfigured(
                f"checkpoint {path}: expected {name} {str(wanted)[:12]}, got {str(got)[:12]}; it belongs to another "
                "training: choose another folder, or the settings it was started with"
            )


def _digest(tensors: dict[str, NDArray[Any]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name} {tensor.dtype} {tensor.shape}\0".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()
