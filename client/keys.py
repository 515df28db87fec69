"""A device's keys: who it is in sums, who it is to Flower, who may ask its API, and what its store is sealed with.

None of them is ever printed or logged, and no wrong or damaged one makes anything be written over. The key of the store
lies wrapped in keys/data.key; what unwraps it is in the system's keyring, or in a file of mode 0600.
"""

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Annotated, Literal, Self

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client import system_keyring
from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from shared.secure_sum import Identity

_KEY_BYTES = 32
_NONCE_BYTES = 12
_LABEL = b"HUSHREC-DEVICE/1 data key "


class _WrappedKey(BaseModel):
    """keys/data.key: the key of the store, sealed; `name` is that of the wrapping key in the keyring."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    wrapped_by: Literal["keyring", "file"]
    sealed: Annotated[str, Field(min_length=80, max_length=80)]

    def __repr__(self) -> str:
        return f"_WrappedKey({self.wrapped_by})"


class Keys:
    """The keys of one device, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return "Keys()"

    @classmethod
    def create(cls, folder: Path, keyring: bool) -> Self:
        """Draw all keys of a new device and write them.

        Args:
            folder: must not exist yet.
            keyring: whether to keep the wrapping key in the system's keyring, where there is one.

        Raises:
            Misconfigured: the folder exists already or cannot be written.
        """
        keys = cls(folder)
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise Misconfigured(f"{folder}: expected to make a new folder for keys ({error.strerror})") from None
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        write_atomically(keys._device, Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, *private))
        node_key = ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        write_atomically(keys.node_key_path, node_key)
        write_atomically(keys._token, secrets.token_urlsafe(32).encode() + b"\n")
        keys._wrap(os.urandom(_KEY_BYTES), keyring)
        return keys

    @property
    def node_key_path(self) -> Path:
        """File of the node key, as Flower's SuperNode reads it."""
        return self._folder / "node.key"

    def identity(self) -> Identity:
        """The key that signs in private sums.

        Raises:
            Misconfigured: the file is missing, or others may read it.
            Corrupt: it holds something else.
        """
        try:
            key = serialization.load_pem_private_key(_private(self._device), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise Corrupt(f"{self._device}: expected an Ed25519 private key, got something else; restore it")
        return Identity(key)

    def node_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that Flower knows this device by, P-384.

        Raises:
            Misconfigured, Corrupt: as `identity`.
        """
        try:
            key = serialization.load_ssh_private_key(_private(self.node_key_path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
            raise Corrupt(f"{self.node_key_path}: expected a P-384 private key, got something else; restore it")
        return key

    def token(self) -> str:
        """What a host app shows to the local API: 43 characters.

        Raises:
            Misconfigured, Corrupt: as `identity`.
        """
        token = _private(self._token).strip()
        if len(token) < 32 or not token.isascii() or not token.decode().isprintable() or b" " in token:
            raise Corrupt(f"{self._token}: expected one word of at least 32 characters, got something else; restore it")
        return token.decode()

    def data_key(self) -> bytes:
        """The key that the store's rows are sealed with, 32 bytes.

        Raises:
            NotYet: the system's keyring cannot be asked now.
            Misconfigured: a file is missing or others may read it, or the keyring does not hold this device's key.
            Corrupt: a file holds something else, or the wrapping key is not the one it was wrapped with.
        """
        wrapped = self._wrapped()
        if wrapped.wrapped_by == "keyring":
            wrapping_key = _from_keyring(wrapped.name, self._data)
        else:
            wrapping_key = _decoded(_private(self._wrapping), self._wrapping)
        sealed = _decoded(wrapped.sealed.encode(), self._data, _NONCE_BYTES + _KEY_BYTES + 16)
        try:
            return AESGCM(wrapping_key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(wrapped.name))
        except InvalidTag:
            raise Corrupt(
                f"{self._data}: expected the key it was wrapped with, got another; nothing was changed: bring back "
                f"the {wrapped.wrapped_by}'s wrapping key that belongs to it"
            ) from None

    def forget(self) -> None:
        """Take this device's entries out of the system's keyring: what its store holds can then never be read again."""
        wrapped = self._wrapped()
        if wrapped.wrapped_by == "keyring":
            system_keyring.remove(wrapped.name)
            system_keyring.remove(_memory(wrapped.name))

    @property
    def in_keyring(self) -> bool:
        """Whether the wrapping key is in the system's keyring.

        Raises:
            Misconfigured, Corrupt: keys/data.key is not what it must be.
        """
        return self._wrapped().wrapped_by == "keyring"

    def remember(self, text: str) -> None:
        """Keep a text in the system's keyring, in place of the one before.

        Raises:
            NotYet: the keyring cannot be asked now, or does not keep it.
            Misconfigured, Corrupt: as `in_keyring`.
        """
        system_keyring.put(_memory(self._wrapped().name), text, self._data)

    def remembered(self) -> str | None:
        """The text that was kept last; None where the keyring has none.

        Raises:
            NotYet, Misconfigured, Corrupt: as `remember`.
        """
        return system_keyring.get(_memory(self._wrapped().name), self._data)

    @property
    def _device(self) -> Path:
        return self._folder / "device.key"

    @property
    def _token(self) -> Path:
        return self._folder / "token"

    @property
    def _data(self) -> Path:
        return self._folder / "data.key"

    @property
    def _wrapping(self) -> Path:
        return self._folder / "wrap.key"

    def _wrap(self, data_key: bytes, keyring: bool) -> None:
        name, wrapping_key, nonce = secrets.token_hex(16), os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES)
        text = base64.b64encode(wrapping_key)
        by: Literal["keyring", "file"] = "file"
        if keyring and system_keyring.put_new(name, text.decode()):
            by = "keyring"
        else:
            write_atomically(self._wrapping, text + b"\n")
        sealed = nonce + AESGCM(wrapping_key).encrypt(nonce, data_key, _bound(name))
        wrapped = _WrappedKey(version=1, name=name, wrapped_by=by, sealed=base64.b64encode(sealed).decode())
        write_atomically(self._data, wrapped.model_dump_json(indent=1).encode() + b"\n")

    def _wrapped(self) -> _WrappedKey:
        try:
            return _WrappedKey.model_validate_json(_private(self._data))
        except ValidationError:
            raise Corrupt(
                f"{self._data}: expected the wrapped key of the store, got something else; restore the file"
            ) from None


def _memory(name: str) -> str:
    """The entry of the keyring that texts are kept in."""
    return f"{name} ledger"


def _bound(name: str) -> bytes:
    return _LABEL + name.encode()


def _private(path: Path) -> bytes:
    """Content of a file that only its owner may read."""
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            content = stream.read(65_536)
    except OSError as error:
        raise Misconfigured(f"{path}: expected a key, could not read it ({error.strerror}); restore the file") from None
    if mode & 0o077:
        raise Misconfigured(f"{path}: expected mode 0600, got {mode:04o}; mend it with: chmod 600 {path}")
    return content


def _decoded(text: bytes, path: Path, size: int = _KEY_BYTES) -> bytes:
    try:
        content = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        content = b""
    if len(content) != size:
        raise Corrupt(f"{path}: expected {size} bytes in base64, got something else; restore it")
    return content


def _from_keyring(name: str, path: Path) -> bytes:
    text = system_keyring.get(name, path)
    if text is None:
        raise Misconfigured(f"{path}: expected its wrapping key in the system's keyring, found none; restore it there")
    return _decoded(text.encode(), path)
