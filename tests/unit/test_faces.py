"""Lazy faces: they name all they offer, and bring in nothing before it is asked for."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAZY = sorted(
    path.parent.relative_to(ROOT)
    for package in ("client", "server", "shared", "simulations")
    for path in (ROOT / package).rglob("__init__.py")
    if "lazy_exports(" in path.read_text(encoding="utf-8")
)
HEAVY = ("dp_accounting", "flwr", "opacus", "peft", "torch", "transformers")


def typed(source: str) -> dict[str, str]:
    """What a face imports for the type checker: names and the modules that define them."""
    guard = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module) for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.parametrize("folder", LAZY, ids=str)
def test_a_lazy_face_offers_at_run_time_what_the_type_checker_sees(folder):
    face = importlib.import_module(".".join(folder.parts))
    expected = typed((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))
    assert sorted(expected) == sorted(face.__all__)
    assert set(expected) <= set(dir(face))
    for name, module in expected.items():
        assert getattr(face, name) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("folder", LAZY, ids=str)
def test_a_lazy_face_offers_nothing_that_is_called_as_one_of_its_modules(folder):
    """Loading the module would put it in the place of what it defines."""
    modules = {path.stem for path in (ROOT / folder).glob("*.py")}
    assert not modules & set(typed((ROOT / folder / "__init__.py").read_text(encoding="utf-8")))


def test_a_lazy_face_knows_no_other_names():
    assert LAZY
    with pytest.raises(AttributeError, match=r"module 'client' has no attribute 'Nothing'"):
        importlib.import_module("client").Nothing  # noqa: B018 - the look-up is the test
