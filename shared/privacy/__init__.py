"""Privacy: what was released, what it amounts to, what is left, and the noise that pays for it."""

from shared.privacy.accountant import LARGEST_PROMISE, composed_epsilon, epsilon_of_rho, epsilon_text, rho_for
from shared.privacy.adaptive_clip import next_clip, read_indicator, with_indicator
from shared.privacy.budget import LedgerBudget
from shared.privacy.calibration import (
    Cohort,
    Plan,
    allot,
    people_share,
    plan_budget,
)
from shared.privacy.discrete_gaussian import GaussianTable, sample_discrete_gaussian, sample_discrete_gaussians
from shared.privacy.events import (
    LEVELS,
    Level,
    LocalWindow,
    PrivacyEvent,
    SummedGaussian,
    SummedWindow,
)
from shared.privacy.keystream import Keystream, RandomBytes
from shared.privacy.ledger import Ledger
from shared.privacy.ledger_file import LedgerFile
from shared.privacy.ledger_head import LedgerHead
from shared.privacy.ledger_lines import Charge, ReadLedger, read_charges, read_ledger
from shared.privacy.periods import check_spending, day_of
from shared.privacy.quantise import clip, quantise, quantise_rows, squared_norms

__all__ = [
    "LARGEST_PROMISE",
    "LEVELS",
    "Charge",
    "Cohort",
    "GaussianTable",
    "Keystream",
    "Ledger",
    "LedgerBudget",
    "LedgerFile",
    "LedgerHead",
    "Level",
    "LocalWindow",
    "Plan",
    "PrivacyEvent",
    "RandomBytes",
    "ReadLedger",
    "SummedGaussian",
    "SummedWindow",
    "allot",
    "check_spending",
    "clip",
    "composed_epsilon",
    "day_of",
    "epsilon_of_rho",
    "epsilon_text",
    "next_clip",
    "people_share",
    "plan_budget",
    "quantise",
    "quantise_rows",
    "read_charges",
    "read_indicator",
    "read_ledger",
    "rho_for",
    "sample_discrete_gaussian",
    "sample_discrete_gaussians",
    "squared_norms",
    "with_indicator",
]
