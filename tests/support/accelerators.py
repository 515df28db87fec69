"""The accelerators of this machine, and a watch over a tensor program: which of its tensors lie elsewhere."""

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
THERE = [
    *(["cuda"] if torch.cuda.is_available() else []),
    *(["mps"] if torch.backends.mps.is_available() else []),
    "cpu",
]


class OnlyOn(TorchDispatchMode):
    """Inside, notes each operation with a tensor that is not on the accelerator, but for the moves themselves.

    The "meta" accelerator computes shapes alone and is there on every machine; some of its operations, such as `bmm`,
    take tensors of the CPU without a word.
    """

    def __init__(self, accelerator: torch.device) -> None:
        super().__init__()
        self.operations = 0
        self.elsewhere: list[str] = []
        self._accelerator = accelerator

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.operations += 1
        if func is not torch.ops.aten._to_copy.default:
            for tensor in pytree.tree_leaves((args, kwargs, made)):
                if isinstance(tensor, Tensor) and tensor.device.type != self._accelerator.type:
                    self.elsewhere.append(f"{func} {tuple(tensor.shape)} on {tensor.device}")
        return made
