"""The releases on a device: fetched from the server, verified before use, swapped at once, the last good one kept."""

from client.releases.past import ChainPast, Superseded
from client.releases.releases import LARGEST_BYTES, Releases
from client.releases.revocations import update_revocations

__all__ = ["LARGEST_BYTES", "ChainPast", "Releases", "Superseded", "update_revocations"]
