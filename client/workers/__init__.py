"""Child processes for what is heavy or may hang: they end when they are idle, too slow, or left behind."""

from client.workers.child import Outcome, call_method
from client.workers.worker import Ended, Worker

__all__ = ["Ended", "Outcome", "Worker", "call_method"]
