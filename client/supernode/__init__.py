"""The process that answers a server's messages, `python -m client.supernode DIR`: installed code only, no model in it.

What trains runs in a child that ends with its round; nothing of Flower's unpacks or starts anything on a device.
"""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.supernode.serving import run_node
    from client.supernode.slot import in_slot

__getattr__, __dir__ = lazy_exports(
    __name__, {"client.supernode.serving": ("run_node",), "client.supernode.slot": ("in_slot",)}
)

__all__ = ["in_slot", "run_node"]
