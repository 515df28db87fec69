"""Resolves a simulation's federation file: the shipped default, the data's format, the recipe, the caller's wishes."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.federation import FederationFile, read_federation
from shared.model import encoder_width
from shared.recipe import Facts, Overlay, participations, recipe
from simulations.datasets import kind_of

if TYPE_CHECKING:
    from simulations.evaluation import World


def facts_of(world: "World") -> Facts:
    """What is taken for known of a world before anybody is asked: no privacy is spent on it."""
    logs = world.split.training.lengths[world.members]
    usual = max(1, int(np.median(logs))) if len(logs) else 1
    return Facts(len(world.members), len(world.dataset.catalogue), usual, bool(world.dataset.impressions))


def data_format(kind: str) -> list[Overlay]:
    """What the format of a kind of data changes in the default, such as features that its items have: `KIND.toml`."""
    file = resources.files("simulations.presets").joinpath(f"{kind}.toml")
    return [tomllib.loads(file.read_text(encoding="utf-8"))] if file.is_file() else []


def resolve(
    data: str,
    facts: Facts,
    federation: Path | None,
    settings: Sequence[str],
    rounds: int | None,
    clients_per_round: int | None,
    privacy: str,
    aggregation: str,
) -> FederationFile:
    """The federation file of a run over data of which this is known.

    The recipe applies only where the caller gives no file of their own. Where privacy is promised, the budget is spread
    over as many answers as training asks of each device, unless the caller says otherwise.

    Pairs of items are not counted under masks unless the caller says so: each of a cohort's devices would hold the
    millions of words of its summand until the sum is done, and all of them are on this machine.

    Raises:
        Misconfigured, Corrupt: see `read_federation`.
    """
    mode = "secure" if aggregation == "checked" else aggregation
    pairs = ["statistics.pairs_of=0"] if mode == "secure" and federation is None else []
    wishes = [f"sum.mode={mode}", *pairs, *settings, f"privacy.level={privacy}"]
    if rounds is not None:
        wishes.append(f"training.rounds={rounds}")
    laid = data_format(kind_of(data)) if federation is None else []
    if privacy == "event" and federation is None:
        laid = [*laid, {"privacy": {"local_noise": "on"}}]  # there is no other noise
    if clients_per_round is not None:
        least = read_federation(federation, wishes, laid).round.minimum_answers
        wishes += [
            f"training.clients_per_round={clients_per_round}",
            f"round.minimum_answers={min(least, clients_per_round)}",
        ]

    def read(overlays: Sequence[Overlay]) -> FederationFile:
        return read_federation(federation, wishes, [*laid, *overlays])

    if federation is None:
        return read(recipe(read, facts, encoder_width(read([]).backbone.name)))
    file = read([])
    if file.privacy.level == "none":
        return file
    answers = [f"privacy.participations.{task}={count}" for task, count in participations(file, facts.people).items()]
    return read_federation(federation, [*answers, *wishes], laid)
