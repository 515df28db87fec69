"""Ranks, explains, and takes the person's wishes: all on the device, from the first second."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.recommender.company import Company, Past
    from client.recommender.index import Best, CatalogueIndex
    from client.recommender.options import RecommendOptions, Strategy
    from client.recommender.reasons import Counterfactual, Reason, Recommendation, in_words, reasons_in_words
    from client.recommender.recommender import Recommender

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.recommender.company": ("Company", "Past"),
        "client.recommender.index": ("Best", "CatalogueIndex"),
        "client.recommender.reasons": ("Counterfactual", "Reason", "Recommendation", "reasons_in_words", "in_words"),
        "client.recommender.recommender": ("Recommender",),
        "client.recommender.options": ("Strategy", "RecommendOptions"),
    },
)

__all__ = [
    "Best",
    "CatalogueIndex",
    "Company",
    "Counterfactual",
    "Past",
    "Reason",
    "RecommendOptions",
    "Recommendation",
    "Recommender",
    "Strategy",
    "in_words",
    "reasons_in_words",
]
