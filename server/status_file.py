"""run/status.json: what `hushrec-server up` writes of itself, for those who only read. Nothing slow is imported."""

import json
from typing import Any

from server.home import Home

SET_ASIDE_CURE = "start the server again, which registers every node anew; or revoke the device and invite it again"


def read_status(home: Home) -> dict[str, Any] | None:
    """What `up` last wrote about itself; None when it never ran, or where the file is damaged."""
    try:
        content = json.loads(home.status.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def devices_set_aside(home: Home) -> list[dict[str, str]]:
    """{"device", "why"} of each device that no round asks, as Flower does not take its node."""
    found = (read_status(home) or {}).get("set_aside", [])
    return [{name: str(one[name]) for name in ("device", "why")} for one in found]
