"""The Flower app bundle of a deployment: it names installed code and must never carry any.

Server and device build the same bytes from the version of the protocol they speak, so a device can refuse every other
bundle by its hash, and a patch of either side shuts nobody out. Nothing here needs Flower.
"""

import hashlib
import io
import zipfile
from functools import cache

NAME = "hushrec"
PROTOCOL_VERSION = 2  # of what devices and server say to each other; see "Versions" in shared/ARCHITECTURE.md
_PUBLISHER = "hushrec"
_ZIP_TIME = (2024, 10, 1, 0, 0, 0)  # any fixed time; Flower's own

_PYPROJECT = """\
[project]
name = "{name}"
version = "{version}"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "{publisher}"

[tool.flwr.app.components]
serverapp = "hushrec_bundle.server_side:app"
clientapp = "hushrec_bundle.client_side:app"

[tool.flwr.app.config]
home = ""
"""


def bundle_files() -> dict[str, bytes]:
    """What the bundle is made of, by path."""
    texts = {
        "hushrec_bundle/__init__.py": "",
        "hushrec_bundle/client_side.py": "from client.app import app as app\n",
        "hushrec_bundle/server_side.py": "from server.app import app as app\n",
        "pyproject.toml": _PYPROJECT.format(name=NAME, version=f"{PROTOCOL_VERSION}.0.0", publisher=_PUBLISHER),
    }
    return {path: text.encode() for path, text in texts.items()}


@cache
def bundle_bytes() -> bytes:
    """The bundle, equal to the byte wherever the same version is installed: nothing in it is compressed or dated."""
    files = bundle_files()
    lines = [f"{path},{hashlib.sha256(content).hexdigest()},{8 * len(content)}" for path, content in files.items()]
    files[".info/CONTENT"] = "\n".join(lines).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.create_system = 3  # else the bytes would tell the operating system
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@cache
def bundle_hash() -> str:
    """SHA-256 of the bundle, hexadecimal: what Flower calls a run's FAB hash."""
    return hashlib.sha256(bundle_bytes()).hexdigest()
