"""Who may use the console: whoever has a token. One opens it to look, the other to act as well."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Literal

from server.home import Home, write_private
from shared.errors import Corrupt

Role = Literal["reader", "operator"]

_TOKEN_BYTES = 32


class Access:
    """The tokens of one server's console, kept as digests.

    Example:
        >>> access = Access({"reader": "r" * 43, "operator": "o" * 43})
        >>> access.role("Bearer " + "o" * 43), access.role("Bearer guess")
        ('operator', None)
    """

    def __init__(self, tokens: dict[Role, str]) -> None:
        """Take the tokens; equal ones would make every reader an operator.

        Raises:
            Corrupt: two roles have the same token.
        """
        self._digests = {role: _digest(token) for role, token in tokens.items()}
        if len(set(self._digests.values())) < len(self._digests):
            raise Corrupt("console tokens: expected one for each role, got the same twice; remove both files")

    def __repr__(self) -> str:
        return "Access()"

    def role(self, authorization: str) -> Role | None:
        """The role of whoever sends this header; None for everybody else, after the same work."""
        scheme, _, token = authorization.partition(" ")
        given, found = _digest(token), None
        for role, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = role
        return found if scheme.lower() == "bearer" else None


def console_tokens(home: Home) -> dict[Role, str]:
    """The tokens, made where there are none yet.

    Raises:
        Corrupt: a file holds something else.
        Misconfigured: a file cannot be written.
    """
    return {role: _token(path) for role, path in home.console_tokens.items()}


def _token(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(_TOKEN_BYTES).encode())
    os.chmod(path, 0o600)
    token = path.read_text(encoding="ascii", errors="replace").strip()
    if len(token) < _TOKEN_BYTES or not token.replace("-", "").replace("_", "").isalnum():
        raise Corrupt(f"{path}: expected a token of the console, got something else; remove the file, and start again")
    return token


def _digest(token: str) -> bytes:
    """Of equal length whatever the token, so that comparing takes the same time."""
    return hashlib.sha256(token.encode()).digest()
