"""Every word an error body may hold. It never quotes what was asked: no text, no path, no stack."""

import json
from types import MappingProxyType
from typing import Literal

ErrorCode = Literal[
    "bad-request",
    "unauthorised",
    "refused",
    "not-found",
    "method",
    "too-slow",
    "not-yet",
    "too-large",
    "host",
    "invalid",
    "fault",
    "unavailable",
    "storage",
]

STATUS = MappingProxyType[ErrorCode, int](
    {
        "bad-request": 400,
        "unauthorised": 401,
        "refused": 403,
        "not-found": 404,
        "method": 405,
        "too-slow": 408,
        "not-yet": 409,
        "too-large": 413,
        "host": 421,
        "invalid": 422,
        "fault": 500,
        "unavailable": 503,
        "storage": 507,
    }
)

MEANING = MappingProxyType[ErrorCode, str](
    {
        "bad-request": "the request is not one whole JSON body over HTTP/1.1",
        "unauthorised": "the header Authorization does not hold this device's token",
        "refused": "a policy or a budget says no, and always will",
        "not-found": "there is no such place, item or concept",
        "method": "this place does not take this method",
        "too-slow": "the body did not come in time",
        "not-yet": "no release is installed, there is too little data, or the store is busy; wait or add data",
        "too-large": "the body is larger than a mebibyte",
        "host": "the header Host does not name this device",
        "invalid": "a field is missing, unknown, of another type, or out of bounds",
        "fault": "a fault of ours",
        "unavailable": "the store or the ranking cannot answer; the device's log says why",
        "storage": "the disk is full or cannot be used; keep what was not acknowledged, free some space and call again",
    }
)


def body(word: ErrorCode, fields: list[dict[str, str]] | None = None) -> bytes:
    """The JSON body of an error: its word, what the word means, and which fields are wrong, by name and rule."""
    content: dict[str, object] = {"error": word, "meaning": MEANING[word]}
    if fields:
        content["fields"] = fields
    return json.dumps(content).encode()
