"""Federated training (FedAvg and FedAdam): rounds, server optimizer, checkpoints, jobs."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.training.federation import Counts, Federation, Publish, RoundObserver
    from server.training.jobs import Order, follow, fulfil, order_rounds, pending_order, progress_of
    from server.training.optimizer import optimizer_for
    from server.training.progress import Row, read_rounds
    from server.training.round import RoundReport, TrainingState, advance
    from server.training.runner import SUMS, train

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.training.federation": ("Counts", "Federation", "Publish", "RoundObserver"),
        "server.training.jobs": ("Order", "follow", "fulfil", "order_rounds", "pending_order", "progress_of"),
        "server.training.optimizer": ("optimizer_for",),
        "server.training.progress": ("Row", "read_rounds"),
        "server.training.round": ("RoundReport", "TrainingState", "advance"),
        "server.training.runner": ("SUMS", "train"),
    },
)

__all__ = [
    "SUMS", "Counts", "Federation", "Order", "Publish", "RoundObserver", "RoundReport", "Row", "TrainingState",
    "advance", "follow", "fulfil", "optimizer_for", "order_rounds", "pending_order", "progress_of", "read_rounds",
    "train",
]  # fmt: skip
