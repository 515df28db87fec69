"""Publications without a model behind them: files of any content, in a real chain under the server's real key."""

import hashlib

from server.home import Home
from shared.release.publication import FileEntry, Publication


def publish_files(home: Home, parts: dict[str, bytes], why: str, published_seconds: int = 1_800_000_000) -> str:
    """Add a release of these files to the chain; its digest. `parts` holds a manifest.json."""
    lines = home.chain.read_bytes() if home.chain.exists() else b""
    previous = Publication.decode(lines.splitlines()[-1]) if lines else None
    release = hashlib.sha256(parts["manifest.json"]).hexdigest()
    (home.releases / release).mkdir(exist_ok=True)
    for name, content in parts.items():
        (home.releases / release / name).write_bytes(content)
    entries = {name: FileEntry.of(content) for name, content in parts.items()}
    federation = home.federation().digest()
    link = Publication.after(previous, release, federation, entries, published_seconds, why).sign(home.operator_key())
    home.chain.write_bytes(lines + link.encode() + b"\n")
    return release
