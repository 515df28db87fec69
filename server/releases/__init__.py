"""What a server has published: the chain on disk, the releases it names, and going back."""

from server.releases.chain_file import chain_content, unfinished
from server.releases.releases import Releases

__all__ = ["Releases", "chain_content", "unfinished"]
