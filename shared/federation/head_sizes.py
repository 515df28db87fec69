"""How many numbers each parameter group has: what follows from a federation file without building a model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from shared.federation.schema import FederationFile

_CIRCUMSTANCES = 11  # numbers of a moment (`shared.model.context`)


def group_size(federation: FederationFile, group: str, width: int) -> int:
    """Numbers in a group that the federation file asks for.

    Args:
        federation: its settings.
        group: one of its trained groups.
        width: numbers in an embedding of its encoder.

    Example:
        >>> from shared.federation import group_size, read_federation
        >>> group_size(read_federation(), "transitions", 384)
        4096
    """
    return _SIZES[group](federation, width + sum(federation.model.blocks.values()))


def _dense(federation: FederationFile, width: int) -> int:
    model, columns = federation.model, sum(federation.model.blocks.values())
    trained = model.dense_trained + columns
    return min(trained, width) * min(trained, model.dense_width + columns)


def _evolution(federation: FederationFile, width: int) -> int:
    model, interest = federation.model, federation.interest
    views = ("dense" in model.views) * (model.dense_width + sum(model.blocks.values()))
    views += ("concepts" in model.views) * model.concepts
    hidden = interest.hidden
    read, inside = {
        "forgetting": (0, 0),
        "linear": (2 * hidden, 0),
        "gru": (hidden, 3 * (2 * hidden**2 + hidden)),
        "lstm": (hidden, 4 * (2 * hidden**2 + hidden)),
        "attention": (hidden, hidden**2),
    }[interest.evolution]
    return views * hidden + read * views + inside if interest.evolution != "forgetting" else 0


_SIZES: Mapping[str, Callable[[FederationFile, int], int]] = MappingProxyType(
    {
        "dense": _dense,
        "concepts": lambda federation, width: federation.model.concepts * width,
        "transitions": lambda federation, width: federation.model.concepts**2,
        "forgetting": lambda federation, width: 1,
        "evolution": _evolution,
        "gates": lambda federation, width: len(federation.model.blocks),
        "context": lambda federation, width: _CIRCUMSTANCES * federation.model.concepts,
        "bias": lambda federation, width: width,
        "adapters": lambda federation, width: (
            federation.model.lora_rank * (width - sum(federation.model.blocks.values()))
        ),
        "scales": lambda federation, width: len(federation.model.views) + federation.model.popularity,
    }
)
