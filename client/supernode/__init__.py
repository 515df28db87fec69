"""The process that answers a server's messages, `python -m client.supernode DIR`: installed code only, no model in it.

What trains runs in a child that ends with its round; nothing of Flower's unpacks or starts anything on a device.
"""

from client.supernode.slot import in_slot

__all__ = ["in_slot"]
