"""Privacy: what was released, what it amounts to, what is left, and the noise that pays for it."""

from shared.privacy.accountant import Accountant, ConcentratedAccountant, RenyiAccountant, spent_epsilon
from shared.privacy.adaptive_clip import next_clip, read_indicator, with_indicator
from shared.privacy.budget import LedgerBudget
from shared.privacy.calibration import (
    READERS_CONDITION,
    Cohort,
    Plan,
    ReadersEpsilon,
    allot,
    plan_budget,
    readers_epsilon,
    rho_for,
)
from shared.privacy.discrete_gaussian import GaussianTable, sample_discrete_gaussian
from shared.privacy.events import (
    LEVELS,
    Level,
    PrivacyEvent,
    SampledGaussian,
    SummedGaussian,
    SummedWindow,
)
from shared.privacy.keystream import Keystream, RandomBytes
from shared.privacy.ledger import Ledger
from shared.privacy.ledger_file import LedgerFile
from shared.privacy.ledger_head import LedgerHead
from shared.privacy.ledger_lines import Charge, ReadLedger, read_charges, read_ledger
from shared.privacy.periods import check_spending, day_of
from shared.privacy.quantise import clip, quantise, squared_norm

__all__ = [
    "LEVELS",
    "READERS_CONDITION",
    "Accountant",
    "Charge",
    "Cohort",
    "ConcentratedAccountant",
    "GaussianTable",
    "Keystream",
    "Ledger",
    "LedgerBudget",
    "LedgerFile",
    "LedgerHead",
    "Level",
    "Plan",
    "PrivacyEvent",
    "RandomBytes",
    "ReadLedger",
    "ReadersEpsilon",
    "RenyiAccountant",
    "SampledGaussian",
    "SummedGaussian",
    "SummedWindow",
    "allot",
    "check_spending",
    "clip",
    "day_of",
    "next_clip",
    "plan_budget",
    "quantise",
    "read_charges",
    "read_indicator",
    "read_ledger",
    "readers_epsilon",
    "rho_for",
    "sample_discrete_gaussian",
    "spent_epsilon",
    "squared_norm",
    "with_indicator",
]
