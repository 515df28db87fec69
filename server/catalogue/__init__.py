"""The operator's items: read and checked, encoded once, and released."""

from server.catalogue.adding import Added, add_catalogue

__all__ = ["Added", "add_catalogue"]
