"""The bundle is what Flower would build of the same files, and carries no code of ours."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from flwr.cli.build import build_fab_from_files
from flwr.cli.install import install_from_fab
from flwr.common.config import get_fab_config, get_project_dir

from shared.bundle import PROTOCOL_VERSION, bundle_bytes, bundle_files, bundle_hash


def contents(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_what_flower_would_put_into_it() -> None:
    ours, flowers = contents(bundle_bytes()), contents(build_fab_from_files(bundle_files())[0])
    assert sorted(ours) == sorted(flowers)
    listed = [line.split(",") for line in ours[".info/CONTENT"].decode().splitlines()]
    assert sorted(path for path, _, _ in listed) == sorted(bundle_files())
    for path, digest, bits in listed:
        assert digest == hashlib.sha256(ours[path]).hexdigest()
        assert int(bits) == 8 * len(ours[path])
        if path != "pyproject.toml":  # Flower writes its own spelling of the same table
            assert ours[path] == flowers[path]


def test_flower_reads_and_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLWR_HOME", str(tmp_path))
    configuration = get_fab_config(bundle_bytes())
    assert configuration["project"]["version"] == f"{PROTOCOL_VERSION}.0.0"
    assert configuration["tool"]["flwr"]["app"]["config"] == {"home": ""}
    install_from_fab(bundle_bytes(), skip_prompt=True)
    folder = get_project_dir("hushrec/hushrec", f"{PROTOCOL_VERSION}.0.0", bundle_hash())
    assert (folder / "hushrec_bundle" / "server_side.py").is_file()


def test_its_code_is_one_import_a_side() -> None:
    code = {path: content for path, content in bundle_files().items() if path.endswith(".py")}
    assert sorted(code.values()) == [
        b"",
        b"from client.app import app as app\n",
        b"from server.app import app as app\n",
    ]


def test_another_version_of_the_protocol_is_another_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bundle.PROTOCOL_VERSION", PROTOCOL_VERSION + 1)
    assert hashlib.sha256(bundle_bytes.__wrapped__()).hexdigest() != bundle_hash()
