"""Ranks for the person in a process of its own, which holds the model and ends when nobody asks."""

from client.ranker.ranker import Ranker

__all__ = ["Ranker"]
