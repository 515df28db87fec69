"""The server's log: one line for one thing that happened, as key=value. It carries no parameter value and no secret."""

import json
import logging
from collections.abc import Mapping

_LOGGER = logging.getLogger("hushrec.server")


def log_line(what: str, level: int = logging.INFO, /, **facts: object) -> None:
    """Log what happened, with its facts in the order given."""
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", " ".join([what, *(f"{key}={_shown(fact)}" for key, fact in facts.items())]))


def _shown(fact: object) -> str:
    if isinstance(fact, float):
        return f"{fact:.6g}"
    if isinstance(fact, Mapping):
        return ",".join(f"{key}:{value}" for key, value in fact.items()) or "-"
    if isinstance(fact, tuple | list):
        return ",".join(map(str, fact)) or "-"
    text = str(fact)
    return text if text and text.isprintable() and " " not in text and "=" not in text else json.dumps(text)
