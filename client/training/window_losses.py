"""The loss of each window as one module, and the tensors it is made of."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shared.model import GlobalModel, Padded, Windows


class Fresh(NamedTuple):
    """Texts to encode with gradient.

    Kept lower activations, their (window, place), whether they are the person's own words, and the whitening.
    """

    padded: Padded
    window: Tensor
    place: Tensor
    own: Tensor
    matrix: Tensor
    mean: Tensor


class Batch(NamedTuple):
    """The windows of one step, and the texts to encode with gradient, if any."""

    windows: Windows
    fresh: Fresh | None


class WindowLosses(nn.Module):
    """Loss of each window as one module, so that Opacus sees heads and adapters together."""

    def __init__(self, model: GlobalModel) -> None:
        super().__init__()
        self.heads = model.heads
        self.upper = model.encoder.upper
        self._encode = model.encoder.embed_kept

    def forward(self, batch: Batch) -> Tensor:
        """Loss of each window; texts to encode with gradient take the places they have in the windows first."""
        windows, fresh = batch
        if fresh is not None:
            x = (self._encode(fresh.padded) - fresh.mean) @ fresh.matrix
            columns = fresh.matrix.shape[1] - len(fresh.mean)
            features = windows.targets[fresh.window, fresh.place, :columns] * ~fresh.own.unsqueeze(1)
            x = torch.cat([features, x[:, columns:]], 1)  # a public item keeps its features, words have none
            events = windows.events.index_put((fresh.window, fresh.place), x)
            windows = windows._replace(events=events, targets=self._with_gradient(windows.targets, fresh, x))
        return self.heads.losses(windows)

    @staticmethod
    def _with_gradient(targets: Tensor, fresh: Fresh, x: Tensor) -> Tensor:
        """Targets with the index's values and the gradient of their own encoding, less its mean over the window.

        The items that targets are contrasted with keep the index's values too. A shift common to all texts would move
        those other items too, so it must not look like progress.
        """
        public = ~fresh.own
        window, place = fresh.window[public], fresh.place[public]
        change = x[public] - x[public].detach()
        total = torch.zeros(len(targets), x.shape[1]).index_add(0, window, change)
        count = torch.zeros(len(targets)).index_add(0, window, torch.ones(len(window))).clamp(min=1)
        centred = change - (total / count.unsqueeze(1))[window]
        return targets.index_put((window, place), centred, accumulate=True)
