"""Every argument that is a path takes a text and any `os.PathLike`, and names what is neither."""

import os
from pathlib import Path

import pytest

from client import load_release
from shared.errors import Misconfigured
from shared.release.release import Release
from simulations import Dataset, load
from simulations.datasets import export_dataset
from tests.support.small import dataset


class Place:
    """A path of a kind of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return os.fspath(self._path)


KINDS = pytest.mark.parametrize("kind", [str, Path, Place])
WRONG = pytest.mark.parametrize("wrong", [None, 7, b"place"])


@KINDS
def test_a_release_is_saved_and_loaded(kind, tiny, tmp_path):
    release, _ = tiny.release()
    release.save(kind(tmp_path))
    assert Release.load(kind(tmp_path)).digest() == load_release(kind(tmp_path)).digest
    assert load_release(kind(tmp_path)) is load_release(tmp_path)


@WRONG
def test_what_is_no_path_of_a_release_is_named(wrong, tiny):
    release, _ = tiny.release()
    for use in (release.save, Release.load, load_release):
        with pytest.raises(Misconfigured, match=r"^release: expected a path as str or os\.PathLike, got"):
            use(wrong)


@KINDS
def test_a_training_keeps_its_checkpoint_and_its_sums(kind, toy, tmp_path):
    federation = toy.federation(folder=kind(tmp_path / "training"), sums=kind(tmp_path / "sums"))
    assert federation.round_number == 0


@WRONG
def test_what_is_no_path_of_a_training_is_named(wrong, toy):
    with pytest.raises(Misconfigured, match=r"^folder: expected a path"):
        toy.federation(folder=wrong)
    if wrong is not None:
        with pytest.raises(Misconfigured, match=r"^sums: expected a path"):
            toy.federation(sums=wrong)


@KINDS
def test_a_data_set_is_written_and_read(kind, tmp_path):
    export_dataset(dataset([["0", "1"]], items=2), kind(tmp_path / "out"))
    read = load(f"events:{tmp_path / 'out'}" if kind is str else kind(tmp_path / "out"))
    assert isinstance(read, Dataset)
    assert len(read.catalogue) == 2


@WRONG
def test_what_is_no_path_of_a_data_set_is_named(wrong):
    with pytest.raises(Misconfigured, match=r"^data: expected .* a path or a Dataset, got"):
        load(wrong)
    with pytest.raises(Misconfigured, match=r"^folder: expected a path"):
        export_dataset(dataset([["0"]], items=1), wrong)


@pytest.mark.parametrize("seed", [-1, 0.5, None, "0"])
def test_a_seed_that_is_none_makes_no_world(seed):
    with pytest.raises(Misconfigured, match=r"^seed: expected a whole number of at least 0, got"):
        load("demo", seed)
