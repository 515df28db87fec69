"""The audits themselves: each holds and catches its control, and each notices a defence that is taken away."""

import importlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.privacy import Keystream, sample_discrete_gaussians
from shared.secure_sum import Degrees, Ring, RoundConfiguration, decode_bitmap
from simulations.audits import AUDITS, Audit

# Less than what the command runs, where that is enough to pass and to catch the control.
REDUCED: dict[str, dict[str, Any]] = {
    "user-canary": {"trials": 1500, "control_trials": 100},
    "user-one-run": {"updates": 1},
    "event-one-run": {"windows": 600, "control_windows": 1500},
    "sybil": {"width": 50_000},
    "noise-entropy": {"blocks": 50},
}
CHECKS = "client.secagg.public_checks"
ENCODE, ROLE = "client.secagg.encode", "client.secagg.role"
RUN = {audit.name: audit.run for audit in AUDITS}


def result_of(name: str, **sizes: Any) -> Any:
    return RUN[name](0, **(REDUCED.get(name, {}) | sizes))  # type: ignore[call-arg]


TIMED = "log-independence"  # its times are the machine's: see `test_log_independence.py` for what is not


@pytest.mark.parametrize(
    "audit",
    [audit for audit in AUDITS if (audit.quick or audit.name in REDUCED) and audit.name != TIMED],
    ids=lambda audit: audit.name,
)
def test_an_audit_holds_and_catches_its_control(audit: Audit) -> None:
    result = result_of(audit.name)
    assert result.passes, result.sentence
    assert result.control_caught, result.sentence


def patched(monkeypatch: pytest.MonkeyPatch, module: str, name: str, value: object) -> None:
    monkeypatch.setattr(importlib.import_module(module), name, value)


def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(streams: Sequence[Keystream], variance: int, count: int) -> np.ndarray:
        return np.zeros((len(streams), count), np.int64)

    patched(monkeypatch, ENCODE, "sample_discrete_gaussians", nothing)


def less_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def smaller(streams: Sequence[Keystream], variance: int, count: int) -> np.ndarray:
        return sample_discrete_gaussians(streams, round(0.93 * variance), count)

    patched(monkeypatch, ENCODE, "sample_discrete_gaussians", smaller)


def no_clipping(monkeypatch: pytest.MonkeyPatch) -> None:
    def unclipped(vectors: np.ndarray, clip_norm: float, scale: int, *_: object) -> np.ndarray:
        return np.rint(vectors.astype(np.float64) * scale / clip_norm).astype(np.int64)

    patched(monkeypatch, ENCODE, "quantise_rows", unclipped)


def no_window_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ring, "window_holds", lambda ring, alive, window: True)


def no_quorum(monkeypatch: pytest.MonkeyPatch) -> None:
    derived = RoundConfiguration.for_cohort
    monkeypatch.setattr(RoundConfiguration, "for_cohort", lambda *asked: replace(derived(*asked), quorum=1))


def low_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "shared.secure_sum.configuration"
    degrees = importlib.import_module(module).graph_degrees

    def lower(n: int, corrupt_ppm: int, dropout_ppm: int) -> Degrees:
        return degrees(n, corrupt_ppm, dropout_ppm)._replace(threshold=2)

    patched(monkeypatch, module, "graph_degrees", lower)


def both_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that takes any number of agreements for a quorum, and any u2."""
    role, module = importlib.import_module(ROLE), importlib.import_module(CHECKS)
    monkeypatch.setattr(
        role, "allowed_members", lambda bitmap, place, parameters, ring, name: decode_bitmap(bitmap, parameters.cohort)
    )
    agreements = module.Agreements

    class Enough(agreements):  # type: ignore[misc,valid-type]
        @classmethod
        def decode(cls, content: bytes) -> Any:
            signed = agreements.decode(content).signatures
            return type("Padded", (), {"signatures": _Padded(signed)})

    class _Padded(tuple):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 10**6

    monkeypatch.setattr(module, "Agreements", Enough)


def small_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = lambda source: Keystream(source(32)[:4] + bytes(28))  # noqa: E731
    monkeypatch.setattr(Keystream, "drawn", staticmethod(drawn))


def small_coins(monkeypatch: pytest.MonkeyPatch) -> None:
    from client import randomness

    seeded = lambda self, purpose: np.random.default_rng(secrets.randbits(32))  # noqa: E731
    monkeypatch.setattr(randomness.SystemRandomness, "numpy", seeded)


Mutation = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("name", "sizes", "mutation"),
    [
        ("user-canary", {"trials": 3000, "control_trials": 10}, less_noise),
        ("user-canary", {"trials": 300, "control_trials": 10}, no_clipping),
        ("user-one-run", {}, no_noise),
        ("event-one-run", {"control_windows": 40}, no_noise),
        ("masks", {}, no_window_rule),
        ("masks", {"sizes": ()}, no_quorum),
        ("masks", {"sizes": ()}, both_shares),
        ("masks", {"sizes": ()}, low_threshold),
        ("sybil", {}, less_noise),
        ("noise-entropy", {}, small_keys),
        ("noise-entropy", {}, small_coins),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", "sizes"),
)
def test_an_audit_whose_defence_is_taken_away_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, name: str, sizes: dict[str, Any], mutation: Mutation
) -> None:
    mutation(monkeypatch)
    assert not result_of(name, **sizes).passes
