"""The only part of a server that is reachable from outside: passes Fleet API, joining and releases, nothing else."""

from server.gateway.routes import make_gateway

__all__ = ["make_gateway"]
