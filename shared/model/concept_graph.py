"""A concept graph: what is known of a field before anybody taught the model anything. It is public prior knowledge.

{"concepts": [{"name": "bread", "parent": "cooking", "related": ["noodles"]}, {"name": "cooking"}, ...]}
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.catalogue import Catalogue
from shared.errors import Misconfigured

TIE = 0.1
"""What M starts with between concepts that the graph puts side by side: of a concept's interest so much goes over."""

_Name = Annotated[str, Field(min_length=1, pattern=r"\S")]


class GraphConcept(BaseModel):
    """One concept: the broader one it belongs to, and those it goes with."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: _Name
    parent: _Name | None = None
    related: Annotated[tuple[_Name, ...], Field(strict=False)] = ()


class ConceptGraph(BaseModel):
    """Concepts in a fixed order, each spoken of by its name. A parent may stand behind its children."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    concepts: Annotated[tuple[GraphConcept, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        parents: dict[str, str | None] = {}
        for concept in self.concepts:
            if concept.name in parents:
                raise ValueError(f"expected each concept once, got {concept.name!r} twice")
            parents[concept.name] = concept.parent
        for concept in self.concepts:
            for what, name in (("parent", concept.parent), *(("related", name) for name in concept.related)):
                if name is not None and name not in parents:
                    raise ValueError(f"{concept.name!r}: expected a concept of the graph as {what}, got {name!r}")
            if concept.name in concept.related:
                raise ValueError(f"{concept.name!r}: expected other concepts as related, got itself")
            above, seen = concept.parent, {concept.name}
            while above is not None:
                if above in seen:
                    raise ValueError(f"{concept.name!r}: expected parents that end, got a circle through {above!r}")
                seen.add(above)
                above = parents[above]
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of all concepts, in the graph's order."""
        return tuple(concept.name for concept in self.concepts)

    def ties(self, concepts: int) -> NDArray[np.float32]:
        """M at the start, float32 [concepts, concepts], symmetric.

        `TIE` between parent and child and between related concepts, zero elsewhere; the graph's concepts come first.
        """
        matrix = np.zeros((concepts, concepts), np.float32)
        places = {name: place for place, name in enumerate(self.names)}
        for here, concept in enumerate(self.concepts):
            for name in (*concept.related, *([concept.parent] if concept.parent else [])):
                matrix[here, places[name]] = matrix[places[name], here] = TIE
        return matrix

    def centres(
        self,
        catalogue: Catalogue,
        index: NDArray[np.float32],
        read: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """A unit centre for each concept, float32 [concepts, D].

        The mean direction of the items that carry its name as a category, whether written small or not; where there is
        none, its name as a text.

        Args:
            catalogue: the items, with their categories.
            index: float32 [items, D], whitened catalogue.
            read: whitens texts.
        """
        carriers: dict[str, list[int]] = {}
        for row, item in enumerate(catalogue):
            for category in {category.casefold() for category in item.categories}:
                carriers.setdefault(category, []).append(row)
        rows = [carriers.get(name.casefold(), []) for name in self.names]
        spoken = [name for name, held in zip(self.names, rows, strict=True) if not held]
        read_names = iter(read(spoken) if spoken else ())
        return _unit(np.stack([_unit(index[held]).mean(0) if held else next(read_names) for held in rows]))


def read_graph(path: Path) -> ConceptGraph:
    """A concept graph from a JSON file.

    Raises:
        Misconfigured: the file cannot be read, has unknown keys, a name twice, an unknown parent or related concept, or
            parents in a circle.
    """
    try:
        return ConceptGraph.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Misconfigured(f"concept graph {path}: expected a JSON file ({error})") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "graph"
        reason = problem["msg"].removeprefix("Value error, ")
        raise Misconfigured(f"concept graph {path}: {place}: {reason}") from None


def _unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12), np.float32)
