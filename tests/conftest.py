"""Marks by folder, and the fixtures of several folders. What is heavy is imported where it is asked for."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # they share the processors; read when torch is loaded, here and in children
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from tests.support.tiny import Tiny
    from tests.support.toy import Toy

TESTS = Path(__file__).parent
LAYERS = ("deployment", "integration", "unit")  # what takes longest begins first


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m unit` reads no other folder: importing what the others need takes half a minute."""
    only = config.getoption("markexpr")
    skipped = only in LAYERS and collection_path.parent == TESTS and collection_path.name in set(LAYERS) - {only}
    return True if skipped else None


def layer_of(item: pytest.Item) -> str:
    """The layer of a test is its folder's."""
    layer = item.path.relative_to(TESTS).parts[0]
    if layer not in LAYERS:
        raise pytest.UsageError(f"{item.path}: expected a folder of {', '.join(LAYERS)}")
    return layer


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its layer. The order of files stays within a layer, and that of tests within a file."""
    items.sort(key=lambda item: LAYERS.index(layer_of(item)))
    for item in items:
        item.add_marker(layer_of(item))


def pytest_collection_finish() -> None:
    """What is imported stays; no garbage collection looks at it again, and ranking's takes half a second if it does."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def toy(tmp_path: Path) -> "Toy":
    from tests.support.toy import Toy

    return Toy(tmp_path / "training")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Tiny":
    """Federation files, models and releases over random encoders, four layers of width 32."""
    from tests.support.tiny import FAMILIES, Tiny, write_encoder

    folder = tmp_path_factory.mktemp("encoders")
    made = Tiny({family: write_encoder(folder / family, family) for family in FAMILIES})
    pytest_collection_finish()  # transformers is imported since
    return made
