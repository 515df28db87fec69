"""A transformer that carries a LoRA adapter on the last map of its top layer, and what of a text enters that adapter.

LoRA (Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685) adds B A g to a map of g.
Only B is trained, so that averaging adapters is exact (FFA-LoRA, Sun et al. 2024, "Improving LoRA in Privacy-preserving
Federated Learning", arXiv:2403.12313), and it starts at zero. A is fitted to the public catalogue: the principal axes
of what enters the map (EVA, Paischer et al. 2024, "One Initialization to Rule them All", arXiv:2410.07170).

Everything below that map is a constant of the text. What the adapter adds to a text's embedding is therefore, to first
order in B, a linear map of r numbers that are known beforehand: the mean of A g over the text's tokens, each over the
deviation that the layer norm behind the map divides by. Training needs these numbers alone, and never the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from shared.arrays import F32Matrix
from shared.errors import Misconfigured
from shared.model.backbone_files import Pooling

# The top layer's last map and the norm behind it, as the families name them.
_TOP = (("output.dense", "output.LayerNorm"), ("ffn.lin2", "output_layer_norm"))
_LEAST_SPREAD = 1e-6  # of the widest axis; narrower ones are noise of the arithmetic


@dataclass(frozen=True, slots=True)
class AdapterInputs:
    """What a release holds so that its adapter can be trained: numbers of the public catalogue alone.

    Attributes:
        down: float32 [r, inner], A.
        mean: float32 [r], what enters the adapter in the mean of the catalogue. A shift common to all texts ranks
            nothing, so it must not look like progress: training sees what enters less this mean.
        items: float32 [n, r], what enters of each item, less the mean; exact in float16, which is how it is stored.
    """

    down: F32Matrix
    mean: F32Matrix
    items: F32Matrix

    @classmethod
    def of(cls, down: F32Matrix, entering: F32Matrix) -> Self:
        """Of A and of what enters the adapter of each item, float32 [n, r]."""
        first = cls(down, np.asarray(entering.mean(0, dtype=np.float64), np.float32), entering[:0])
        return first.with_items(entering)

    def with_items(self, entering: F32Matrix) -> Self:
        """The same with further items, of which this enters, float32 [m, r]."""
        new = (entering - self.mean).astype(np.float16).astype(np.float32)
        return type(self)(self.down, self.mean, np.concatenate([self.items, new]))


class ReadingTransformer(nn.Module):
    """Reads tokens: embeddings, and beside them what enters the adapter, where there is one.

    `up` holds B, float32 [width, r], and `down` A, float32 [r, inner]; both are None with rank 0.
    """

    def __init__(self, model: Any, rank: int, light: bool, pooling: Pooling = "mean") -> None:
        """Put an adapter on a transformer.

        Args:
            model: of Hugging Face, or a `Transformer`; it is changed.
            rank: r; 0 for none.
            light: whether the adapter is one that only runs forwards, or PEFT's. Both have the same names.
            pooling: what of the tokens' states is a text's embedding.

        Raises:
            Misconfigured: the top layer does not end in a map and a norm of known names.
        """
        super().__init__()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        self.model, self.rank, self.adapter_name = model, rank, ""
        self._pooling = pooling
        self.up: nn.Linear | None = None
        self.down: nn.Linear | None = None
        self._entering: Tensor | None = None
        self._states: Tensor | None = None
        self._summed: Tensor | None = None
        if rank:
            self._adapt(light)
        self.eval()

    def _adapt(self, light: bool) -> None:
        layers = layers_of(self.model)
        top = next(name for name, module in self.model.named_modules() if module is layers[-1])
        names = [(f"{top}.{map_}", f"{top}.{norm}") for map_, norm in _TOP]
        held = dict(self.model.named_modules())
        found = next(((map_, norm) for map_, norm in names if {map_, norm} <= held.keys()), None)
        if found is None:
            raise Misconfigured(
                f"training.groups: expected an encoder whose top layer has one of {[map_ for map_, _ in names]} for an "
                "adapter, found none; leave adapters out"
            )
        name, norm = found
        self.model = (_wrapped if light else _injected)(self.model, name, self.rank)
        adapted = self.model.get_submodule(name)
        down, up = adapted.lora_A["default"], adapted.lora_B["default"]
        self.adapter_name, self.down, self.up = f"{name}.lora_B.default.weight", down, up
        self._norm = self.model.get_submodule(norm)
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        nn.init.zeros_(down.weight)
        nn.init.zeros_(up.weight)
        # Methods of this module, so that a deep copy of it hears its own copies.
        down.register_forward_hook(self._take_entering)
        self._norm.register_forward_pre_hook(self._take_summed)

    def __repr__(self) -> str:
        return f"ReadingTransformer(rank={self.rank})"

    def _take_entering(self, _: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._states, self._entering = inputs[0], output

    def _take_summed(self, _: Any, inputs: tuple[Tensor, ...]) -> None:
        self._summed = inputs[0]

    @torch.no_grad()
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Float32 [texts, width + r]: the mean state of each text's pooled tokens, then what enters the adapter.

        Args:
            ids: int64 [texts, tokens].
            mask: int64 [texts, tokens], 0 for padding.
        """
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = self._pooled(mask).unsqueeze(-1).float()
        count = weights.sum(1).clamp(min=1)
        read = [(states * weights).sum(1) / count]
        if self._entering is not None:
            read.append((self._entering.float() / self._deviation() * weights).sum(1) / count)
        self._entering = self._states = self._summed = None
        return torch.cat(read, 1)

    @torch.no_grad()
    def entering(self, ids: Tensor, mask: Tensor) -> Tensor:
        """What enters A at every token that is pooled, over its deviation, float32 [tokens, inner]."""
        self.model(input_ids=ids, attention_mask=mask)
        if self._states is None:
            raise RuntimeError("adapter: expected a rank of 1 and more, got 0")
        entering = (self._states.float() / self._deviation())[self._pooled(mask)]
        self._entering = self._states = self._summed = None
        return entering

    def _pooled(self, mask: Tensor) -> Tensor:
        """Which tokens' states make the embedding, bool [texts, tokens]."""
        pooled = mask.bool()
        return pooled if self._pooling == "mean" else pooled & (pooled.cumsum(1) == 1)

    def _deviation(self) -> Tensor:
        """What the norm divides the sum at each token by, float32 [texts, tokens, 1]."""
        if self._summed is None:
            raise RuntimeError("adapter: expected a norm behind the map that it is on, met none")
        variance = self._summed.float().var(-1, unbiased=False, keepdim=True)
        return (variance + self._norm.eps).sqrt()

    def to_embedding(self) -> F32Matrix:
        """What a change B p before the norm comes to in an embedding, float32 [width, width], from the right.

        The norm takes the mean over a state's numbers off and multiplies by its gain. That it also lets a change
        along the state itself pass as nothing is left out: it would need more than r numbers of a text.
        """
        gain = self._norm.weight.detach().numpy()
        centring = np.eye(len(gain), dtype=np.float32) - np.float32(1.0 / len(gain))
        return np.asarray(centring * gain, np.float32)


def principal_axes(tokens: Sequence[Tensor], rank: int) -> F32Matrix:
    """The r widest axes of what enters a map, float32 [r, inner], scaled so that what they read has deviation 1.

    Args:
        tokens: float32 [n, inner] each.
        rank: r.

    Raises:
        Misconfigured: there are fewer axes that differ from token to token.
    """
    count = sum(len(part) for part in tokens)
    if count <= rank:
        raise _too_alike(rank)
    mean = sum(part.double().sum(0) for part in tokens) / max(count, 1)
    spread = sum((part.double() - mean).T @ (part.double() - mean) for part in tokens) / max(count, 1)
    variances, axes = np.linalg.eigh(np.asarray(spread))
    variances, axes = variances[::-1][:rank], axes[:, ::-1][:, :rank]
    if len(variances) < rank or variances[-1] <= _LEAST_SPREAD * variances[0]:
        raise _too_alike(rank)
    # A fixed sign for each axis, so that the same catalogue gives the same A everywhere.
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(rank)])
    return np.ascontiguousarray((axes / np.sqrt(variances)).T, np.float32)


def _too_alike(rank: int) -> Misconfigured:
    return Misconfigured(
        f"model.lora_rank: expected a catalogue whose texts differ in {rank} ways and more, got one that does not; "
        "lower it, or leave adapters out of training.groups"
    )


def layers_of(model: Any) -> nn.ModuleList:
    """The list of transformer layers, wherever the family keeps it.

    Raises:
        Misconfigured: there is none.
    """
    count = getattr(model.config, "num_hidden_layers", None)
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise Misconfigured(f"backbone: expected an encoder with a list of {count} layers, {type(model).__name__} has none")


def _injected(model: Any, name: str, rank: int) -> Any:
    """An adapter by PEFT."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=[name], bias="none")
    return inject_adapter_in_model(config, model)


def _wrapped(model: Any, name: str, rank: int) -> Any:
    """An adapter that only runs forwards, under the names that PEFT gives."""
    holder, _, place = name.rpartition(".")
    setattr(model.get_submodule(holder), place, _Adapted(model.get_submodule(name), rank))
    return model


class _Adapted(nn.Module):
    """A map with an adapter beside it: W x + b + B A x."""

    def __init__(self, projection: Any, rank: int) -> None:
        super().__init__()
        self.base_layer = projection
        self.lora_A = nn.ModuleDict({"default": nn.Linear(projection.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, projection.out_features, bias=False)})

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x))
