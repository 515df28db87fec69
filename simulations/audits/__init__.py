"""Attacks on the product's own promises, each beside a control that must succeed where the defence is off."""

from simulations.audits.audit import Audit, AuditResult
from simulations.audits.outcome import Outcome, print_outcomes, run_audits
from simulations.audits.page import write_page
from simulations.audits.suite import AUDITS

__all__ = ["AUDITS", "Audit", "AuditResult", "Outcome", "print_outcomes", "run_audits", "write_page"]
