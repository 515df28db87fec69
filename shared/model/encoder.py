"""Turns texts into embeddings: frozen lower layers (kept), top layers with LoRA adapters (trained).

FFA-LoRA (Sun et al. 2024, arXiv 2403.12313): A is drawn once from a public seed and frozen, only B is trained, so that
averaging adapters is exact. B starts at zero: the first encoder is the backbone.
"""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model.activations import ActivationStore
from shared.model.backbone import Backbone
from shared.model.encoder_copy import EncoderCopy, mean_state

# Query and value projections as the families name them.
_QUERY_VALUE = (("query", "value"), ("q_lin", "v_lin"), ("q_proj", "v_proj"))
_BATCH_TOKENS = 4096
_BATCH_TOKENS_ACCELERATED = 65_536

Embeddings = NDArray[np.float32]  # shape [texts, width]
Progress = Callable[[int], None]  # called with the number of texts just encoded


class Padded(NamedTuple):
    """A batch of ragged activations: states float32 [texts, tokens, width], mask bool [texts, tokens]."""

    states: Tensor
    mask: Tensor


class _PassThrough(nn.Module):
    """Stands where the embedding layer was: hands on what the lower layers made."""

    def forward(self, *given: Any, inputs_embeds: Tensor | None = None, **_: Any) -> Tensor:
        # DistilBERT hands them over by position, the others by name.
        return next(states for states in (inputs_embeds, *given) if states is not None)


class Encoder:
    """A backbone cut in two, with adapters on the upper part.

    `adapters` are the trainable B matrices by name, each [out, rank] float32, zero at the start; `name` is what the
    federation file calls the backbone.
    """

    def __init__(
        self,
        backbone: Backbone,
        federation: FederationFile,
        memory_bytes: int = 512 * 2**20,
        trainable: bool = True,
    ) -> None:
        settings = federation.model
        layers = _layers(backbone.model)
        if settings.lora_layers > len(layers):
            raise Misconfigured(
                f"model.lora_layers: expected at most the encoder's {len(layers)} layers, got {settings.lora_layers}"
            )
        split = len(layers) - settings.lora_layers
        self.width = int(backbone.model.config.hidden_size)
        self.name, self.digest = federation.backbone.name, backbone.digest
        self.store = ActivationStore(memory_bytes)
        self._max_tokens = federation.backbone.max_tokens
        self._lora_scale = settings.lora_scale
        self._tokenizer = backbone.tokenizer
        self._lower = _part(backbone.model, list(layers)[:split])
        upper = _part(backbone.model, list(layers)[split:])
        upper.embeddings = _PassThrough()
        self.upper = _with_adapters(upper, federation, trainable)
        self.adapters: dict[str, nn.Parameter] = {
            name: parameter for name, parameter in self.upper.named_parameters() if "lora_B" in name
        }
        self._known: tuple[bytes, Mapping[str, int], Embeddings] | None = None
        self._copy: EncoderCopy | None = None

    def __repr__(self) -> str:
        return f"Encoder(width={self.width}, adapters={len(self.adapters)}, kept={len(self.store)})"

    @property
    def arithmetic(self) -> str:
        """How `embed` computes: embeddings made in another way differ in their last digits."""
        return "float32 on cpu" if self._copy is None else self._copy.arithmetic

    def encode_on(self, accelerator: torch.device, precision: torch.dtype) -> None:
        """Have `embed` compute on an accelerator from now on, with a copy of the weights in this precision.

        For many texts at once. It looks up no activations there and keeps none; all else stays on the CPU in float32.
        """
        self._copy = EncoderCopy(self._lower, self.upper, accelerator, precision)

    def keep(self, texts: Sequence[str], progress: Progress = lambda _: None) -> None:
        """Pass texts not met before through the frozen lower layers and keep their activations."""
        for batch in self._batches(self.store.missing(texts)):
            states, mask = self._run_lower(batch)
            for text, state, length in zip(batch, states, mask.sum(1).tolist(), strict=True):
                self.store.put(text, state[:length].numpy())
            progress(len(batch))

    def lower(self, texts: Sequence[str]) -> Padded:
        """Kept activations of these texts, padded to the longest.

        A text not met before is read by itself: beside others its last bits would tell what it was met beside, and so
        the order in which devices work.
        """
        for text in self.store.missing(texts):
            self.keep([text])
        kept = [self.store.get(text) for text in texts]
        longest = max(len(state) for state in kept)
        states = torch.zeros(len(kept), longest, self.width)
        mask = torch.zeros(len(kept), longest, dtype=torch.bool)
        for row, state in enumerate(kept):
            states[row, : len(state)] = torch.from_numpy(state.copy())
            mask[row, : len(state)] = True
        return Padded(states, mask)

    def embed_kept(self, padded: Padded) -> Tensor:
        """Embeddings float32 [texts, width] of kept activations, differentiable in the adapters."""
        return mean_state(self._run_upper(padded), padded.mask)

    def remember(self, rows: Mapping[str, int], embeddings: Embeddings) -> None:
        """Take embeddings that were made elsewhere under the present adapters; `embed` uses them while these stay.

        Args:
            rows: row of each text.
            embeddings: float32 [texts, width]; may be mapped from a file.
        """
        self._known = self._adapter_bytes(), rows, embeddings

    def embed(self, texts: Sequence[str], keep: bool = False, progress: Progress = lambda _: None) -> Embeddings:
        """Embeddings [texts, width] under the present adapters, without gradient.

        Args:
            texts: to encode; each different one is encoded once.
            keep: also keep the lower activations, for texts that will be encoded again under other adapters; not on an
                accelerator, see `encode_on`.
            progress: called after each batch with how many texts it held.
        """
        unique = list(dict.fromkeys(texts))
        rows = {text: row for row, text in enumerate(unique)}
        result = np.empty((len(unique), self.width), np.float32)
        if self._known is not None and self._known[0] == self._adapter_bytes():
            _, places, embeddings = self._known
            known = [text for text in unique if text in places]
            result[[rows[text] for text in known]] = embeddings[[places[text] for text in known]]
            unique = [text for text in unique if text not in places]
            progress(len(known))
        if self._copy is not None:
            self._copy.take(self.adapters)
        for batch in self._batches(unique, _BATCH_TOKENS if self._copy is None else _BATCH_TOKENS_ACCELERATED):
            result[[rows[text] for text in batch]] = self._embed_batch(batch, keep).numpy()
            progress(len(batch))
        return result[[rows[text] for text in texts]]

    @torch.no_grad()
    def _embed_batch(self, texts: Sequence[str], keep: bool) -> Tensor:
        if self._copy is not None:
            return self._copy.embed(self._tokenizer(texts))
        if keep:
            self.keep(texts)
        kept = keep or not self.store.missing(texts)
        return self.embed_kept(self.lower(texts) if kept else self._run_lower(texts))

    def state_digest(self) -> str:
        """SHA-256, in hexadecimal, of all that embeddings depend on besides the texts.

        Adapters that do nothing yet leave no trace in it, whatever their shapes are.
        """
        told = hashlib.sha256(f"{self.digest} {self.arithmetic} {self._max_tokens} {self.width}".encode())
        if any(parameter.detach().any() for parameter in self.adapters.values()):
            told.update(f" {self._lora_scale}".encode())
            for name, parameter in sorted(self.upper.named_parameters()):
                if "lora_" in name:
                    told.update(name.encode() + parameter.detach().numpy().tobytes())
        return told.hexdigest()

    def _adapter_bytes(self) -> bytes:
        return b"".join(parameter.detach().numpy().tobytes() for parameter in self.adapters.values())

    def unknown_shares(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Share of each text's tokens that the encoder does not know, float64 [texts]."""
        return self._tokenizer.unknown_shares(texts)

    def _batches(self, texts: Sequence[str], tokens_together: int = _BATCH_TOKENS) -> Iterator[list[str]]:
        # Texts of like length together: padding is work thrown away.
        ordered = sorted(texts, key=len)
        size = max(1, tokens_together // self._max_tokens)
        batch: list[str] = []
        longest = 0
        for text in ordered:
            tokens = min(self._max_tokens, len(text) // 4 + 3)
            if batch and (len(batch) + 1) * max(longest, tokens) > size * self._max_tokens:
                yield batch
                batch, longest = [], 0
            batch.append(text)
            longest = max(longest, tokens)
        if batch:
            yield batch

    def _run_lower(self, texts: Sequence[str]) -> Padded:
        ids, mask = self._tokenizer(texts)
        with torch.no_grad():
            states = self._lower(input_ids=ids, attention_mask=mask)
        return Padded(states.last_hidden_state, mask.bool())

    def _run_upper(self, padded: Padded) -> Tensor:
        output = self.upper(inputs_embeds=padded.states, attention_mask=padded.mask.long())
        return output.last_hidden_state


def _layers(model: Any) -> nn.ModuleList:
    """The list of transformer layers, wherever the family keeps it."""
    count = getattr(model.config, "num_hidden_layers", None)
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise Misconfigured(f"backbone: expected an encoder with a list of {count} layers, {type(model).__name__} has none")


def _part(model: Any, layers: Sequence[nn.Module]) -> Any:
    """The model with these layers only, without pooler: modules of its own over the same frozen weights."""
    whole = _layers(model)
    names = {id(module): name for name, module in model.named_modules()}
    holder, _, place = names[id(whole)].rpartition(".")
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    part = copy.deepcopy(model, dict(shared))
    setattr(part.get_submodule(holder), place, nn.ModuleList(copy.deepcopy(list(layers), dict(shared))))
    part.config.num_hidden_layers = len(layers)
    if getattr(part, "pooler", None) is not None:
        part.pooler = None
    for module in part.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return part.eval()


def _with_adapters(upper: Any, federation: FederationFile, trainable: bool) -> Any:
    settings = federation.model
    present = {name.rpartition(".")[2] for name, _ in upper.named_modules()}
    targets = next((list(pair) for pair in _QUERY_VALUE if set(pair) <= present), None)
    if targets is None:
        raise Misconfigured(
            f"backbone: expected query and value projections named as one of {_QUERY_VALUE}, found none"
        )
    inject = _injected if trainable else _wrapped
    upper = inject(upper, targets, settings.lora_rank, settings.lora_scale)
    generator = torch.Generator().manual_seed(settings.seed)
    for name, parameter in upper.named_parameters():
        parameter.requires_grad_(trainable and "lora_B" in name)
        if "lora_A" in name:
            # Kaiming-uniform, as LoRA draws it, but from the public seed: every device has the same A.
            bound = 1.0 / parameter.shape[1] ** 0.5
            with torch.no_grad():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) * 2 * bound - bound)
        elif "lora_B" in name:
            nn.init.zeros_(parameter)
    return upper


def _injected(upper: Any, targets: list[str], rank: int, scale: float) -> Any:
    """Adapters by PEFT."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=rank,
        lora_alpha=scale * rank,  # type: ignore[arg-type]  # any number will do
        lora_dropout=0.0,
        target_modules=targets,
        bias="none",
    )
    return inject_adapter_in_model(config, upper)


def _wrapped(upper: Any, targets: list[str], rank: int, scale: float) -> Any:
    """Adapters that only run forwards, under the names that PEFT gives."""
    found = [name for name, _ in upper.named_modules() if name.rpartition(".")[2] in targets]
    for name in found:
        holder, _, place = name.rpartition(".")
        setattr(upper.get_submodule(holder), place, _Adapted(upper.get_submodule(name), rank, scale))
    return upper


class _Adapted(nn.Module):
    """A projection with an adapter beside it: W x + b + scale B A x."""

    def __init__(self, projection: Any, rank: int, scale: float) -> None:
        super().__init__()
        self._scale = scale
        self.base_layer = projection
        self.lora_A = nn.ModuleDict({"default": nn.Linear(projection.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, projection.out_features, bias=False)})

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self._scale * self.lora_B["default"](self.lora_A["default"](x))
