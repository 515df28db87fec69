"""A release: the global concept model as files, its model card, the int8 index, and the operator's signed chain."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from shared.release.making import (
        adapter_change,
        amended_release,
        candidate_release,
        first_release,
        model_of,
        next_release,
        with_items,
    )
    from shared.release.publication import LARGEST_BYTES, MANIFEST, FileEntry, Publication
    from shared.release.release import Release

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "shared.release.making": (
            "adapter_change",
            "amended_release",
            "candidate_release",
            "first_release",
            "model_of",
            "next_release",
            "with_items",
        ),
        "shared.release.publication": ("FileEntry", "LARGEST_BYTES", "MANIFEST", "Publication"),
        "shared.release.release": ("Release",),
    },
)

__all__ = [
    "LARGEST_BYTES", "MANIFEST", "FileEntry", "Publication", "Release", "adapter_change", "amended_release",
    "candidate_release", "first_release", "model_of", "next_release", "with_items",
]  # fmt: skip
