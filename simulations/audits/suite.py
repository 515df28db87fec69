"""The table of audits, in the order in which they run. A new audit is a row here and a file beside it."""

from collections.abc import Callable
from importlib import import_module

from simulations.audits.audit import Audit, AuditResult


def _from(module: str, function: str) -> Callable[..., AuditResult]:
    """The function of a file of this folder, which is read once the audit runs: attacks import heavy packages."""

    def run(seed: int, **sizes: int) -> AuditResult:
        attack: Callable[..., AuditResult] = getattr(import_module(f"simulations.audits.{module}"), function)
        return attack(seed, **sizes)

    return run


AUDITS: tuple[Audit, ...] = (
    Audit(
        "log-independence",
        "whether, what, at what charge and when a device answers is the same for every log",
        _from("log_independence", "audit_log_independence"),
        quick=True,
    ),
    Audit(
        "user-canary",
        "a person moves a sum by no more than its noise was planned for",
        _from("user_canary", "audit_user_canary"),
        quick=True,
    ),
    Audit(
        "user-one-run",
        "all sums of a life tell of a person at most what the ledger says",
        _from("user_one_run", "audit_user_one_run"),
        quick=False,
    ),
    Audit(
        "event-one-run",
        "all sums of a life tell of a window of events at most what the ledger says",
        _from("event_one_run", "audit_event_one_run"),
        quick=True,
    ),
    Audit(
        "masks",
        "a server and the largest corrupt set learn one relation about honest words: their sum",
        _from("masks", "audit_masks"),
        quick=True,
    ),
    Audit(
        "sybil",
        "among devices of the server's own a person keeps the epsilon of their own noise, and no more",
        _from("sybil", "audit_sybil"),
        quick=True,
    ),
    Audit(
        "noise-entropy",
        "secret chance comes from keys of 128 bits or more, all of which count",
        _from("noise_entropy", "audit_noise_entropy"),
        quick=True,
    ),
    Audit(
        "active-server",
        "no release or model of a server's making tells who met an item, but for what is charged",
        _from("active_server", "run_active_server"),
        quick=False,
    ),
    Audit(
        "span-check",
        "the span of a summed gradient does not tell which items a person in it met",
        _from("span_check", "run_span_check"),
        quick=False,
    ),
    Audit(
        "gradient-matching",
        "comparing a sum with what each candidate would add does not tell which items a person in it met",
        _from("gradient_matching", "run_gradient_matching"),
        quick=False,
    ),
    Audit(
        "membership",
        "who took part with data cannot be told from a release better than the user level allows",
        _from("membership", "run_membership"),
        quick=False,
    ),
    Audit(
        "poisoning",
        "one member in twenty who keeps to the clip at most doubles an item's exposure, where no bias is trained",
        _from("poisoning", "run_poisoning"),
        quick=False,
    ),
    Audit(
        "ledger-rollback",
        "a ledger that is deleted, cut, put back or doubled gives no budget again",
        _from("ledger_rollback", "run_ledger_rollback"),
        quick=True,
    ),
)
