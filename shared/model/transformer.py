"""BERT and its kin (RoBERTa, XLM-R, DistilBERT) forwards only, straight from their safetensors.

Hugging Face's classes compute the same, and bring five seconds and 150 MB of what ranking never uses. Layers are named
as theirs are, so that adapters are found under the same names. Weights stay in the mapped file: what is not touched
takes no memory, and processes share what is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

WORD_TABLE = "embeddings.word_embeddings.weight"
_EPSILON = 1e-12  # of layer norms, where a configuration leaves it out


class Output(NamedTuple):
    """As Hugging Face's models answer: states float32 [texts, tokens, width]."""

    last_hidden_state: Tensor


class Transformer(nn.Module):
    """An encoder; `config` holds `hidden_size` and `num_hidden_layers`."""

    def __init__(self, embeddings: nn.Module, layers: Sequence[nn.Module], place: str, width: int) -> None:
        """Put an encoder together.

        Args:
            embeddings: makes states [texts, tokens, width] of token ids.
            layers: from the lowest to the highest.
            place: name of the module that holds the layers, as the family has it.
            width: numbers in a state.
        """
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width, num_hidden_layers=len(layers))
        self.embeddings = embeddings
        self._place = place
        self.add_module(place, _named(layer=nn.ModuleList(layers)))

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """States of the last layer. Takes token ids, or what lower layers made of them.

        Args:
            input_ids: int64 [texts, tokens]; looked at only where `inputs_embeds` is left out.
            inputs_embeds: float32 [texts, tokens, width], what lower layers made of the tokens.
            attention_mask: int64 [texts, tokens], 0 for padding.
        """
        if attention_mask is None:
            raise RuntimeError("transformer: expected an attention mask, as a batch has padding, got none")
        states = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = attention_mask.bool()[:, None, None, :]
        for layer in self.get_submodule(self._place).layer:  # type: ignore[union-attr]
            states = layer(states, mask)
        return Output(states)


def read_transformer(weights: Path, config: Mapping[str, Any], padding: int) -> Transformer | None:
    """The encoder whose safetensors and configuration these are; None if it is none that this file knows.

    Args:
        weights: path of the safetensors file.
        config: of the encoder, as Hugging Face's config.json has it.
        padding: id of the padding token.

    Raises:
        SafetensorError: the file is no safetensors.
    """
    family = config.get("model_type")
    heads = config.get("num_attention_heads", config.get("n_heads"))
    usual = (
        config.get("hidden_act", config.get("activation", "gelu")) == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
        and type(heads) is int
    )
    if family not in ("bert", "roberta", "xlm-roberta", "distilbert") or not usual:
        return None
    place, kind = ("transformer", _DistilBertLayer) if family == "distilbert" else ("encoder", _BertLayer)
    with safe_open(weights, framework="pt") as file:
        read = _Weights(file, config.get("layer_norm_eps", _EPSILON))
        try:
            embeddings = _Embeddings(read, padding if "roberta" in family else None)
            layers = [kind(read, f"{place}.layer.{number}", heads) for number in range(read.layers(place))]
        except KeyError:  # names of another age
            return None
    return Transformer(embeddings, layers, place, embeddings.words.shape[1])


class _Weights:
    """The tensors of a file as modules that never train."""

    def __init__(self, file: Any, epsilon: float) -> None:
        self._file, self._epsilon = file, epsilon
        self._names = set(file.keys())
        # Encoders saved with a head have their names behind that of the family.
        words = next((name for name in self._names if name.endswith(WORD_TABLE)), WORD_TABLE)
        self._before = words.removesuffix(WORD_TABLE)

    def __contains__(self, name: str) -> bool:
        return self._before + name in self._names

    def layers(self, place: str) -> int:
        """How many layers there are."""
        start = f"{self._before}{place}.layer."
        return len({name[len(start) :].split(".")[0] for name in self._names if name.startswith(start)})

    def tensor(self, name: str) -> nn.Parameter:
        """One tensor in float32.

        Raises:
            KeyError: the file has none of this name.
        """
        if name not in self:
            raise KeyError(name)
        return nn.Parameter(self._file.get_tensor(self._before + name).float(), requires_grad=False)

    def table(self, name: str) -> nn.Parameter:
        """One tensor as the file has it: few rows of a table of words are ever read, and float32 of all is a copy.

        Raises:
            KeyError: the file has none of this name.
        """
        if name not in self:
            raise KeyError(name)
        return nn.Parameter(self._file.get_tensor(self._before + name), requires_grad=False)

    def linear(self, name: str) -> nn.Linear:
        weight, bias = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        layer.weight, layer.bias = weight, bias
        return layer

    def norm(self, name: str, epsilon: float | None = None) -> nn.LayerNorm:
        weight, bias = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        layer = nn.LayerNorm(len(weight), eps=self._epsilon if epsilon is None else epsilon, device="meta")
        layer.weight, layer.bias = weight, bias
        return layer


class _Embeddings(nn.Module):
    def __init__(self, weights: _Weights, padding: int | None) -> None:
        """Read them.

        Args:
            weights: of the whole encoder.
            padding: the padding token, after whose id RoBERTa begins to count places; None where places begin at 0.
        """
        super().__init__()
        self.words = weights.table(WORD_TABLE)
        self.places = weights.tensor("embeddings.position_embeddings.weight")
        kind = "embeddings.token_type_embeddings.weight"
        self.kind = weights.tensor(kind) if kind in weights else None
        self.LayerNorm = weights.norm("embeddings.LayerNorm")
        self._padding = padding

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        if self._padding is not None:
            real = ids.ne(self._padding).long()
            places = real.cumsum(1) * real + self._padding
        states = functional.embedding(ids, self.words).to(self.places.dtype) + functional.embedding(places, self.places)
        return self.LayerNorm(states if self.kind is None else states + self.kind[0])


class _BertLayer(nn.Module):
    def __init__(self, weights: _Weights, name: str, heads: int) -> None:
        super().__init__()
        self._heads = heads
        positive_events = {part: weights.linear(f"{name}.attention.self.{part}") for part in ("query", "key", "value")}
        self.attention = _named(
            self=_named(**positive_events),
            output=_named(
                dense=weights.linear(f"{name}.attention.output.dense"),
                LayerNorm=weights.norm(f"{name}.attention.output.LayerNorm"),
            ),
        )
        self.intermediate = _named(dense=weights.linear(f"{name}.intermediate.dense"))
        self.output = _named(
            dense=weights.linear(f"{name}.output.dense"), LayerNorm=weights.norm(f"{name}.output.LayerNorm")
        )

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        inner, outer = self.attention.self, self.attention.output
        positive_events = _attend(inner.query(states), inner.key(states), inner.value(states), mask, self._heads)
        states = outer.LayerNorm(outer.dense(positive_events) + states)
        return self.output.LayerNorm(self.output.dense(functional.gelu(self.intermediate.dense(states))) + states)


class _DistilBertLayer(nn.Module):
    def __init__(self, weights: _Weights, name: str, heads: int) -> None:
        super().__init__()
        self._heads = heads
        parts = ("q_lin", "k_lin", "v_lin", "out_lin")
        self.attention = _named(**{part: weights.linear(f"{name}.attention.{part}") for part in parts})
        self.sa_layer_norm = weights.norm(f"{name}.sa_layer_norm", _EPSILON)
        self.ffn = _named(lin1=weights.linear(f"{name}.ffn.lin1"), lin2=weights.linear(f"{name}.ffn.lin2"))
        self.output_layer_norm = weights.norm(f"{name}.output_layer_norm", _EPSILON)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        inner = self.attention
        positive_events = _attend(inner.q_lin(states), inner.k_lin(states), inner.v_lin(states), mask, self._heads)
        states = self.sa_layer_norm(inner.out_lin(positive_events) + states)
        return self.output_layer_norm(self.ffn.lin2(functional.gelu(self.ffn.lin1(states))) + states)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Attention of several heads side by side, all [texts, tokens, width]; mask bool [texts, 1, 1, tokens]."""
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def _named(**modules: nn.Module) -> Any:
    """A module that only holds others under their names."""
    holder = nn.Module()
    for name, module in modules.items():
        holder.add_module(name, module)
    return holder
