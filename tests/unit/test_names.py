"""One public name, one thing: a class or function that others may use is defined in one file of the product."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("client", "server", "shared", "simulations")
COMMANDS = (
    "client/cli/commands.py",
    "server/cli/commands.py",
    "server/cli/publishing.py",
    "server/cli/watching.py",
    "simulations/cli/exchanging.py",
    "simulations/cli/federations.py",
    "simulations/cli/measurements.py",
)  # named after what is typed
TWICE = {
    "Home": "the folder of a device and that of a server: alike in kind, and neither side ever sees the other's",
    "Releases": "what a device fetched and what a server published: the two ends of one chain",
    "main": "where a process starts",
}


def defined_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Public classes and functions by the files that define them, where there are several."""
    found = defaultdict(list)
    for path, source in sources.items():
        for node in ast.parse(source).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_") and not (path in COMMANDS and node.decorator_list):
                found[node.name].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_one_public_name_means_one_thing() -> None:
    sources = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    twice = defined_twice(sources)
    assert {name: paths for name, paths in twice.items() if name not in TWICE} == {}
    assert TWICE.keys() <= twice.keys()  # nothing is excused that needs no excuse


def test_a_name_that_stands_twice_is_found_and_a_command_is_not_one() -> None:
    sources = {
        "client/a.py": "class One: ...\ndef _own(): ...\ndef two(): ...",
        "server/b.py": "def One(): ...\ndef _own(): ...",
        "client/cli/commands.py": "@app.command()\ndef two(): ...",
    }
    assert defined_twice(sources) == {"One": ["client/a.py", "server/b.py"]}
