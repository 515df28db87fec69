"""Where a simulation's tensor programs run: a GPU where there is one. A person's device never uses it."""

import torch

from shared.errors import Misconfigured
from simulations.options import AcceleratorName

CPU = torch.device("cpu")


def find_accelerator(wanted: AcceleratorName) -> torch.device:
    """The accelerator of this name; for "auto", the best that is there: cuda, then mps, then cpu.

    Raises:
        Misconfigured: it is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    found = [name for name, there in present.items() if there]
    if wanted == "auto":
        return torch.device(found[0])
    if wanted not in found:
        built = {"cuda": torch.backends.cuda, "mps": torch.backends.mps}[wanted].is_built()
        cure = "see that its driver is installed" if built else f"install a build of torch with {wanted}"
        raise Misconfigured(
            f"device: expected {wanted}, found {' and '.join(found)}, with torch {torch.__version__}, built "
            f"{'with' if built else 'without'} {wanted}; {cure}, or leave the device out"
        )
    return torch.device(wanted)


def accelerator_name(accelerator: torch.device) -> str:
    """What it calls itself, where it has a name; else cpu or mps."""
    return torch.cuda.get_device_name(accelerator) if accelerator.type == "cuda" else accelerator.type


def encoder_precision(accelerator: torch.device) -> torch.dtype:
    """In which texts are encoded there: bfloat16 on a GPU that has it, float16 on Apple's, float32 elsewhere."""
    if accelerator.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16 if accelerator.type == "mps" else torch.float32
