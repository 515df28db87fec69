"""Federated training (FedAvg and FedAdam): rounds, server optimizer, checkpoints, jobs."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.training.amending import Amendment, prepare_amendment, publish_amendment
    from server.training.federation import Federation, Publish, RoundObserver
    from server.training.jobs import TrainingJob, complete_job, pending_job, read_progress, submit_job, wait_for_job
    from server.training.optimizer import optimizer_for
    from server.training.outcomes import COUNT_NAMES, explained_rows, figures_of, reasons_of
    from server.training.progress import Row, read_phase, read_rounds, read_waiting
    from server.training.round import RoundReport, TrainingState, advance, request_for
    from server.training.runner import SUMS, run_training
    from server.training.scheduler import Scheduler, ScheduleState, pause_schedule, read_schedule, resume_schedule

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.training.amending": ("Amendment", "prepare_amendment", "publish_amendment"),
        "server.training.federation": ("Federation", "Publish", "RoundObserver"),
        "server.training.jobs": (
            "TrainingJob",
            "wait_for_job",
            "complete_job",
            "explained_rows",
            "figures_of",
            "submit_job",
            "pending_job",
            "read_progress",
        ),
        "server.training.optimizer": ("optimizer_for",),
        "server.training.outcomes": ("COUNT_NAMES", "explained_rows", "figures_of", "reasons_of"),
        "server.training.progress": ("Row", "read_phase", "read_rounds", "read_waiting"),
        "server.training.round": ("RoundReport", "TrainingState", "advance", "request_for"),
        "server.training.runner": ("SUMS", "run_training"),
        "server.training.scheduler": (
            "ScheduleState",
            "Scheduler",
            "pause_schedule",
            "read_schedule",
            "resume_schedule",
        ),
    },
)

__all__ = [
    "COUNT_NAMES",
    "SUMS",
    "Amendment",
    "Federation",
    "Publish",
    "RoundObserver",
    "RoundReport",
    "Row",
    "ScheduleState",
    "Scheduler",
    "TrainingJob",
    "TrainingState",
    "advance",
    "complete_job",
    "explained_rows",
    "figures_of",
    "optimizer_for",
    "pause_schedule",
    "pending_job",
    "prepare_amendment",
    "publish_amendment",
    "read_phase",
    "read_progress",
    "read_rounds",
    "read_schedule",
    "read_waiting",
    "reasons_of",
    "request_for",
    "resume_schedule",
    "run_training",
    "submit_job",
    "wait_for_job",
]  # fmt: skip
