"""Ranks for the person in a process of its own, which holds the model and ends when nobody asks."""

from client.ranking.client import RankingClient

__all__ = ["RankingClient"]
