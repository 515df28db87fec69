"""The global concept model: encoder with its adapter, heads, and the one vector that names all that is federated.

Training moves one model object in place. Whoever ranks therefore never reads it: heads are built from a vector
(`GlobalModel.heads_at`), and the encoder is used inside `GlobalModel.at`, which puts the parameters before back.
"""

import copy
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from shared.errors import Misconfigured
from shared.federation import GROUPS, FederationFile, group_of_parameter
from shared.model.backbone import load_backbone
from shared.model.concept_model import ConceptModel
from shared.model.encoder import Encoder
from shared.model.layout import Layout, Vector


class GlobalModel:
    """All federated parameters, in canonical order: the groups as `GROUPS` lists them.

    One object serves many devices in turn, and several threads: each puts its vector in place inside `at`.

    Example:
        with model.at(release.vector):
            embeddings = model.encoder.embed(texts)
        heads = model.heads_at(release.vector)  # stays as it is, whatever is trained
    """

    def __init__(self, federation: FederationFile, encoder: Encoder) -> None:
        self.encoder = encoder
        self.heads = ConceptModel(federation, encoder.width)
        self._blank = copy.deepcopy(self.heads)  # before anything hooks onto the heads that train
        self._turn = threading.RLock()
        self._uses = 0
        held = dict(self.heads.named_parameters())
        held |= {f"adapters.{name}": parameter for name, parameter in encoder.adapters.items()}
        named = [(name, group_of_parameter(name), parameter) for name, parameter in held.items()]
        named.sort(key=lambda entry: GROUPS.index(entry[1]))
        self.layout = Layout.of((name, group, tuple(parameter.shape)) for name, group, parameter in named)
        self._parameters = [parameter for _, _, parameter in named]
        self._groups = [group for _, group, _ in named]

    def __repr__(self) -> str:
        return f"GlobalModel(d={self.layout.size})"

    def vector(self) -> Vector:
        """A copy of all parameters, float32 [d]."""
        return np.concatenate([parameter.detach().numpy().ravel() for parameter in self._parameters])

    @contextmanager
    def at(self, vector: Vector) -> Iterator[None]:
        """Put a parameter vector, float32 [d], in place for what happens inside, and then the one before.

        Other threads wait meanwhile; inside, `load` and an optimizer may move the parameters further.

        Raises:
            Misconfigured: the vector has another length.
        """
        with self._turn:
            before = self.vector()
            self._uses += 1
            try:
                self.load(vector)
                yield
            finally:
                self.load(before)
                self._uses -= 1

    def heads_at(self, vector: Vector) -> ConceptModel:
        """Heads of their own under a parameter vector, float32 [d], that take no gradient: nothing ever moves them.

        Raises:
            Misconfigured: the vector has another length.
        """
        self._check(vector)
        heads = copy.deepcopy(self._blank).requires_grad_(False)
        blocks = {block.name: block for block in self.layout.blocks}
        for name, parameter in heads.named_parameters():
            block = blocks[name]
            parameter.copy_(torch.from_numpy(vector[block.slice].reshape(block.shape)))
        return heads

    def load(self, vector: Vector) -> None:
        """Put another parameter vector, float32 [d], in place inside `at`.

        Raises:
            Misconfigured: the vector has another length.
            RuntimeError: nobody is inside `at`: the parameters would stay for whoever comes next.
        """
        self._check(vector)
        with self._turn, torch.no_grad():  # another thread's `at` is not this one's: it is waited for, and then refused
            if not self._uses:
                raise RuntimeError("parameters are put in place inside `with model.at(vector)` alone")
            for block, parameter in zip(self.layout.blocks, self._parameters, strict=True):
                parameter.copy_(torch.from_numpy(vector[block.slice].reshape(block.shape)))

    def _check(self, vector: Vector) -> None:
        if vector.shape != (self.layout.size,):
            raise Misconfigured(f"parameter vector: expected {self.layout.size} numbers, got shape {vector.shape}")

    def train_only(self, groups: Iterable[str]) -> list[nn.Parameter]:
        """Let these groups' parameters take gradients and no others; returns them in canonical order."""
        wanted = set(groups)
        for parameter, group in zip(self._parameters, self._groups, strict=True):
            parameter.requires_grad_(group in wanted)
        return [p for p, group in zip(self._parameters, self._groups, strict=True) if group in wanted]


def build_model(federation: FederationFile, light: bool = False) -> GlobalModel:
    """Load the backbone a federation file names and put the (untrained) heads on it.

    Args:
        federation: names the backbone and says what the heads are.
        light: for devices: for BERT and its kin neither PEFT nor Hugging Face's classes are imported. Such a model has
            the same parameters, and trains and ranks alike.

    Raises:
        Misconfigured, Corrupt: see `load_backbone`.
    """
    return GlobalModel(federation, Encoder(load_backbone(federation, light), federation, light))
