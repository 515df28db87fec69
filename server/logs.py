"""The server's log: one line for one thing that happened. It carries no parameter value and no secret.

A line is key=value text for people or JSON for machines, as `log_format` in server.toml says. The first word of a line,
"event" in JSON, is a code that never changes its meaning.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

_LOGGER = logging.getLogger("hushrec.server")


def log_line(what: str, level: int = logging.INFO, /, **facts: object) -> None:
    """Log what happened, with its facts in the order given."""
    if _LOGGER.isEnabledFor(level):
        text = " ".join([what, *(f"{key}={_shown(fact)}" for key, fact in facts.items())])
        _LOGGER.log(level, "%s", text, extra={"event": what, "facts": facts})


def formatter(log_format: LogFormat) -> logging.Formatter:
    """What a handler of this process writes its lines with, those of other libraries too.

    Example:
        >>> record = logging.makeLogRecord({"msg": "round number=3", "event": "round", "facts": {"number": 3}})
        >>> json.loads(formatter("json").format(record))["number"]
        3
    """
    return _Json() if log_format == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")


class _Json(logging.Formatter):
    """One JSON object a line: "time", "level", "event", and the facts, or "message" where no event was named."""

    def format(self, record: logging.LogRecord) -> str:
        """A line without its end."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        event = getattr(record, "event", None)
        if event is None:
            said |= {"event": "message", "logger": record.name, "message": record.getMessage()}
        else:
            said |= {"event": event, **{key: _plain(fact) for key, fact in getattr(record, "facts", {}).items()}}
        return json.dumps(said, ensure_ascii=False)


def _plain(fact: object) -> object:
    if fact is None or isinstance(fact, bool | int | float | str):
        return fact
    if isinstance(fact, Mapping):
        return {str(key): _plain(value) for key, value in fact.items()}
    return [_plain(one) for one in fact] if isinstance(fact, tuple | list) else str(fact)


def _shown(fact: object) -> str:
    if isinstance(fact, float):
        return f"{fact:.6g}"
    if isinstance(fact, Mapping):
        return ",".join(f"{key}:{value}" for key, value in fact.items()) or "-"
    if isinstance(fact, tuple | list):
        return ",".join(map(str, fact)) or "-"
    text = str(fact)
    return text if text and text.isprintable() and " " not in text and "=" not in text else json.dumps(text)
