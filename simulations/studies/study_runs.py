"""Trainings of one comparison: the same people and the same seed; only what a comparison says differs."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulations.engine import RunFolder, Trained, train_federation
from simulations.evaluation import World
from simulations.options import Aggregation, Engine, Privacy
from simulations.report import CurvePoint, Progress
from simulations.settings import facts_of, resolve


@dataclass(frozen=True)
class StudyRuns:
    """How a comparison trains.

    Attributes:
        data: specification of the data set.
        world: whose people take part.
        federation, settings, rounds, clients_per_round, engine, seed: see `simulate`.
        words_read: of the people of `world`, by state of the encoder: see `train_federation`.
    """

    data: str
    world: World
    federation: Path | None
    settings: Sequence[str]
    rounds: int | None
    clients_per_round: int | None
    engine: Engine
    seed: int
    progress: Progress
    words_read: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def train(
        self,
        *settings: str,
        world: World | None = None,
        privacy: Privacy = "none",
        aggregation: Aggregation = "plain",
        on_curve: Callable[[CurvePoint], None] = lambda point: None,
    ) -> Trained:
        """Train with some settings changed, over other people's logs if a world is given, and leave no file behind.

        What `on_curve` raises ends the training, see `train_federation`.
        """
        resolved = resolve(
            self.data,
            facts_of(self.world),
            self.federation,
            ["evaluation.every_rounds=0", *self.settings, *settings],
            self.rounds,
            self.clients_per_round,
            privacy,
            aggregation,
        )
        with tempfile.TemporaryDirectory(prefix="hushrec-compare-") as place:
            folder = RunFolder.open(Path(place) / "run", {"federation": resolved.digest()}, resume=False)
            return train_federation(
                world or self.world, resolved, folder, self.engine, self.seed, self.progress,
                words_read=None if world else self.words_read, on_curve=on_curve,
            )  # fmt: skip
