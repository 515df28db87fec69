"""A person's device in tests: a policy file that takes small federations, and files that outlive its process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client.contributing import run_at_once
from client.policy import Policy
from client.settings_file import Setting, shipped, with_values
from tests.support.records import file_record

SMALL = {"smallest_cohort": 2, "largest_epsilon_per_round": 8.0}


def policy_file(folder: Path, changed: Mapping[str, Setting] | None = None) -> Path:
    """Write the shipped policy with other values; small federations are taken unless these say otherwise."""
    path = folder / "policy.toml"
    path.write_text(with_values(shipped("policy.toml"), {**SMALL, **(changed or {})}), encoding="utf-8")
    return path


def persons(folder: Path, changed: Mapping[str, Setting] | None = None) -> dict[str, Any]:
    """What a `Device` of a person takes beyond what a simulated one does."""
    path = policy_file(folder, changed)
    return {
        "simulated": False,
        "state": file_record(folder),
        "policy": lambda: Policy.load(path),
        "run": run_at_once,  # a slot takes a process and its time: see `test_slot.py`
    }
