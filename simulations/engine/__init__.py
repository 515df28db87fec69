"""Runs a whole federation on one machine: messages, training, resuming, and what it spends."""

from simulations.engine.embedding_cache import embed_catalogue
from simulations.engine.local_engine import run_local, simulated_clock
from simulations.engine.prior_knowledge import Prior
from simulations.engine.ray_engine import run_ray
from simulations.engine.run_folder import RunFolder
from simulations.engine.training import Trained, one_thread, train_federation

__all__ = [
    "Prior", "RunFolder", "Trained", "embed_catalogue", "one_thread", "run_local", "run_ray", "simulated_clock",
    "train_federation",
]  # fmt: skip
