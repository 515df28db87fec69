"""The folder of one server: its settings, keys and places, and how it is made."""

from server.home.create import create_server, federation_text, issue_server_certificate
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
    "create_server",
    "federation_text",
    "fits_key",
    "hosts_in",
    "issue_server_certificate",
    "new_secret",
    "read_certificate",
    "read_ed25519",
    "read_p256",
    "settings_of",
    "spelt",
    "write_private",
]  # fmt: skip
