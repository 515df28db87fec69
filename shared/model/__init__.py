"""The global concept model: encoder, whitening, heads, parameter vector."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from shared.model.adapter import AdapterInputs
    from shared.model.backbone_files import Pooling, TextReading, encoder_width, find_backbone, text_reading
    from shared.model.concept_graph import ConceptGraph, read_graph
    from shared.model.concept_labels import name_concepts, read_names, rename
    from shared.model.concept_model import ConceptModel, Concepts, EventSequence, Forgetting, Scales, Windows, age_ranks
    from shared.model.context import CONTEXT_WIDTH, Context, HourPoint, encode_context, hour_point, hour_similarity
    from shared.model.embedding_slabs import read_and_keep
    from shared.model.encoder import Encoder, Progress, Readings
    from shared.model.evolution import Evolution, State, build_evolution
    from shared.model.gates import Gates
    from shared.model.global_model import GlobalModel, build_model
    from shared.model.initialisation import find_concepts
    from shared.model.layout import Block, Layout, Vector
    from shared.model.popularity import log_popularity, predicted_log_popularity
    from shared.model.readable import check_readable
    from shared.model.whitening import Whitening

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "shared.model.adapter": ("AdapterInputs",),
        "shared.model.backbone_files": ("Pooling", "TextReading", "encoder_width", "find_backbone", "text_reading"),
        "shared.model.concept_graph": ("ConceptGraph", "read_graph"),
        "shared.model.concept_labels": ("name_concepts", "read_names", "rename"),
        "shared.model.concept_model": (
            "ConceptModel",
            "Concepts",
            "EventSequence",
            "Forgetting",
            "Scales",
            "Windows",
            "age_ranks",
        ),
        "shared.model.context": (
            "CONTEXT_WIDTH",
            "Context",
            "HourPoint",
            "encode_context",
            "hour_point",
            "hour_similarity",
        ),
        "shared.model.embedding_slabs": ("read_and_keep",),
        "shared.model.encoder": ("Encoder", "Progress", "Readings"),
        "shared.model.evolution": ("Evolution", "State", "build_evolution"),
        "shared.model.gates": ("Gates",),
        "shared.model.global_model": ("GlobalModel", "build_model"),
        "shared.model.initialisation": ("find_concepts",),
        "shared.model.layout": ("Block", "Layout", "Vector"),
        "shared.model.popularity": ("log_popularity", "predicted_log_popularity"),
        "shared.model.readable": ("check_readable",),
        "shared.model.whitening": ("Whitening",),
    },
)

__all__ = [
    "CONTEXT_WIDTH",
    "AdapterInputs",
    "Block",
    "ConceptGraph",
    "ConceptModel",
    "Concepts",
    "Context",
    "Encoder",
    "EventSequence",
    "Evolution",
    "Forgetting",
    "Gates",
    "GlobalModel",
    "HourPoint",
    "Layout",
    "Pooling",
    "Progress",
    "Readings",
    "Scales",
    "State",
    "TextReading",
    "Vector",
    "Whitening",
    "Windows",
    "age_ranks",
    "build_evolution",
    "build_model",
    "check_readable",
    "encode_context",
    "encoder_width",
    "find_backbone",
    "find_concepts",
    "hour_point",
    "hour_similarity",
    "log_popularity",
    "name_concepts",
    "predicted_log_popularity",
    "read_and_keep",
    "read_graph",
    "read_names",
    "rename",
    "text_reading",
]
