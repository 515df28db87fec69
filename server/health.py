"""Whether a server answers, asked over the network as its devices ask it."""

import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from server.home import Home
from server.instance_lock import is_up
from shared.errors import NotYet

_ASK_SECONDS = 0.3
_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound to


class Health:
    """Asks the gateway of a server on this machine."""

    def __init__(self, home: Home) -> None:
        """Set a client of the gateway up; it connects with its first request.

        Args:
            home: folder of the server: where its gateway listens, and the authority whose certificate it must show.

        Raises:
            Misconfigured: the folder has no certificate of its authority.
        """
        context = ssl.create_default_context(cafile=home.authority_path)
        host = _LOOPBACK if home.settings.host in _EVERYWHERE else home.settings.host
        self._url = f"https://{f'[{host}]' if ':' in host else host}:{home.settings.port}/ready"
        self._client = httpx.Client(verify=context, timeout=2, trust_env=False)

    def __repr__(self) -> str:
        return f"Health({self._url})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def answers(self) -> bool:
        """Whether it is ready now, Flower behind it too, and shows a certificate of this server's own authority."""
        try:
            return self._client.get(self._url).is_success
        except httpx.HTTPError:
            return False


def wait_until_up(
    home: Home,
    seconds: float,
    answers: Callable[[], bool] | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return once `hushrec-server up` runs for this folder and devices can reach it.

    Args:
        home: folder of the server.
        seconds: how long to wait, at most.
        answers: whether its gateway does; asked over the network when left out.
        now: monotonic seconds.
        sleep: waits so many seconds.

    Raises:
        NotYet: they cannot yet.
    """
    if answers is None:
        with Health(home) as health:
            return wait_until_up(home, seconds, health.answers, now, sleep)
    end = now() + seconds
    while not (is_up(home) and answers()):
        if now() >= end:
            state = (
                f"one that is still starting; wait longer, or see {home.logs}"
                if is_up(home)
                else f"none; start it with `hushrec-server up {home.directory}`"
            )
            raise NotYet(
                f"{home.directory}: expected a server that answers at {home.settings.url} within {seconds:g} seconds, "
                f"got {state}"
            )
        sleep(min(_ASK_SECONDS, max(end - now(), 0.0)))
