"""Runs everything a device is made of, until it is told to stop: the local API, and what answers the server.

One `run_device` runs for a device at a time. Which of its processes dies, is killed or hangs, the others go on.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from client.home import Home
from client.loopback import open_listener
from client.maintenance.loop import MaintenanceLoop
from client.membership import Membership
from client.wall_clock import WallClock
from shared.locks import exclusive
from shared.processes import Part, Supervisor

_LOGGER = logging.getLogger("client.maintenance")
_CARE_ENDS_SECONDS = 2.0


def run_device(home: Home, ready: Callable[[], None] = lambda: None) -> None:
    """Run the device until SIGTERM or SIGINT.

    Args:
        home: folder of the device, which has joined a federation.
        ready: called once its processes have been started.

    Raises:
        Misconfigured: it has joined nothing yet, or its folder is not whole.
        StorageFailed: its folder cannot be written.
        NotYet: it runs already, or the port of its local API is in use.
    """
    membership, identity = Membership.load(home.membership), home.keys.identity()
    membership.member(identity, home.revocations)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    busy = f"{home.directory}: this device runs already; stop it first"
    with exclusive(home.up_lock, busy), _told_to_stop() as stop, membership.gateway(identity) as gateway:
        care = threading.Thread(
            target=MaintenanceLoop(home, identity, membership, gateway, WallClock(home.clock)).run,
            args=(stop,),
            daemon=True,
        )
        supervisor = Supervisor(_parts(home), home.run, home.logs)
        supervisor.clear()  # an API that outlived its `up` may have the port
        open_listener(home.settings.host, home.settings.port).close()
        with supervisor:
            care.start()
            ready()
            supervisor.run_forever(stop)
        care.join(_CARE_ENDS_SECONDS)


def _parts(home: Home) -> list[Part]:
    environment = {
        **os.environ,
        "FLWR_HOME": str(home.run / "flower"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    }
    return [
        Part(name, (sys.executable, "-m", module, str(home.directory)), home.directory, environment)
        for name, module in (("api", "client.http_api"), ("executor", "client.supernode"))
    ]


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set at SIGTERM or SIGINT."""
    stop = threading.Event()
    before = {}
    for wanted in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # only the main thread may
            before[wanted] = signal.signal(wanted, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for wanted, handler in before.items():
            signal.signal(wanted, handler)
