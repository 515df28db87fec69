"""What the gateway says of itself: fixed words. No path, no text of a request, nothing that tells who is enrolled."""

from email.utils import formatdate

from starlette.responses import Response

# Every error body there is. A stranger's request, a revoked device's and a forged one get the same one, 403.
WORDS = {
    400: "expected another request",
    401: "expected a request signed now",
    403: "forbidden",
    404: "not found",
    405: "expected another method",
    408: "expected the request sooner",
    409: "expected fewer publications",
    413: "expected a smaller request",
    415: "expected another kind of body",
    429: "expected fewer requests",
    500: "a fault of the server",
    503: "try again",
}
_NOT_STORED = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class HttpError(Exception):
    """Ends a request with one of the fixed answers."""

    def __init__(self, status: int) -> None:
        super().__init__(WORDS[status])
        self.status = status


def error_response(status: int) -> Response:
    """One of the fixed answers; the connection ends with it, as the rest of the request may still be under way."""
    headers = {**_NOT_STORED, "connection": "close"}
    if status in (429, 503):
        headers["retry-after"] = "5"
    if status in (401, 403):
        headers["date"] = formatdate(usegmt=True)  # a device whose clock is wrong is refused, and can see why
    return Response(f'{{"error":"{WORDS[status]}"}}', status, headers, "application/json")


def json_response(content: bytes, media_type: str = "application/json") -> Response:
    """A good answer."""
    return Response(content, 200, dict(_NOT_STORED), media_type)
