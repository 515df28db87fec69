"""What a server has published: the chain on disk, the releases it names, and going back."""

from server.releases.chain_file import chain_content, unfinished
from server.releases.releases import AMENDED, Releases, terms_path

__all__ = ["AMENDED", "Releases", "chain_content", "terms_path", "unfinished"]
