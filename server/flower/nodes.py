"""Makes Flower's list of nodes agree with the registry: whoever is revoked has none, everyone else has one."""

from server.flower.control import Control
from server.registry import Registry


def reconcile_nodes(control: Control, registry: Registry, thoroughly: bool = False) -> list[str]:
    """Register the nodes that are missing, unregister those of revoked devices.

    Args:
        control: the SuperLink, where nodes are registered.
        registry: the devices, and which node each has.
        thoroughly: ask Flower which nodes it has, as its database may have been lost.

    Returns:
        ids of the devices whose node changed.

    Raises:
        NotYet: the SuperLink does not answer; what was settled stays settled.
        Misconfigured: it says no.
    """
    known = control.nodes() if thoroughly else None
    changed = []
    for row in registry.devices():
        lost = known is not None and row.node_id is not None and row.node_id not in known
        if row.revoked_seconds is None and (row.node_id is None or lost):
            registry.set_node(row.device, control.register(row.node_key))
        elif row.revoked_seconds is not None and row.node_id is not None:
            control.unregister(row.node_id)
            registry.set_node(row.device, None)
        else:
            continue
        changed.append(row.device)
    return changed
