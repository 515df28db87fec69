"""The protocol every figure follows: what is held out, what is asked, how it is counted."""

from simulations.evaluation.evaluate import Evaluation, Figures, Scorer, evaluate
from simulations.evaluation.split import (
    FEWEST_NEW,
    Questions,
    Rows,
    ShownList,
    Split,
    item_places,
    split,
    training_events,
    validation_event,
)

__all__ = [
    "FEWEST_NEW",
    "Evaluation",
    "Figures",
    "Questions",
    "Rows",
    "Scorer",
    "ShownList",
    "Split",
    "evaluate",
    "item_places",
    "split",
    "training_events",
    "validation_event",
]
