"""A server that is restored from an older copy, and has published anew since, and the devices that knew it before."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.deployment.conftest import Federated

MEMBERS, REVOKED, LATE = (1, 2, 3, 4), 5, 6


def _held(home: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "releases" / name).read_bytes())
    return found


def test_a_restored_server_goes_on_with_the_devices_it_had(federated: Federated, tmp_path: Path) -> None:
    deployment, server = federated.deployment, federated.deployment.server
    ids = {number: federated.add_device(number) for number in (*MEMBERS, REVOKED)}
    federated.wait_until_connected(ids)
    one_round = ("rounds", server, "--count", 1)
    assert deployment.json("server", *one_round)["rounds"] == 1
    zero = deployment.json("server", "releases", server)["releases"][0]["release"]
    deployment.call("server", "backup", server, tmp_path / "saved.tar")
    ids[LATE] = federated.add_device(LATE)
    federated.wait_until_connected([LATE])

    assert deployment.json("server", *one_round)["rounds"] == 2
    deployment.call("server", "revoke", server, ids[REVOKED])
    head = deployment.json("server", "releases", server)["releases"][-1]
    homes = [deployment.device(number) for number in MEMBERS]
    deployment.wait(
        lambda: all(
            _held(home, "current.json")["sequence"] == head["sequence"]
            and _held(home, "revocations.json")["sequence"] == 1
            for home in homes
        ),
        120,
        "devices to take what is about to be lost",
    )

    assert deployment.end("server") == 0
    shutil.rmtree(server)
    deployment.call("server", "restore", tmp_path / "saved.tar", server)
    forked = deployment.json("server", "rollback", server, zero)
    assert forked["sequence"] == head["sequence"]  # a second publication of the number that devices hold
    deployment.start("server", "server", "up", server)
    deployment.call("server", "status", server, "--wait", 120)

    def revoked() -> bool:
        rows = deployment.json("server", "status", server)["devices"]
        return {row["device"] for row in rows if row["state"] == "revoked"} == {ids[REVOKED]}

    deployment.wait(revoked, 120, "the revocation to be given back")
    executor = deployment.device(LATE) / "run" / "logs" / "executor.log"
    deployment.wait(lambda: executor.read_text().count("connected") > 1, 240, "the device that joined since")
    deployment.call("server", *one_round, expect=4)  # round 2 was answered, and its sum is lost
    assert deployment.json("server", *one_round)["rounds"] == 3

    updates = [row for row in deployment.json("server", "status", server)["sums"] if row["task"] == "update"]
    assert [(row["number"], row["answered"]) for row in updates if not row["skipped"]] == [(1, 5), (3, 5)]
    whys = [release["why"] for release in deployment.json("server", "releases", server)["releases"]]
    assert f"restored: in place of publication {head['sequence']}, which is lost" in whys
    assert whys[-1] == "after round 3"
    assert deployment.json("server", "check", server)["findings"] == []
    newest = deployment.json("server", "releases", server)["releases"][-1]["sequence"]
    deployment.wait(
        lambda: all(_held(home, "current.json")["sequence"] == newest for home in homes), 120, "the new release"
    )
    for home in homes:
        checked = deployment.json("device", "check", home)
        assert (checked["faults"], checked["mended"]) == ([], [])
        assert [lost["sequence"] for lost in checked["superseded"]] == [head["sequence"]]
        assert deployment.json("device", "privacy", home)["answers"]["update"] == 3  # round 2 stays charged
