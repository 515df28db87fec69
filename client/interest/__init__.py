"""What a device knows about its person: built from the log and the latest release, kept on the device, never sent."""

from client.interest.controls import Controls, Ruling
from client.interest.interest import Carried, Interest
from client.interest.levels import CANDIDATES, Levels
from client.interest.profile import DEFAULT_LEVELS, Profile
from client.interest.reader import TextReader

__all__ = [
    "CANDIDATES",
    "DEFAULT_LEVELS",
    "Carried",
    "Controls",
    "Interest",
    "Levels",
    "Profile",
    "Ruling",
    "TextReader",
]
