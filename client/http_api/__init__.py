"""The local API of a device. Importing it brings in no model and no training."""

from client.http_api.api import make_api
from client.http_api.serving import serve_api

__all__ = ["make_api", "serve_api"]
