"""What an operator knows of a field before a training: a concept graph, and better names. It comes from files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.model import ConceptGraph, read_graph, read_names


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior knowledge, or none.

    Attributes:
        graph: concepts to start from.
        names: new names of concepts, see `Release.renamed`.
    """

    graph: ConceptGraph | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, graph: Path | None, names: Path | None) -> "Prior":
        """Prior knowledge from files.

        Raises:
            Misconfigured: see `read_graph` and `read_names`.
        """
        return cls(None if graph is None else read_graph(graph), {} if names is None else read_names(names))

    def digest(self) -> str:
        """Hexadecimal; empty without any."""
        if self.graph is None and not self.names:
            return ""
        graph = None if self.graph is None else self.graph.model_dump(mode="json")
        return hashlib.sha256(json.dumps([graph, dict(self.names)]).encode()).hexdigest()
