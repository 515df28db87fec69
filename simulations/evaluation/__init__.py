"""Leave-one-out evaluation: the split, sampled and full metrics, and the scorers that are measured."""

from simulations.evaluation.choices import choices_of
from simulations.evaluation.concept_scorer import ConceptScorer
from simulations.evaluation.device_scorer import DeviceScorer, breadth, fairness, sample_people
from simulations.evaluation.evaluate import Evaluation, Figures, Scorer, evaluate
from simulations.evaluation.per_person import PER_PERSON, write_per_person
from simulations.evaluation.split import Questions, Split, item_places, split
from simulations.evaluation.world import World

__all__ = [
    "PER_PERSON", "ConceptScorer", "DeviceScorer", "Evaluation", "Figures", "Questions", "Scorer", "Split", "World",
    "breadth", "choices_of", "evaluate", "fairness", "item_places", "sample_people", "split", "write_per_person",
]  # fmt: skip
