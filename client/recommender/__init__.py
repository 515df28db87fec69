"""Ranks, explains, and takes the person's wishes: all on the device, from the first second."""

from client.recommender.index import Best, CatalogueIndex
from client.recommender.reasons import Reason, Recommendation, explained, in_words
from client.recommender.recommender import Counterfactual, Recommender
from client.recommender.wishes import Strategy, Wishes

__all__ = [
    "Best",
    "CatalogueIndex",
    "Counterfactual",
    "Reason",
    "Recommendation",
    "Recommender",
    "Strategy",
    "Wishes",
    "explained",
    "in_words",
]
