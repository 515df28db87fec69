"""Who may import whom: shared none of ours, client and server only shared, and everyone through a folder's face."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "shared": {"shared"},
    "client": {"client", "shared"},
    "server": {"server", "shared"},
    "simulations": {"simulations", "client", "server", "shared"},
}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported; a relative import counts as a name that starts with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def broken(path: Path, source: str) -> Iterator[str]:
    """What a file of ours imports against the rule, as "path:line: reason"."""
    package = path.parts[0]
    for line, name in imports(source):
        where = f"{path}:{line}"
        top = name.split(".")[0]
        if name.startswith("."):
            yield f"{where}: relative import"
        elif top in MAY_IMPORT and top not in MAY_IMPORT[package]:
            yield f"{where}: {package} imports {name}"
        elif top in MAY_IMPORT and not _through_a_face(path, name):
            yield f"{where}: {name} is inside another folder; import from that folder's __init__"


def _through_a_face(path: Path, name: str) -> bool:
    """A module may be named by files of its own folder and of those below it; all others name the folder.

    `shared` itself has no face: its single modules (errors, files, release) are named, as its folders are.
    """
    target = ROOT.joinpath(*name.split("."))
    if target.is_dir():
        return True
    folder = target.parent.relative_to(ROOT)
    return folder in path.parents or folder == Path("shared")


FILES = sorted(path.relative_to(ROOT) for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_what_its_folder_may(path):
    assert list(broken(path, (ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shared/errors.py", "import client"),
        ("client/device.py", "from server import Federation"),
        ("server/training/round.py", "def f():\n    from client.device import Device"),
        ("server/training/round.py", "import simulations.engine"),
        ("server/training/round.py", "from . import app"),
        ("server/training/round.py", "from shared.model.layout import Layout"),
        ("simulations/run.py", "from server.training.round import RoundReport"),
        ("simulations/run.py", "from simulations.engine.dropouts import Dropouts"),
    ],
)
def test_the_rule_notices_each_way_of_breaking_it(path, source):
    assert len(list(broken(Path(path), source))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shared/release/release.py", "from shared.errors import Corrupt\nfrom shared.model import Layout"),
        ("shared/model/initialisation.py", "from shared.model.layout import Layout"),
        (
            "server/training/round.py",
            "from server.training.optimizer import Mean\nfrom shared.errors import Corrupt\nimport numpy.lib.format",
        ),
        ("client/training/local_training.py", "from client.randomness import Randomness"),
        ("simulations/run.py", "from simulations.engine import run_local\nfrom client import Device"),
    ],
)
def test_the_rule_lets_pass_what_keeps_it(path, source):
    assert list(broken(Path(path), source)) == []
