"""A unit test starts no process and opens no socket: what it imports, and what its helpers import, can do neither."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "http.server", "multiprocessing", "pty", "ray", "simulations.deployment", "socket", "socketserver", "subprocess",
    "tests.deployment", "tests.integration",
}  # fmt: skip
NAMES = {
    ("asyncio", "create_subprocess_exec"),
    ("asyncio", "create_subprocess_shell"),
    ("asyncio", "open_connection"),
    ("asyncio", "start_server"),
    ("client.facade", "open_facade"),
    ("client.maintenance", "run_device"),
    ("client.ranking", "RankingClient"),
    ("client.workers", "Worker"),
    ("concurrent.futures", "ProcessPoolExecutor"),
    ("os", "system"),
    ("server.supervisor", "run_server"),
}
OS_PREFIXES = ("exec", "fork", "popen", "posix_spawn", "spawn")


def broken(source: str) -> Iterator[str]:
    """What a file has that starts a process or opens a socket, as "line: name"."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Attribute):
            found = [(ast.unparse(node.value), node.attr)]
        else:
            continue
        for module, name in found:
            if _starts(module, name):
                yield f"{node.lineno}: {module}.{name}".removesuffix(".")


def _starts(module: str, name: str) -> bool:
    """Whether a name is one of these, is inside one of these modules, or is one of these modules."""
    dotted = f"{module}.{name}".removesuffix(".")
    return (
        any(f"{dotted}.".startswith(f"{forbidden}.") for forbidden in MODULES)
        or any(name == last and f"{module}.".startswith(f"{first}.") for first, last in NAMES)
        or (module == "os" and name.startswith(OS_PREFIXES))
    )


def helpers(source: str) -> Iterator[Path]:
    """The files of tests that a file imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests":
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = ROOT.joinpath(*str(name).split(".")).with_suffix(".py")
                if path.is_file():
                    yield path


def with_helpers(path: Path) -> set[Path]:
    """A file and all of tests that it imports, however far."""
    known, ahead = set(), [path, *(ROOT / "tests/unit").glob("conftest.py")]
    while ahead:
        if (here := ahead.pop()) not in known:
            known.add(here)
            ahead += helpers(here.read_text(encoding="utf-8"))
    return known


FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "tests/unit").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_unit_test_starts_no_process_and_opens_no_socket(path):
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in with_helpers(ROOT / path)}
    assert {name: found for name, text in texts.items() if (found := list(broken(text)))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import subprocess", "1: subprocess"),
        ("import socket as s", "1: socket"),
        ("from subprocess import run", "1: subprocess.run"),
        ("def f():\n    from multiprocessing import get_context", "2: multiprocessing.get_context"),
        ("import multiprocessing.pool", "1: multiprocessing.pool"),
        ("from http import server", "1: http.server"),
        ("from http.server import HTTPServer", "1: http.server.HTTPServer"),
        ("from client.workers import Ended, Worker", "1: client.workers.Worker"),
        ("from client.workers.worker import Worker", "1: client.workers.worker.Worker"),
        ("import client.workers\nclient.workers.Worker('n', int)", "2: client.workers.Worker"),
        ("from client.ranking import RankingClient", "1: client.ranking.RankingClient"),
        ("from client.facade import open_facade", "1: client.facade.open_facade"),
        ("from concurrent.futures import ProcessPoolExecutor", "1: concurrent.futures.ProcessPoolExecutor"),
        ("import os\nos.fork()", "2: os.fork"),
        ("import os\nos.posix_spawn('/bin/true', [], {})", "2: os.posix_spawn"),
        ("from os import popen", "1: os.popen"),
        ("import asyncio\nasyncio.start_server(print)", "2: asyncio.start_server"),
        ("from simulations.deployment import Deployment", "1: simulations.deployment.Deployment"),
        ("from simulations import deployment", "1: simulations.deployment"),
        ("from tests.integration.superlink.link import Link", "1: tests.integration.superlink.link.Link"),
    ],
)
def test_a_source_that_does_is_found(source, found):
    assert list(broken(source)) == [found]


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.path.join('a', 'b')",
        "from client.workers import Ended",
        "import asyncio\nasyncio.run(f())",
        "from concurrent.futures import ThreadPoolExecutor",
        "from http import HTTPStatus",
        "from tests.support.tiny import person",
    ],
)
def test_a_source_that_does_not_is_let_pass(source):
    assert list(broken(source)) == []


def test_what_a_helper_imports_counts_for_its_users():
    served = ROOT / "tests/support/served.py"
    assert list(helpers("from tests.support import served\nfrom tests.support.served import ROOT")) == [served, served]
    assert any("subprocess" in one for file in with_helpers(served) for one in broken(file.read_text(encoding="utf-8")))
