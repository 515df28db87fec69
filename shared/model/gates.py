"""How much each block of item features counts beside the text: one learnt positive number a block, federated."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Gates(nn.Module):
    """Multiplies the feature columns of x, which stand before the text's, block by block by `weights` = exp(levels/10).

    `levels` float32 [blocks] are in tenths for the reason given at `Scales`; they start at zero: a block counts as much
    as the text. The zeros that stand for a block which an item lacks stay zeros.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.zeros(len(widths)))
        self.register_buffer("block_of", torch.repeat_interleave(torch.tensor(widths)), persistent=False)
        self.block_of: Tensor  # int64 [feature columns], the block that each column belongs to

    def weights(self) -> Tensor:
        """Float32 [blocks]."""
        return (self.levels / 10.0).exp()

    def forward(self, x: Tensor) -> Tensor:
        """Rows [..., features + text] to the same, gated."""
        columns = len(self.block_of)
        return torch.cat([x[..., :columns] * self.weights()[self.block_of], x[..., columns:]], -1)
