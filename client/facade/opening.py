"""Opens the facade of a device's folder: its store, which then has one writer, and its ranking in another process."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from client.facade.device_facade import DeviceFacade
from client.home import Home
from client.privacy_report import spent_privacy
from client.ranking import RankingClient
from client.store import Store


@contextmanager
def open_facade(home: Home) -> Iterator[DeviceFacade]:
    """The facade of a device, as long as the context lasts.

    Raises:
        NotYet: another process writes to the store, or the keyring cannot be asked.
        Misconfigured, Corrupt: the keys or the store are not what they must be; all of it stays as it is.
    """
    key = home.keys.data_key()
    with Store.open(home.store, key) as store, closing(RankingClient(home, key, store.controls)) as ranking:
        yield DeviceFacade(store, ranking, lambda: spent_privacy(home), time.time)
