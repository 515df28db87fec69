"""Leave-one-out evaluation: the split, sampled and full metrics, and the scorers that are measured."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.evaluation.concept_scorer import ConceptScorer
    from simulations.evaluation.device_scorer import DeviceScorer, breadth, sample_people
    from simulations.evaluation.evaluate import Evaluation, Figures, Scorer, evaluate
    from simulations.evaluation.split import Questions, Rows, Split, item_places, split, training_events
    from simulations.evaluation.world import World

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.evaluation.concept_scorer": ("ConceptScorer",),
        "simulations.evaluation.device_scorer": ("DeviceScorer", "breadth", "sample_people"),
        "simulations.evaluation.evaluate": ("Evaluation", "Figures", "Scorer", "evaluate"),
        "simulations.evaluation.split": ("Questions", "Rows", "Split", "item_places", "split", "training_events"),
        "simulations.evaluation.world": ("World",),
    },
)

__all__ = [
    "ConceptScorer", "DeviceScorer", "Evaluation", "Figures", "Questions", "Rows", "Scorer", "Split", "World",
    "breadth", "evaluate", "item_places", "sample_people", "split", "training_events",
]  # fmt: skip
