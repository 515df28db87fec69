"""No import circle, neither between files nor between folders: what is below never knows what is above."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("client", "server", "shared", "simulations")
Graph = Mapping[str, set[str]]


def sources(root: Path) -> dict[str, ast.Module]:
    """Every module of the four packages by dotted name; a face by its folder's."""
    trees = {}
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of everything a file imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def file_graph(trees: Mapping[str, ast.Module]) -> Graph:
    """Which file needs which; what a face only hands on counts as an import of the file that defines it."""
    faces = {name: {alias: module for module, alias in imports(tree)} for name, tree in trees.items()}

    def defined_in(module: str, name: str) -> str:
        if f"{module}.{name}" in trees:
            return f"{module}.{name}"
        while name in faces.get(module, {}) and is_face(trees, module):
            module = faces[module][name]
        return module

    return {
        module: {defined_in(*found) for found in imports(tree)} & set(trees) - {module}
        for module, tree in trees.items()
        if not is_face(trees, module)
    }


def is_face(trees: Mapping[str, ast.Module], module: str) -> bool:
    return any(other.startswith(f"{module}.") for other in trees)


def folder_graph(trees: Mapping[str, ast.Module]) -> Graph:
    """Which folder needs which. A package's own files at its top stand each for themselves."""

    def room(module: str) -> str:
        folder = module if is_face(trees, module) else module.rpartition(".")[0]
        return module if folder in PACKAGES else folder

    graph: dict[str, set[str]] = {}
    for module, needed in file_graph(trees).items():
        graph.setdefault(room(module), set()).update(map(room, needed))
    return {folder: needed - {folder} for folder, needed in graph.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for after in sorted(graph.get(node, ())):
            if after not in number:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], number[after])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


TREES = sources(ROOT)


@pytest.mark.parametrize("graph", [file_graph, folder_graph])
def test_nothing_is_imported_in_a_circle(graph):
    assert circles(graph(TREES)) == []


def test_a_circle_between_files_is_found():
    trees = {
        "client": "",
        "client.a": "from client.b import x",
        "client.b": "def f():\n    from client.c import y",
        "client.c": "from client.a import z",
        "client.d": "from client.a import z",
    }
    parsed = {name: ast.parse(text) for name, text in trees.items()}
    assert circles(file_graph(parsed)) == [["client.a", "client.b", "client.c"]]


def test_a_circle_between_folders_is_found_through_their_faces():
    trees = {
        "client": "",
        "client.low": "from client.low.one import x",
        "client.low.one": "x = 1",
        "client.low.two": "from client.high import y",
        "client.high": "from client.high.three import y",
        "client.high.three": "from client.low import x\ny = x",
    }
    parsed = {name: ast.parse(text) for name, text in trees.items()}
    assert circles(file_graph(parsed)) == []
    assert circles(folder_graph(parsed)) == [["client.high", "client.low"]]
