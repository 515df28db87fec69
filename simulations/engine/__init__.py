"""Runs a whole federation on one machine: messages, training, resuming, and what it spends."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.engine.embedding_cache import read_catalogue
    from simulations.engine.local_engine import run_local, simulated_clock
    from simulations.engine.prior_knowledge import Prior
    from simulations.engine.run_folder import RunFolder
    from simulations.engine.training import Trained, one_thread, train_federation

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.engine.embedding_cache": ("read_catalogue",),
        "simulations.engine.local_engine": ("run_local", "simulated_clock"),
        "simulations.engine.prior_knowledge": ("Prior",),
        "simulations.engine.run_folder": ("RunFolder",),
        "simulations.engine.training": ("Trained", "one_thread", "train_federation"),
    },
)

__all__ = [
    "Prior",
    "RunFolder",
    "Trained",
    "one_thread",
    "read_catalogue",
    "run_local",
    "simulated_clock",
    "train_federation",
]  # fmt: skip
