"""One code, and processes that use it at once."""

import multiprocessing
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.registry import Registry
from shared.errors import HushrecError
from shared.secure_sum import Identity, issue_certificate

NOW = 1_800_000_000
KEY = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
SIGN = partial(issue_certificate, KEY)


def device_key(number: int) -> Identity:
    return Identity(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Registry.create(tmp_path / "registry.sqlite")
    return tmp_path / "registry.sqlite"


def join(registry, code, number=1, node="node 1", now=NOW):
    return registry.join(code, device_key(number).public_key, node, now, 365, SIGN)


def _race(path: Path, code: bytes, number: int, start, answers) -> None:
    with Registry(path) as registry:
        start.wait()
        try:
            certificate = join(registry, code, number, f"node {number}")
            answers.put((number, certificate.encode()))
        except HushrecError as error:
            answers.put((number, type(error).__name__))


def test_of_processes_that_use_one_code_at_once_one_wins(path):
    context = multiprocessing.get_context("fork")
    with Registry(path) as registry:
        code = registry.invite(NOW, 72)
    start, answers = context.Barrier(6), context.Queue()
    racers = [context.Process(target=_race, args=(path, code, number, start, answers)) for number in range(1, 7)]
    for racer in racers:
        racer.start()
    got = dict(answers.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join(60)
    winners = [number for number, answer in got.items() if answer != "Refused"]
    assert len(winners) == 1
    with Registry(path) as registry:
        (row,) = registry.devices()
    assert row.device == device_key(winners[0]).device.hex()
    assert row.certificate == got[winners[0]]
