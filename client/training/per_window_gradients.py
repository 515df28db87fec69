"""Per-window gradients of the heads and the adapter through Opacus, clipped and summed.

The clipping of DP-SGD (Abadi et al. 2016, "Deep Learning with Differential Privacy", arXiv:1607.00133). Noise comes
later, in whole units, and not from here.
"""

import warnings
from collections.abc import Sequence
from typing import cast

import torch
from opacus.grad_sample import GradSampleModule, register_grad_sampler
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn
from torch.nn import functional

from shared.model import Concepts, Forgetting, Gates, Scales

warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)


class PerWindow:
    """Opacus around a module whose loss is one number per window."""

    def __init__(self, module: nn.Module, parameters: Sequence[nn.Parameter]) -> None:
        """Hook Opacus onto the parameters that take gradients at present.

        Args:
            module: holds all of the parameters below.
            parameters: whose layers see one row per window.
        """
        self.module = GradSampleModule(module, batch_first=True, loss_reduction="sum", strict=False)
        self._parameters = list(parameters)
        for part in module.modules():
            # Opacus looks only at layers in training mode.
            part.training = any(parameter.requires_grad for parameter in part.parameters(recurse=False))

    def __repr__(self) -> str:
        return f"PerWindow({len(self._parameters)} parameters)"

    def close(self) -> None:
        """Take Opacus' hooks off the module again, and what they kept for a backward pass that did not come."""
        self.module.remove_hooks()
        for part in self.module.modules():
            for kept in ("activations", "max_batch_len"):
                part.__dict__.pop(kept, None)

    def clipped_sum(
        self,
        losses: Tensor,
        clip_norm: float,
        expected_windows: float,
    ) -> Tensor:
        """Clip each window's gradient to `clip_norm`, and sum.

        Args:
            losses: float32 [W]; an empty draw of windows has W = 0.
            clip_norm: largest L2 norm of one window's gradient over all parameters.
            expected_windows: a constant of the federation, never the number drawn.

        Returns:
            float32 [d of the trained parameters], the sum over the expected number of windows.
        """
        optimizer = DPOptimizer(
            torch.optim.SGD(self._parameters, lr=1.0),
            noise_multiplier=0.0,
            max_grad_norm=clip_norm,
            expected_batch_size=None,
            loss_reduction="sum",
        )
        optimizer.zero_grad()
        if losses.requires_grad:
            losses.sum().backward()
        for parameter in self._parameters:
            if parameter.grad_sample is None:  # type: ignore[attr-defined]  # by Opacus
                parameter.grad_sample = torch.zeros(len(losses), *parameter.shape)  # type: ignore[attr-defined]
        self._empty_broken_windows(len(losses))
        optimizer.clip_and_accumulate()
        signal = torch.cat([parameter.summed_grad.flatten() for parameter in self._parameters])  # type: ignore[attr-defined]
        optimizer.zero_grad(set_to_none=True)
        return signal / expected_windows

    def _empty_broken_windows(self, windows: int) -> None:
        """Treat a window without a finite gradient as empty.

        Clipping bounds no such window, and it must not take the others with it.
        """
        samples = [cast(Tensor, parameter.grad_sample) for parameter in self._parameters]  # type: ignore[attr-defined]
        whole = torch.ones(windows, dtype=torch.bool)
        for sample in samples:
            whole &= sample.flatten(1).isfinite().all(1)
        if not whole.all():
            for sample in samples:
                sample[~whole] = 0.0


@register_grad_sampler(Concepts)  # type: ignore[untyped-decorator]
def _concepts(layer: Concepts, activations: list[Tensor], backprops: Tensor) -> dict[nn.Parameter, Tensor]:
    length = layer.weight.norm(dim=1, keepdim=True)
    unit = functional.normalize(layer.weight, dim=1)
    towards = torch.einsum("ntk,ntd->nkd", backprops, activations[0])
    along = (towards * unit).sum(-1, keepdim=True)
    return {layer.weight: ((towards - along * unit) / length).detach()}


@register_grad_sampler(Forgetting)  # type: ignore[untyped-decorator]
def _forgetting(layer: Forgetting, activations: list[Tensor], backprops: Tensor) -> dict[nn.Parameter, Tensor]:
    values = activations[0]
    slopes = layer.slopes(values.shape[1])
    return {layer.gamma: torch.einsum("wtf,tj,wjf->w", backprops, slopes, values).unsqueeze(1).detach()}


@register_grad_sampler(Gates)  # type: ignore[untyped-decorator]
def _gates(layer: Gates, activations: list[Tensor], backprops: Tensor) -> dict[nn.Parameter, Tensor]:
    columns = len(layer.block_of)
    slopes = (backprops[..., :columns] * activations[0][..., :columns]).flatten(1, -2).sum(1)
    samples = torch.zeros(len(slopes), len(layer.levels)).index_add(1, layer.block_of, slopes)
    return {layer.levels: (samples * layer.weights() / 10.0).detach()}


@register_grad_sampler(Scales)  # type: ignore[untyped-decorator]
def _scales(layer: Scales, activations: list[Tensor], backprops: Tensor) -> dict[nn.Parameter, Tensor]:
    samples = torch.einsum("wtc,wtcm->wm", backprops, activations[0]) * layer.weights() / 10.0
    return {layer.levels: samples.detach()}
