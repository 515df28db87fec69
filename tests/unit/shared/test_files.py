"""Files appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from shared.errors import Misconfigured, StorageFailed
from shared.files import cache_folder, write_atomically


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_over_the_old_one_in_folders_that_appear(tmp_path):
    path = tmp_path / "deep" / "down" / "file"
    for content in (b"old", b"new and longer", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(StorageFailed, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_content_is_on_disk_before_it_takes_the_old_files_place_and_then_the_place_is_too(tmp_path, monkeypatch):
    calls = []
    for call in ("fsync", "replace"):
        original = getattr(os, call)
        monkeypatch.setattr(os, call, lambda *a, call=call, original=original: (calls.append(call), original(*a))[1])
    write_atomically(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace", "fsync"]


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match="file/inside"):
        write_atomically(tmp_path / "file" / "inside", b"content")


@pytest.mark.parametrize(
    ("service", "own", "expected"),
    [
        ("/var/cache/hushrec-device", "/own", "/var/cache/hushrec-device/hushrec"),
        ("/var/cache/one:/var/cache/two", "/own", "/var/cache/one/hushrec"),
        ("", "/own", "/own/hushrec"),
        (None, "", "/home/somebody/.cache/hushrec"),
    ],
)
def test_a_service_has_a_cache_of_its_own(
    monkeypatch: pytest.MonkeyPatch, service: str | None, own: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", own)
    if service is None:
        monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    else:
        monkeypatch.setenv("CACHE_DIRECTORY", service)
    assert cache_folder() == Path(expected)
