"""The system's keyring as a device uses it: entries by name, and what its failures mean. Nothing of them is logged."""

import logging
from pathlib import Path

from shared.errors import NotYet

_SERVICE = "hushrec device"  # under which the system's keyring knows us

_log = logging.getLogger(__name__)


def put_new(name: str, text: str) -> bool:
    """Whether the system has a keyring that is fit for secrets and took this one."""
    import keyring
    import keyring.errors

    try:
        if keyring.get_keyring().priority < 1:
            raise keyring.errors.NoKeyringError("none that is fit for secrets")
        keyring.set_password(_SERVICE, name, text)
        return keyring.get_password(_SERVICE, name) == text
    except Exception as error:  # backends raise what their systems do
        _log.info("the system has no keyring to use (%s); the key is kept in a file", type(error).__name__)
        return False


def put(name: str, text: str, path: Path) -> None:
    """Keep an entry in place of the one before.

    Raises:
        NotYet: the keyring cannot be asked now; names the file that says it is needed.
    """
    import keyring

    try:
        keyring.set_password(_SERVICE, name, text)
    except Exception as error:
        raise _unasked(path, error) from None


def get(name: str, path: Path) -> str | None:
    """An entry, None where there is none.

    Raises:
        NotYet: as `put`.
    """
    import keyring

    try:
        return keyring.get_password(_SERVICE, name)
    except Exception as error:
        raise _unasked(path, error) from None


def remove(name: str) -> None:
    """Take an entry out, as far as that can be done."""
    import keyring
    import keyring.errors

    try:
        if keyring.get_password(_SERVICE, name) is not None:
            keyring.delete_password(_SERVICE, name)
    except keyring.errors.KeyringError as error:
        _log.warning("the keyring kept an entry of a device that is gone: %s", type(error).__name__)


def _unasked(path: Path, error: Exception) -> NotYet:
    return NotYet(
        f"{path}: the system's keyring cannot be asked ({type(error).__name__}); "
        "unlock it, or start this from the session the device was made in"
    )
