"""Eight devices, four rounds, the secure sum, and everything that goes wrong in a deployment: killed, hung, revoked."""

import os
import re
import signal
from pathlib import Path

import numpy as np

from server.doctor.replay import replay
from shared.enrolment import Receipt
from shared.federation import read_federation
from shared.release.release import Release
from tests.deployment.conftest import DEVICES, Federated

FAULTS = str(Path(__file__).parent / "faults")
BROKEN = {2: "mask:kill", 3: "unmask:kill", 4: "advertise:hang"}
REVOKED = 5
UPGRADED = 1  # by a patch version, before the server
EMPTY, ORDINARY = 8, 7  # a device whose person did nothing yet, and one like it whose person did


def _faulty(federated: Federated, number: int) -> dict[str, str]:
    path = {"PYTHONPATH": os.pathsep.join(filter(None, [FAULTS, os.environ.get("PYTHONPATH")]))}
    if number == UPGRADED:
        return {**path, "HUSHREC_TEST_VERSION": "0.1.99"}
    if number not in BROKEN:
        return {}
    return {
        **path,
        "HUSHREC_TEST_FAULT": BROKEN[number],
        "HUSHREC_TEST_FAULT_DONE": str(federated.deployment.folder / f"fault-{number}"),
    }


def _told_of(home: Path) -> tuple[list[tuple[str, str]], list[tuple[str, float]]]:
    """Rounds that a device's own log says were joined; and the task of each, with seconds from question to answer."""
    log = (home / "run" / "logs" / "executor.log").read_text()
    joined = re.findall(r"round (\d+) of (\w+): joined after ([\d.]+) s", log)
    return [(number, task) for number, task, _ in joined], [(task, float(seconds)) for _, task, seconds in joined]


def test_a_federation_goes_on_whatever_ends(federated: Federated) -> None:
    deployment, server = federated.deployment, federated.deployment.server
    ids = {
        number: federated.add_device(number, 0 if number == EMPTY else 14, **_faulty(federated, number))
        for number in range(1, DEVICES + 1)
    }
    federated.wait_until_connected(ids)

    one_round = ("rounds", server, "--count", 1)
    assert deployment.json("server", *one_round)["rounds"] == 1
    assert all((deployment.folder / f"fault-{number}").exists() for number in BROKEN)

    answers = deployment.json("device", "privacy", deployment.device(UPGRADED))["answers"]
    assert answers["update"] == 1  # asked for and answered, whatever version of the package it runs

    os.kill(deployment.pids("server.flower.superlink")[0], signal.SIGKILL)
    assert deployment.json("server", *one_round)["rounds"] == 2

    deployment.start("third", "server", *one_round)
    deployment.wait(lambda: bool(deployment.pids("flwr-serverapp")), 60, "a ServerApp")
    os.kill(deployment.pids("flwr-serverapp")[0], signal.SIGKILL)
    deployment.wait(lambda: deployment.json("server", "status", server)["rounds"] == 3, 240, "round 3")

    deployment.call("server", "revoke", server, ids[REVOKED])
    assert deployment.json("server", *one_round)["rounds"] == 4

    status = deployment.json("server", "status", server)
    updates = [row for row in status["sums"] if row["task"] == "update"]
    assert [row["number"] for row in updates] == [1, 2, 3, 4]
    assert all(row["skipped"] == (row["answered"] < 4) for row in updates)
    assert sum(not row["skipped"] for row in updates) >= 3
    assert updates[-1]["selected"] < updates[0]["selected"]  # the revoked one is not asked

    releases = deployment.json("server", "releases", server)["releases"]
    first, head = (Release.load(server / "releases" / releases[place]["release"]) for place in (0, -1))
    assert not np.array_equal(head.vector, first.vector)
    assert np.array_equal(replay(first, server / "training").vector, head.vector)
    assert deployment.json("server", "check", server)["findings"] == []

    told = {number: _told_of(deployment.device(number)) for number in (EMPTY, ORDINARY)}
    for rounds, _ in told.values():  # before anything was killed, both answered alike, whatever there was to say
        assert rounds[:3] == [("0", "statistics"), ("0", "evaluation"), ("1", "update")]
    slots = read_federation(server / "federation.toml").round.answer_seconds
    for _, joined in told.values():
        assert all(seconds >= slots[task] - 0.05 for task, seconds in joined)  # and never sooner than the round says
    assert deployment.json("device", "privacy", deployment.device(EMPTY))["spent"]["user"] > 0

    home = deployment.device(UPGRADED)
    receipt = Receipt.decode((home / "receipt.json").read_bytes())
    assert receipt.answers["update"][0] >= 1  # asked for before each round, so all but the last round's
    assert deployment.json("device", "check", home) == {"faults": [], "mended": [], "superseded": []}
