"""Serves the console on this machine alone: from elsewhere it is reached through a tunnel, by SSH say."""

from collections.abc import Callable, Mapping

from server.console.access import Access, Role, console_tokens
from server.console.pages import make_console
from server.console.snapshot import Snapshots
from server.flower import Control
from server.home import Home
from shared.local_page import serve_page


def serve_console(home: Home, port: int, ready: Callable[[str, Mapping[Role, str]], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        home: folder of the server, which need not be up.
        port: of loopback; 0 for any that is free.
        ready: told the address, and the token of each role, once it can be reached.

    Raises:
        Misconfigured: the port is taken, or a key or certificate is missing.
        Corrupt: a file is not what it claims to be.
    """
    tokens = console_tokens(home)
    with Control(home) as control:
        snapshots = Snapshots(home, control)
        serve_page(
            lambda hosts: make_console(home, snapshots, Access(tokens), hosts), port, lambda url: ready(url, tokens)
        )
