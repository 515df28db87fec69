"""What a fresh process brings in: what needs no model loads none, and none of the packages that train."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from client.budget_guard import BudgetGuard
from client.file_record import device_record
from client.home import create_home
from client.membership import Membership
from shared.bundle import bundle_bytes, bundle_hash
from shared.federation import read_federation, write_toml
from shared.round_parameters import derive_round_parameters

ROOT = Path(__file__).parents[3]
HEAVY = ("dp_accounting", "flwr", "opacus", "peft", "torch", "transformers")


def test_routing_messages_needs_no_model_and_nothing_that_trains():
    heavy = {"torch", "opacus", "peft", "transformers", "dp_accounting"}
    program = f"import sys, client.app; print(*sorted(set(sys.modules) & {heavy!r}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_the_process_that_answers_brings_in_nothing_that_trains():
    heavy = {"torch", "opacus", "peft", "transformers", "dp_accounting"}
    program = f"import sys, client.supernode.__main__; print(*sorted(set(sys.modules) & {heavy!r}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize(
    "module", ["client.home", "client.keys", "client.store", "client.policy", "client.budget_guard"]
)
def test_the_idle_device_needs_none_of_the_training_packages(module):
    heavy = {"torch", "flwr", "opacus", "peft", "dp_accounting", "transformers", "keyring"}
    program = f"import sys\nimport {module}\nprint(*sorted(set(sys.modules) & {heavy!r}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def federation(*settings):
    return read_federation(settings=["privacy.participations.update=3", "privacy.local_noise=on", *settings])


def charges(file, task):
    return derive_round_parameters(file, task, 1, 1000, bytes(32), bytes(32)).charges


def pay(promises, file, task, number):
    promises.charge_round(file, task, charges(file, task), number)


def membership(file):
    """As joining leaves it."""
    keys = {"operator": "01" * 32, "registry": "02" * 32, "device": "03" * 16, "certificate": "04" * 72}
    return Membership(
        url="https://server:9443",
        server="server",
        authority="PEM",
        certificate_days=365,
        federation=file.name,
        terms=write_toml(file),
        **keys,
    )


@pytest.mark.parametrize(("answers", "loaded"), [(0, "dp_accounting"), (1, "dp_accounting")])
def test_what_is_spent_is_told_without_torch_and_its_like(tmp_path, answers, loaded):
    """The accountant alone is loaded: what is promised with nobody else's noise follows from it."""
    home = create_home(tmp_path / "device", keyring=False)
    membership(federation("privacy.level=user")).save(home.membership)
    for number in range(1, answers + 1):
        pay(BudgetGuard(device_record(home)), federation("privacy.level=user"), "update", number)
    program = (
        "import sys, pathlib\nfrom client.home import Home\nfrom client.privacy_report import spent_privacy\n"
        f"assert (spent_privacy(Home.open(pathlib.Path(sys.argv[1])))['spent']['user'] > 0) == {bool(answers)}\n"
        "print(*sorted(set(sys.modules) & {'torch', 'flwr', 'opacus', 'peft', 'transformers', 'dp_accounting'}))\n"
    )
    command = [sys.executable, "-c", program, str(home.directory)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == loaded


def test_the_console_script_starts_without_a_model_or_flower(tmp_path):
    script = (
        "import sys; from client.cli import main; sys.argv = ['hushrec-device', 'init', sys.argv[1], '--no-keyring']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'flwr', 'opacus', 'peft', 'fastapi', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "device")],
        cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        "import client",
        "from client import LEDGER, RoundRequest, RecommendOptions, budget, reasons_in_words; import client.membership",
        "import shared.round_parameters",
    ],
    ids=["the face", "what needs no model", "the terms of a round"],
)
def test_what_needs_no_model_brings_in_none_and_none_of_the_training_packages(statement):
    program = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & {set(HEAVY)!r}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_another_process_builds_the_same_bytes_without_flower() -> None:
    script = (
        "import sys; from shared.bundle import bundle_hash\n"
        "print(bundle_hash()); assert not any(name.startswith('flwr') for name in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == bundle_hash() == hashlib.sha256(bundle_bytes()).hexdigest()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["compare", "--list"]])
def test_help_and_lists_do_not_load_the_heavy_libraries(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom simulations.cli import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        "loaded = {'torch', 'flwr', 'transformers', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_init_and_check_need_neither_torch_nor_flower(tmp_path):
    program = (
        "import sys; from pathlib import Path; from server.doctor import check_server; "
        "from server.home import create_server; "
        f"home = create_server(Path({str(tmp_path / 'server')!r})); assert check_server(home.directory) == []; "
        "print([name for name in ('torch', 'flwr', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_installed_command_works_and_what_is_quick_needs_neither_torch_nor_flower(tmp_path):
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    server = str(tmp_path / "server")
    for command in (["init", server], ["check", server], ["enrol", server], ["status", server]):
        done = subprocess.run(
            [sys.executable, "-c", "from server.cli import main; main()", *command],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
        assert "server.home" in imported
        assert not imported & {"torch", "flwr", "transformers"}


def test_another_version_of_the_package_builds_the_same_bytes() -> None:
    script = (
        "import importlib.metadata; importlib.metadata.version = lambda name: '0.1.99'\n"
        "from shared.bundle import bundle_hash; print(bundle_hash())"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == bundle_hash()
