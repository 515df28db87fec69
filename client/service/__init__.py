"""The local API of a device. Importing it brings in no model and no training."""

from client.service.api import make_api
from client.service.serving import serve

__all__ = ["make_api", "serve"]
