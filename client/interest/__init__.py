"""What a device knows about its person: built from the log and the latest release, kept on the device, never sent."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.interest.overrides import Controls, Ruling
    from client.interest.profile import Profile
    from client.interest.reader import TextReader
    from client.interest.types import CANDIDATES, Attribution, Interest, Levels

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.interest.overrides": ("Controls", "Ruling"),
        "client.interest.types": ("CANDIDATES", "Attribution", "Interest", "Levels"),
        "client.interest.profile": ("Profile",),
        "client.interest.reader": ("TextReader",),
    },
)

__all__ = [
    "CANDIDATES",
    "Attribution",
    "Controls",
    "Interest",
    "Levels",
    "Profile",
    "Ruling",
    "TextReader",
]
