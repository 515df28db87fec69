"""Resolves a simulation's federation file: the shipped default, what suits the kind of data, the caller's wishes."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from shared.federation import FederationFile, read_federation

_LARGE_EVENTS = 300_000


def preset(kind: str, events: int, privacy: str) -> list[dict[str, Any]]:
    """What a kind and a size of data and a level of privacy change in the default; the files themselves say why.

    `KIND.toml`, and `KIND-large.toml` for data with many events, hold a table `always` and one for each level of
    privacy they know, each laid over the default.
    """
    overlays = []
    for name in ("default", kind, *([f"{kind}-large"] if events >= _LARGE_EVENTS else [])):
        file = resources.files("simulations.presets").joinpath(f"{name}.toml")
        if file.is_file():
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            overlays += [content.get("always", {}), content.get(privacy, {})]
    return overlays


def resolve(
    data: str,
    events: int,
    federation: Path | None,
    settings: Sequence[str],
    rounds: int | None,
    clients_per_round: int | None,
    privacy: str,
) -> FederationFile:
    """The federation file of a run over data with so many events.

    A preset applies only where the caller gives no file of their own. Fewer or more rounds keep the share of rounds in
    which the adapters train.

    Raises:
        Misconfigured, Corrupt: see `read_federation`.
    """
    overlays = preset(data.partition(":")[0], events, privacy) if federation is None else []
    wishes = [*settings, f"privacy.level={privacy}"]
    named = read_federation(federation, wishes, overlays)
    if rounds is not None:
        share = named.training.adapter_rounds / named.training.rounds
        wishes += [f"training.rounds={rounds}", f"training.adapter_rounds={round(share * rounds)}"]
    if clients_per_round is not None:
        fewer = min(clients_per_round, named.training.adapter_clients_per_round)
        wishes += [
            f"training.clients_per_round={clients_per_round}",
            f"training.adapter_clients_per_round={fewer}",
            f"round.minimum_answers={min(named.round.minimum_answers, clients_per_round)}",
        ]
    return read_federation(federation, wishes, overlays)
