"""The server's gateway as a device reaches it: TLS by the pinned authority or not at all, answers of bounded size.

It follows no redirect and no proxy, decodes no compression, and no message of its own quotes what a server sent.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Self

import httpx

from shared.enrolment import authorization
from shared.errors import Corrupt, NotYet, Refused
from shared.secure_sum import Identity

_SLOWEST_BYTES_PER_SECOND = 16_384
_SHORTEST_SECONDS = 30.0
_SET_CLOCK = "; set this device's clock"
_CLOCKS_AGREE_SECONDS = 60.0  # well within what servers let pass
_OTHER_TIME = {9, 10}  # OpenSSL's verdicts that a certificate is not valid yet, or no more
_ANSWER_SECONDS, _CONNECT_SECONDS = 10.0, 5.0


class Exchanged(NamedTuple):
    """What came back, whatever the status.

    Attributes:
        clock: for messages: what the server's clock says beside the device's, empty where they agree.
    """

    status: int
    content: bytes
    clock: str


class GatewayClient:
    """A connection that is kept open. Several threads may ask at once."""

    def __init__(
        self,
        url: str,
        authority: str | None,
        identity: Identity | None = None,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """Set a client up; it connects with its first request.

        Args:
            url: `https://HOST:PORT`.
            authority: certificate in PEM, the only one that may vouch for the server; None trusts nobody and anybody:
                for what is checked by other means, and carries no secret.
            identity: signs requests.
            now_seconds: since 1970 UTC, for signatures.

        Raises:
            Corrupt: no certificate.
        """
        self._url, self._identity, self._now_seconds = url, identity, now_seconds
        self._client = httpx.Client(
            base_url=url,
            verify=_context(authority),
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity", "user-agent": "hushrec"},
        )

    def __repr__(self) -> str:
        return f"GatewayClient({self._url})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def get(self, path: str, largest_bytes: int, held_seconds: float = 0.0) -> bytes:
        """What lies at a path, asked for as a member where an identity is given.

        Args:
            path: with its query.
            largest_bytes: of the answer.
            held_seconds: for which the server may keep the question before it answers.

        Raises:
            NotYet: the server cannot be reached, is too slow, or has it not now.
            Refused: it does not know this device, or no longer.
            Corrupt: the answer is larger than it may be, or no answer.
        """
        parts: list[bytes] = []
        self._read("GET", path, None, self._signed("GET", path), largest_bytes, parts.append, held_seconds)
        return b"".join(parts)

    def download(self, path: str, size_bytes: int, write: Callable[[bytes], object]) -> None:
        """Hand a file of exactly this size to `write`, piece by piece.

        Raises:
            NotYet, Refused, Corrupt: as `get`; or it is shorter or longer.
        """
        received = self._read("GET", path, None, self._signed("GET", path), size_bytes, write)
        if received != size_bytes:
            raise Corrupt(f"{path}: expected {size_bytes} bytes, got {received}")

    def post(self, path: str, content: bytes, largest_bytes: int) -> bytes:
        """The answer to a JSON object, asked as a member where an identity is given.

        Raises:
            NotYet, Refused, Corrupt: as `get`.
        """
        parts: list[bytes] = []
        headers = {"content-type": "application/json", **self._signed("POST", path)}
        self._read("POST", path, content, headers, largest_bytes, parts.append)
        return b"".join(parts)

    def exchange(self, path: str, content: bytes, headers: Mapping[str, str], largest_bytes: int) -> Exchanged:
        """The answer to a POST, whatever its status is.

        Raises:
            NotYet: the server cannot be reached, or is too slow.
            Corrupt: the answer is larger than it may be.
        """
        parts: list[bytes] = []
        with self._asked("POST", path, content, headers) as answer:
            _receive(path, answer, largest_bytes, parts.append)
            return Exchanged(answer.status_code, b"".join(parts), self._clock_note(answer))

    def _signed(self, method: str, path: str) -> dict[str, str]:
        if self._identity is None:
            return {}
        return {"authorization": authorization(self._identity, method, path, self._now_seconds())}

    def _read(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        largest_bytes: int,
        write: Callable[[bytes], object],
        held_seconds: float = 0.0,
    ) -> int:
        with self._asked(method, path, content, headers, held_seconds) as answer:
            _check_status(path, answer.status_code, self._clock_note(answer))
            return _receive(path, answer, largest_bytes, write)

    @contextmanager
    def _asked(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], held_seconds: float = 0.0
    ) -> Iterator[httpx.Response]:
        waits = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS, read=_ANSWER_SECONDS + held_seconds)
        try:
            with self._client.stream(method, path, content=content, headers=headers, timeout=waits) as answer:
                yield answer
        except httpx.TimeoutException:
            raise NotYet(f"{self._url}: expected an answer in time, got none; it is asked again later") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            distrust = _distrust(error)
            if distrust is not None and distrust.verify_code in _OTHER_TIME:
                raise Corrupt(
                    f"{self._url}: expected a certificate that holds at this moment, got one of another time; this "
                    f"device's clock says {_in_words(self._now_seconds())}: set it if that is wrong, else the server's "
                    "certificate has expired"
                ) from None
            if distrust is not None:
                raise Corrupt(
                    f"{self._url}: expected a certificate of the pinned authority for this address, got another; "
                    "this is not the server that was joined"
                ) from None
            raise NotYet(
                f"{self._url}: could not be reached ({type(error).__name__}); it is asked again later"
            ) from None

    def _clock_note(self, answer: httpx.Response) -> str:
        """What may be wrong with the device's clock, by the Date header that came with an answer."""
        now = self._now_seconds()
        try:
            said = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):
            return f"; this device's clock says {_in_words(now)}: set it if that is wrong"
        if abs(said - now) <= _CLOCKS_AGREE_SECONDS:
            return ""
        return f"; this device's clock says {_in_words(now)}, the server's {_in_words(said)}: set this device's clock"


def _in_words(seconds: float) -> str:
    """A moment since 1970 as the person reads it; what is no date is left as a number."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} seconds since 1970"


def _receive(path: str, answer: httpx.Response, largest_bytes: int, write: Callable[[bytes], object]) -> int:
    """Pass the body on as it comes, and stop as soon as it is too long or takes too long; its bytes."""
    end = time.monotonic() + max(_SHORTEST_SECONDS, largest_bytes / _SLOWEST_BYTES_PER_SECOND)
    received = 0
    for piece in answer.iter_raw():
        received += len(piece)
        if received > largest_bytes:
            raise Corrupt(f"{path}: expected at most {largest_bytes} bytes, got more")
        if time.monotonic() > end:
            raise NotYet(f"{path}: expected at least {_SLOWEST_BYTES_PER_SECOND} bytes a second, got fewer")
        write(piece)
    return received


def _check_status(path: str, status: int, clock: str) -> None:
    if status == httpx.codes.OK:
        return
    if status == httpx.codes.UNAUTHORIZED:
        raise NotYet(f"{path}: the server expects a request signed now (status 401){clock or _SET_CLOCK}")
    if status == httpx.codes.FORBIDDEN:
        raise Refused(
            f"{path}: the server refuses (status {status}): it does not know this device, or no longer{clock}",
            code="server-refuses",
        )
    if status in (httpx.codes.NOT_FOUND, httpx.codes.TOO_MANY_REQUESTS) or status >= 500:
        raise NotYet(f"{path}: the server cannot answer this now (status {status})")
    raise Corrupt(
        f"{path}: expected an answer, got status {status}; both sides have to run the same version of Hushrec"
    )


def _context(authority: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError):
        raise Corrupt("authority: expected a certificate in PEM, got something else; do not join this server") from None
    return context


def _distrust(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Why the server's certificate did not hold; None where that is not what went wrong."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
