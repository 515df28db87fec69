"""Attacks on the product's own promises, each beside a control that must succeed where the defence is off."""

from simulations.audits.audit import Audit, AuditResult

__all__ = ["Audit", "AuditResult"]
