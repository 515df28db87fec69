"""What a server has published: the chain on disk, the releases it names, going back, and other terms."""

from server.releases.amending import Amendment, prepare_amendment, publish_amendment
from server.releases.chain_file import chain_content, unfinished
from server.releases.releases import Releases

__all__ = [
    "Amendment",
    "Releases",
    "chain_content",
    "prepare_amendment",
    "publish_amendment",
    "unfinished",
]
