"""The API's pages name what is promised: all that documents import, and whatever is called stable."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("client", "server", "shared", "simulations")
PAGES = {package: (ROOT / f".docs/pages/api/{package}.md").read_text(encoding="utf-8") for package in PACKAGES}
DOCUMENTS = [ROOT / "README.md", *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.md"))]
STATED = {
    "client": ("Controls", "Device", "RecommendOptions", "Recommender", "load_release", "reasons_in_words"),
    "server": ("Federation",),
    "shared.behaviour": ("Event", "EventKind"),
    "simulations": ("Dataset", "RunResult", "load", "simulate"),
}


def described(page: str) -> list[str]:
    return re.findall(r"^::: (\S+)$", page, re.MULTILINE)


def imported(text: str) -> Iterator[str]:
    """Dotted names of ours that the Python examples of a document import."""
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", STATED)
def test_the_stated_api_has_its_place(module):
    wanted = {f"{module}.{name}" for name in STATED[module]}
    assert wanted <= set(described(PAGES[module.split(".")[0]]))


def test_all_that_simulations_exports_has_its_place_as_it_is_called_stable():
    assert sorted(importlib.import_module("simulations").__all__) == sorted(STATED["simulations"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_that_a_document_imports_has_its_place(document):
    everywhere = {name for page in PAGES.values() for name in described(page)}
    assert sorted(set(imported(document.read_text(encoding="utf-8"))) - everywhere) == []


def test_documents_import_something():
    assert "client.Recommender" in set(imported((ROOT / "README.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_describes_its_own_package_each_name_once(package):
    names = described(PAGES[package])
    assert names
    assert len(set(names)) == len(names)
    assert {name.split(".")[0] for name in names} == {package}
