"""An encoder's weights once more, on an accelerator: for many texts at once, without gradient."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from shared.model.tokens import Tokens


class EncoderCopy:
    """Copies of both halves of an `Encoder`; its adapters are those that `take` was last given."""

    def __init__(self, lower: Any, upper: Any, accelerator: torch.device, precision: torch.dtype) -> None:
        """Copy the halves to an accelerator, their weights in this precision."""
        self._accelerator, self._precision = accelerator, precision
        self._lower, self._upper = (copy.deepcopy(half).to(accelerator, precision) for half in (lower, upper))
        self._adapters = dict(self._upper.named_parameters())

    def __repr__(self) -> str:
        return f"EncoderCopy({self.arithmetic})"

    @property
    def arithmetic(self) -> str:
        """Precision and accelerator, such as "bfloat16 on cuda"."""
        return f"{str(self._precision).removeprefix('torch.')} on {self._accelerator.type}"

    @torch.no_grad()
    def take(self, adapters: Mapping[str, nn.Parameter]) -> None:
        """Encode under these adapters from now on; they have the names they have in the upper half."""
        for name, values in adapters.items():
            self._adapters[name].copy_(values)

    @torch.no_grad()
    def embed(self, tokens: Tokens) -> Tensor:
        """Embeddings of a batch, float32 [texts, width] on the CPU; states are averaged in float32."""
        ids, mask = (part.to(self._accelerator) for part in tokens)
        states = self._lower(input_ids=ids, attention_mask=mask).last_hidden_state
        states = self._upper(inputs_embeds=states, attention_mask=mask).last_hidden_state
        return mean_state(states.float(), mask.bool()).cpu()


def mean_state(states: Tensor, mask: Tensor) -> Tensor:
    """Mean [texts, width] of the states [texts, tokens, width] of each text's tokens; mask bool, false for padding."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
