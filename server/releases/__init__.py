"""What a server has published: the chain on disk, the releases it names, and going back."""

from server.releases.chain_file import unfinished
from server.releases.releases import Releases

__all__ = ["Releases", "unfinished"]
