"""The global concept model: encoder, whitening, heads, parameter vector."""

from shared.model.activations import ActivationStore
from shared.model.concept_graph import ConceptGraph, read_graph
from shared.model.concept_labels import name_concepts, read_names, rename
from shared.model.concept_model import ConceptModel, Concepts, Course, Forgetting, Scales, Windows, age_ranks
from shared.model.context import CONTEXT_WIDTH, Context, describe
from shared.model.encoder import Encoder, Padded, Progress
from shared.model.evolution import Movement, State, movement_of
from shared.model.gates import Gates
from shared.model.global_model import GlobalModel, build_model
from shared.model.initialisation import find_concepts
from shared.model.layout import Block, Layout, Vector
from shared.model.popularity import log_popularity, predicted_log_popularity
from shared.model.readable import check_readable
from shared.model.whitening import Whitening

__all__ = [
    "CONTEXT_WIDTH",
    "ActivationStore",
    "Block",
    "ConceptGraph",
    "ConceptModel",
    "Concepts",
    "Context",
    "Course",
    "Encoder",
    "Forgetting",
    "Gates",
    "GlobalModel",
    "Layout",
    "Movement",
    "Padded",
    "Progress",
    "Scales",
    "State",
    "Vector",
    "Whitening",
    "Windows",
    "age_ranks",
    "build_model",
    "check_readable",
    "describe",
    "find_concepts",
    "log_popularity",
    "movement_of",
    "name_concepts",
    "predicted_log_popularity",
    "read_graph",
    "read_names",
    "rename",
]
