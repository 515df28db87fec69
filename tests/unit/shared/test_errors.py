"""The exit statuses and codes that other tools rely on."""

import ast
import errno
import os
import pickle
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from shared.cli import Json, command_group, exit_on_error
from shared.errors import REFUSALS, Corrupt, HushrecError, Misconfigured, NotYet, Refused, StorageFailed

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("error", "status"), [(Misconfigured, 2), (StorageFailed, 2), (Corrupt, 2), (Refused, 3), (NotYet, 4)]
)
def test_each_no_has_its_own_exit_status(error, status):
    assert error.exit_status == status
    assert issubclass(error, HushrecError)


def test_a_fault_of_ours_would_exit_with_one():
    assert HushrecError.exit_status == 1


def codes_in_product() -> set[str]:
    """The literal codes of all refusals in the four packages."""
    found = set()
    for package in ("client", "server", "shared", "simulations"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                    (code,) = [word.value for word in node.keywords if word.arg == "code"]
                    assert isinstance(code, ast.Constant), f"{path}:{node.lineno}: expected a literal code"
                    found.add(code.value)
    return found


def test_every_refusal_has_a_code_that_is_listed_and_every_listed_code_is_used():
    assert codes_in_product() == set(REFUSALS)
    page = (ROOT / "shared" / "ERRORS.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 3] == [
        f"| `{code}` | {meaning} |" for code, meaning in REFUSALS.items()
    ]


@pytest.mark.parametrize(
    "error",
    [Refused("no", code="policy"), NotYet("wait"), Corrupt("torn"), Misconfigured("key"), StorageFailed("full")],
)
def test_an_error_keeps_its_code_on_its_way_to_another_process(error):
    for copy in (pickle.loads(pickle.dumps(error)), error.bare()):
        assert (type(copy), str(copy), copy.code) == (type(error), str(error), error.code)
        assert copy.__traceback__ is None


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 2), (errno.EROFS, 2), (errno.EISDIR, 1)])
def test_a_disk_that_takes_nothing_is_no_fault_of_ours(number, status):
    app: typer.Typer = command_group("A command of a test.")

    @app.command()
    def write() -> None:
        with exit_on_error("hushrec-test", debug=False):
            raise OSError(number, os.strerror(number), "some/file")

    result = CliRunner().invoke(app, ["write"])
    assert result.exit_code == status
    assert ("some/file: could not be written" in result.stderr) == (status == 2)
    assert ("a fault of ours" in result.stderr) == (status == 1)


@pytest.mark.parametrize(
    ("options", "printed"), [([], ""), (["--json"], '{"error": {"code": "policy", "message": "no"}}\n')]
)
def test_a_command_tells_machines_the_code_of_what_it_refuses(options, printed):
    app: typer.Typer = command_group("A command of a test.")

    @app.command()
    def ask(as_json: Json = False) -> None:
        with exit_on_error("hushrec-test", debug=False):
            raise Refused("no", code="policy")

    result = CliRunner().invoke(app, ["ask", *options])
    assert (result.exit_code, result.stdout, result.stderr) == (3, printed, "hushrec-test: no\n")
