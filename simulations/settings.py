"""Resolves a simulation's federation file: the shipped default, what suits the kind of data, the caller's wishes."""

import math
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from shared.federation import FederationFile, read_federation
from shared.tasks import TASK_ROWS
from simulations.datasets import kind_of

_LARGE_EVENTS = 300_000


def preset(kind: str, events: int, privacy: str) -> list[dict[str, Any]]:
    """What a kind and a size of data and a level of privacy change in the default; the files themselves say why.

    `KIND.toml`, and `KIND-large.toml` for data with many events, hold a table `always` and one for each level of
    privacy they know, each laid over the default; `both` goes over `user`.
    """
    overlays = []
    for name in ("default", kind, *([f"{kind}-large"] if events >= _LARGE_EVENTS else [])):
        file = resources.files("simulations.presets").joinpath(f"{name}.toml")
        if file.is_file():
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            levels = ["always", "user", "both"] if privacy == "both" else ["always", privacy]
            overlays += [content.get(level, {}) for level in levels]
    return overlays


def resolve(
    data: str,
    events: int,
    devices: int,
    federation: Path | None,
    settings: Sequence[str],
    rounds: int | None,
    clients_per_round: int | None,
    privacy: str,
    aggregation: str,
) -> FederationFile:
    """The federation file of a run over data with so many events and devices.

    Where privacy is promised, the budget is spread over as many answers as the circle of devices asks of
    each (`server.aggregation.cohort.sample_cohort`), unless the caller
    says otherwise: a device has no use for what it never spends.

    A preset applies only where the caller gives no file of their own.

    Raises:
        Misconfigured, Corrupt: see `read_federation`.
    """
    overlays = preset(kind_of(data), events, privacy) if federation is None else []
    mode = "secure" if aggregation == "checked" else aggregation
    wishes = [f"sum.mode={mode}", *settings, f"privacy.level={privacy}"]
    if rounds is not None:
        wishes.append(f"training.rounds={rounds}")
    named = read_federation(federation, wishes, overlays)
    if clients_per_round is not None:
        wishes += [
            f"training.clients_per_round={clients_per_round}",
            f"round.minimum_answers={min(named.round.minimum_answers, clients_per_round)}",
        ]
    resolved = read_federation(federation, wishes, overlays)
    if resolved.privacy.level == "none":
        return resolved
    return read_federation(federation, [*_participations(resolved, devices), *wishes], overlays)


def _participations(file: FederationFile, devices: int) -> list[str]:
    """Answers that a training asks of one device, by task."""
    training, evaluations = file.training, len(TASK_ROWS["evaluation"].rounds(file))
    asked = training.rounds * min(file.cohort_of("update"), devices)
    evaluated = evaluations * min(file.cohort_of("evaluation"), devices)
    counts = {
        "update": math.ceil(asked * file.round.over_selection / devices),
        "evaluation": math.ceil(evaluated * file.round.over_selection / devices),
    }
    most = {"update": training.rounds, "evaluation": evaluations}
    return [f"privacy.participations.{task}={max(1, min(count, most[task]))}" for task, count in counts.items()]
