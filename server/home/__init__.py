"""The folder of one server: its settings, keys and places, and how it is made."""

from server.home.create import (
    check_free,
    create_server,
    federation_text,
    issue_server_certificate,
    make_folders,
)
from server.home.home import Home
from server.home.keys import SECRET_BYTES, new_secret, read_ed25519, read_p256, write_private
from server.home.settings import Limits, Schedule, ServerSettings, settings_of
from server.home.tls import fits_key, hosts_in, read_certificate, spelt

__all__ = [
    "SECRET_BYTES",
    "Home",
    "Limits",
    "Schedule",
    "ServerSettings",
    "check_free",
    "create_server",
    "federation_text",
    "fits_key",
    "hosts_in",
    "issue_server_certificate",
    "make_folders",
    "new_secret",
    "read_certificate",
    "read_ed25519",
    "read_p256",
    "settings_of",
    "spelt",
    "write_private",
]  # fmt: skip
