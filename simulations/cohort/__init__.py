"""The devices of a round as one tensor program, with the same words and ledgers as one by one."""

from simulations.cohort.cohort_sum import CohortSum, round_request
from simulations.cohort.first_masked import FirstMasked
from simulations.cohort.masked_cohort import MaskedCohort
from simulations.cohort.own_words import number_texts, write_own_words
from simulations.cohort.shard import COHORT, RoundWork, ShardWorker
from simulations.cohort.shard_pool import ShardPool
from simulations.cohort.updates import CohortRound, has_closed_form
from simulations.cohort.window_columns import WindowColumns, write_windows

__all__ = [
    "COHORT", "CohortRound", "CohortSum", "FirstMasked", "MaskedCohort", "RoundWork", "ShardPool", "ShardWorker",
    "WindowColumns", "has_closed_form", "number_texts", "round_request", "write_own_words", "write_windows",
]  # fmt: skip
