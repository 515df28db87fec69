"""The socket on which a device's local API listens. It brings in no server, so that `up` can try it first."""

import socket
from ipaddress import ip_address

from shared.errors import NotYet

MOST_CONNECTIONS = 64  # more at once are told to come back


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket at a loopback address; port 0 is any that is free.

    Raises:
        NotYet: the port is in use, or not this user's to take.
    """
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise NotYet(
            f"{host}:{port}: expected a free port for the local API ({error.strerror}); end what uses it, or set "
            "another port in device.toml"
        ) from None
    return listener
