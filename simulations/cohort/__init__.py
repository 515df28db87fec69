"""The devices of a round as one tensor program, with the same words and ledgers as one by one."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.cohort.cohort_sum import CohortSum, round_request
    from simulations.cohort.counts import words_of_counts
    from simulations.cohort.drawn_windows import draw_windows, indexed
    from simulations.cohort.first_masked import FirstMasked
    from simulations.cohort.helpers import Helper, Helpers, Processes
    from simulations.cohort.masked_cohort import MaskedCohort
    from simulations.cohort.own_words import read_own_words, write_own_words
    from simulations.cohort.ray_actors import RayActors
    from simulations.cohort.shard import COLUMNS, RoundWork, ShardWorker
    from simulations.cohort.shard_pool import ShardPool
    from simulations.cohort.updates import CohortRound, has_closed_form
    from simulations.cohort.watched import WatchedAnswer, WatchedAnswers, WatchedGrid
    from simulations.cohort.window_columns import WindowColumns, write_windows

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.cohort.cohort_sum": ("CohortSum", "round_request"),
        "simulations.cohort.counts": ("words_of_counts",),
        "simulations.cohort.drawn_windows": ("draw_windows", "indexed"),
        "simulations.cohort.first_masked": ("FirstMasked",),
        "simulations.cohort.helpers": ("Helper", "Helpers", "Processes"),
        "simulations.cohort.masked_cohort": ("MaskedCohort",),
        "simulations.cohort.own_words": ("read_own_words", "write_own_words"),
        "simulations.cohort.ray_actors": ("RayActors",),
        "simulations.cohort.shard": ("COLUMNS", "RoundWork", "ShardWorker"),
        "simulations.cohort.shard_pool": ("ShardPool",),
        "simulations.cohort.updates": ("CohortRound", "has_closed_form"),
        "simulations.cohort.watched": ("WatchedAnswer", "WatchedAnswers", "WatchedGrid"),
        "simulations.cohort.window_columns": ("WindowColumns", "write_windows"),
    },
)

__all__ = [
    "COLUMNS", "CohortRound", "CohortSum", "FirstMasked", "Helper", "Helpers", "MaskedCohort", "Processes",
    "RayActors", "RoundWork", "ShardPool", "ShardWorker", "WatchedAnswer", "WatchedAnswers", "WatchedGrid",
    "WindowColumns", "draw_windows", "has_closed_form", "indexed", "read_own_words", "round_request", "words_of_counts",
    "write_own_words", "write_windows",
]  # fmt: skip
