"""Gives back to the system what loading took for a moment. It changes nothing that is in use."""

import ctypes
import gc


def trim_memory() -> None:
    """Let go of freed memory that the C library keeps for later; without effect where it knows no way."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
