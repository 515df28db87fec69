"""The loss of each window as one module, and the tensors it is made of."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shared.model import GlobalModel, Windows


class Entering(NamedTuple):
    """What enters the encoder's adapter of the texts of a batch of windows; see `shared.model.AdapterInputs`.

    Attributes:
        events, targets: float32 [W, T, r]; zero where there is no text.
        others: float32 [W, N, r].
        to_text: float32 [width, D], from a change before the encoder's last norm to a whitened text.
    """

    events: Tensor
    targets: Tensor
    others: Tensor
    to_text: Tensor


class Batch(NamedTuple):
    """The windows of one step, and what enters the adapter; None where there is none.

    With an adapter the texts of the windows are those that B = 0 gives, to first order.
    """

    windows: Windows
    entering: Entering | None


class WindowLosses(nn.Module):
    """Loss of each window as one module, so that Opacus sees heads and adapter together."""

    def __init__(self, model: GlobalModel) -> None:
        super().__init__()
        self.heads = model.heads
        self.adapter = model.encoder.adapter_up

    def forward(self, batch: Batch) -> Tensor:
        """Loss of each window; the adapter moves events, targets and what they are contrasted with alike."""
        windows, entering = batch
        if entering is not None and self.adapter is not None:
            events = windows.events.shape[1]
            moved = self.adapter(torch.cat([entering.events, entering.targets, entering.others], 1)) @ entering.to_text
            windows = windows._replace(
                events=windows.events + moved[:, :events],
                targets=windows.targets + moved[:, events : 2 * events],
                others=windows.others + moved[:, 2 * events :],
            )
        return self.heads.losses(windows)
