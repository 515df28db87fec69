"""The example of a host app, against a device's local API in a process of its own that ranks with a real model."""

import re
import runpy
from typing import get_args

import pytest

from client.recommender.reasons import Kind
from client.store import Store
from shared.behaviour import EventKind
from tests.support.places import make_place
from tests.support.served import ROOT, served
from tests.support.tiny import catalogue

REASON = re.compile(rf"  [+-]\d+\.\d\d ({'|'.join(get_args(Kind))}) .*")
EXAMPLE = ROOT / "simulations" / "examples" / "host_app.py"


@pytest.fixture
def place(tmp_path, tiny):
    place = make_place(tmp_path / "device", port=0)
    place.install(tiny.moved()[0])
    return place


def test_the_host_app_tells_asks_and_shows_what_the_device_holds(place, capsys):
    app = runpy.run_path(str(EXAMPLE))
    with served(place.home, "client.http_api"):
        app["main"](place.home.directory)
        first = capsys.readouterr().out.splitlines()
        app["main"](str(place.home.directory))  # the same search again, by its key
        again = capsys.readouterr().out.splitlines()
    assert (first[0], again[0]) == ("new events: 1", "new events: 0")
    assert ("events: 2" in first, "events: 3" in again) == (True, True)
    titles = {item.title for item in catalogue()}
    for lines in (first, again):
        offers = [line.partition(":")[0] for line in lines if "because of" in line]
        assert len(offers) == 3
        assert set(offers) <= titles
        assert sum(bool(REASON.fullmatch(line)) for line in lines) == 9
        assert sum(line.endswith("%") for line in lines) == 3
        assert lines[-1].startswith("epsilon spent: 0.00 of ")
    with Store.open(place.home.store, place.data_key, read_only=True) as store:
        search, *clicks = [event for _, event in store.rows()]
    assert (search.kind, search.text) == (EventKind.SEARCH, "a rose for the garden")
    assert [event.kind for event in clicks] == [EventKind.CLICK] * 2
    assert all(event.propensity == 1.0 and len(event.shown) == 2 for event in clicks)
    assert len({event.item for event in clicks}) == 2  # what was met is not offered again
