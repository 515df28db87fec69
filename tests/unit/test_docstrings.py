"""The examples in the docstrings of the public API run, and give what they say."""

from pathlib import Path

import pytest

from client import Controls, Device, Recommender, RecommendOptions, load_release
from server import Federation
from shared.behaviour import EventKind
from simulations import Dataset, load
from simulations.devices import InProcessGrid
from tests.support.docstrings import run_examples
from tests.support.tiny import Log, membership, person

MORE = {"RecommendOptions", "Controls"}  # whose examples go on from those of Recommender


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory) -> Path:
    """A release of twenty-four items, as `simulate` writes one."""
    place = tmp_path_factory.mktemp("release")
    tiny.release()[0].save(place)
    return place


@pytest.mark.parametrize("documented", [load_release, Recommender, RecommendOptions, Controls, Device])
def test_an_example_of_a_device_runs(documented, folder):
    given = {"folder": folder, "load_release": load_release, "EventKind": EventKind}
    given |= {"log": Log(person(0, 9)), "credentials": membership()}
    if documented.__name__ in MORE:
        loaded = load_release(folder)
        given["recommender"] = Recommender(loaded.release, loaded.model)
    assert run_examples(documented, given)


def test_the_example_of_a_federation_runs(toy, tmp_path):
    start = toy.federation().vector
    given = {"file": toy.file(), "layout": toy.layout, "start": start, "items": toy.items}
    assert run_examples(Federation, given | {"folder": tmp_path, "grid": InProcessGrid(toy.client_app(), 10)})


@pytest.mark.parametrize("documented", [Dataset, Dataset.of])
def test_the_example_of_a_data_set_runs(documented):
    assert run_examples(documented, {"load": load})


def test_an_example_that_gives_something_else_is_noticed():
    def wrong() -> None:
        """
        >>> 1 + 1
        3
        """

    with pytest.raises(AssertionError, match="Expected"):
        run_examples(wrong, {})
