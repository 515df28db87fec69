"""The behaviour log on a device's disk: every row sealed, every acknowledged event there once, deleted ones gone."""

from client.store.store import Store

__all__ = ["Store"]
