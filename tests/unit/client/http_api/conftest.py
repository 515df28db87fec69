"""The local API over a store in memory."""

from collections.abc import Iterator

import pytest

from client.facade import DeviceFacade
from client.http_api import make_api
from tests.support.asking_device import HOST, TOKEN, Asking
from tests.support.fakes import FakeRanking, FakeStore


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def ranking(store: FakeStore) -> FakeRanking:
    return FakeRanking(store)


@pytest.fixture
def api(store: FakeStore, ranking: FakeRanking) -> Iterator[Asking]:
    facade = DeviceFacade(store, ranking, lambda: {"user": {"epsilon": 1.5}}, lambda: 1_800_000_000.0)
    asking = Asking(make_api(facade, TOKEN, {HOST}))
    yield asking
    asking.close()
