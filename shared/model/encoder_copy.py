"""An encoder's weights once more, on an accelerator: for many texts at once, without gradient."""

import copy

import torch
from torch import Tensor

from shared.model.adapter import ReadingTransformer
from shared.model.tokens import Tokens


class EncoderCopy:
    """A copy of an encoder's transformer; its adapter is the one that `take` was last given."""

    def __init__(self, reader: ReadingTransformer, accelerator: torch.device, precision: torch.dtype) -> None:
        """Copy a transformer to an accelerator, its weights in this precision."""
        self._accelerator, self._precision = accelerator, precision
        self._reader = copy.deepcopy(reader).to(accelerator, precision)

    def __repr__(self) -> str:
        return f"EncoderCopy({self.arithmetic})"

    @property
    def arithmetic(self) -> str:
        """Precision and accelerator, such as "bfloat16 on cuda"."""
        return f"{str(self._precision).removeprefix('torch.')} on {self._accelerator.type}"

    @torch.no_grad()
    def take(self, reader: ReadingTransformer) -> None:
        """Read with this one's adapter from now on."""
        for mine, other in ((self._reader.down, reader.down), (self._reader.up, reader.up)):
            if mine is not None and other is not None:
                mine.weight.copy_(other.weight)

    def read(self, tokens: Tokens) -> Tensor:
        """Readings of a batch, float32 [texts, width + rank] on the CPU; states are averaged in float32."""
        ids, mask = (part.to(self._accelerator) for part in tokens)
        return self._reader(ids, mask).cpu()
