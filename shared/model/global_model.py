"""The global concept model: encoder with adapters, heads, and the one vector that names all that is federated."""

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from shared.errors import Misconfigured
from shared.federation import GROUPS, FederationFile
from shared.model.backbone import load_backbone
from shared.model.concept_model import ConceptModel
from shared.model.encoder import Encoder
from shared.model.layout import Layout, Vector

_GROUP_OF = MappingProxyType(
    {
        "dense.change.weight": "dense",
        "concepts.weight": "concepts",
        "transitions.weight": "transitions",
        "forgetting.gamma": "forgetting",
        "gates.levels": "gates",
        "context.weight": "context",
        "bias.weight": "bias",
        "scales.levels": "scales",
    }
)


class GlobalModel:
    """All federated parameters, in canonical order: the groups as `GROUPS` lists them.

    One object serves many devices in turn: `load` puts a round's vector in place.
    """

    def __init__(self, federation: FederationFile, encoder: Encoder) -> None:
        self.encoder = encoder
        self.heads = ConceptModel(federation, encoder.width)
        named: list[tuple[str, str, nn.Parameter]] = [
            (name, _GROUP_OF.get(name, "evolution"), parameter) for name, parameter in self.heads.named_parameters()
        ]
        named += [(f"adapters.{name}", "adapters", parameter) for name, parameter in sorted(encoder.adapters.items())]
        named.sort(key=lambda entry: GROUPS.index(entry[1]))
        self.layout = Layout.of((name, group, tuple(parameter.shape)) for name, group, parameter in named)
        self._parameters = [parameter for _, _, parameter in named]
        self._groups = [group for _, group, _ in named]

    def __repr__(self) -> str:
        return f"GlobalModel(d={self.layout.size})"

    def vector(self) -> Vector:
        """A copy of all parameters, float32 [d]."""
        return np.concatenate([parameter.detach().numpy().ravel() for parameter in self._parameters])

    def load(self, vector: Vector) -> None:
        """Put a parameter vector, float32 [d], in place.

        Raises:
            Misconfigured: the vector has another length.
        """
        if vector.shape != (self.layout.size,):
            raise Misconfigured(f"parameter vector: expected {self.layout.size} numbers, got shape {vector.shape}")
        with torch.no_grad():
            for block, parameter in zip(self.layout.blocks, self._parameters, strict=True):
                parameter.copy_(torch.from_numpy(vector[block.slice].reshape(block.shape)))

    def train_only(self, groups: Iterable[str]) -> list[nn.Parameter]:
        """Let these groups' parameters take gradients and no others; returns them in canonical order."""
        wanted = set(groups)
        for parameter, group in zip(self._parameters, self._groups, strict=True):
            parameter.requires_grad_(group in wanted)
        return [p for p, group in zip(self._parameters, self._groups, strict=True) if group in wanted]


def build_model(federation: FederationFile, memory_bytes: int = 512 * 2**20, trainable: bool = True) -> GlobalModel:
    """Load the backbone a federation file names and put the (untrained) heads on it.

    Args:
        memory_bytes: of the lower layers' activations that are kept in memory.
        trainable: the adapters are PEFT's, for training. Without, the model has the same parameters and ranks alike,
            and for BERT and its kin neither PEFT nor Hugging Face's classes are imported.

    Raises:
        Misconfigured, Corrupt: see `load_backbone`.
    """
    backbone = load_backbone(federation, trainable)
    return GlobalModel(federation, Encoder(backbone, federation, memory_bytes, trainable))
