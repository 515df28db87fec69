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
from shared.privacy.ledger_file import Charge, LedgerFile, read_charges
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
    "Level",
    "Plan",
    "PrivacyEvent",
    "RandomBytes",
    "ReadersEpsilon",
    "RenyiAccountant",
    "SampledGaussian",
    "SummedGaussian",
    "SummedWindow",
    "allot",
    "clip",
    "next_clip",
    "plan_budget",
    "quantise",
    "read_charges",
    "read_indicator",
    "readers_epsilon",
    "rho_for",
    "sample_discrete_gaussian",
    "spent_epsilon",
    "squared_norm",
    "with_indicator",
]
