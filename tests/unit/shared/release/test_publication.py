"""A publication: who signed it, what it follows, and that nothing else is taken for one."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import Corrupt
from shared.release.publication import LARGEST_BYTES, FileEntry, Publication

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OPERATOR = KEY.public_key().public_bytes_raw()
SIGNED = b'HUSHREC-RELEASE/1 publication\n{"federation":"' + b"f" * 64


def publication(previous=None, content=b"manifest", why="release zero"):
    files = {"manifest.json": FileEntry.of(content), "model.safetensors": FileEntry.of(b"12345")}
    release = hashlib.sha256(content).hexdigest()
    return Publication.after(previous, release, "f" * 64, files, 1_700_000_000, why).sign(KEY)


def test_a_publication_comes_back_as_it_went_and_is_the_operators():
    first = publication()
    back = Publication.decode(first.encode())
    assert back == first
    back.verify(OPERATOR)
    back.follows(None)
    assert (back.sequence, back.parent, back.size_bytes) == (1, "", 8 + 5)
    assert b"\n" not in first.encode()


def test_the_digest_is_that_of_the_signed_bytes_under_a_label_of_their_own():
    first = publication(why="für alle\n")
    content = json.loads(first.encode())
    del content["signature"]
    by_hand = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signed = b"HUSHREC-RELEASE/1 publication\n" + by_hand
    assert signed.startswith(SIGNED)
    assert first.digest() == hashlib.sha256(signed).hexdigest()
    KEY.public_key().verify(bytes.fromhex(first.signature), signed)


def test_what_supersedes_nothing_is_spelt_as_it_was_before_links_could():
    first = publication()
    assert b"supersedes" not in first.encode()
    with pytest.raises(Corrupt, match="canonical JSON"):
        Publication.decode(first.encode().replace(b',"why"', b',"supersedes":"","why"'))


def test_what_a_link_supersedes_is_signed_and_part_of_its_digest():
    first = publication()
    files = dict(first.files)
    link = Publication.after(first, first.release, "f" * 64, files, 5, "restored", "ab" * 32).sign(KEY)
    back = Publication.decode(link.encode())
    assert (back, back.supersedes) == (link, "ab" * 32)
    back.verify(OPERATOR)
    for other in ("", "cd" * 32):
        changed = link.model_copy(update={"supersedes": other})
        assert changed.digest() != link.digest()
        with pytest.raises(Corrupt, match="the operator's signature"):
            changed.verify(OPERATOR)


def test_a_chain_goes_on_for_whoever_holds_a_link_by_it_or_by_one_of_no_smaller_number_that_supersedes_it():
    first = publication()
    second = publication(first, b"second")
    third = publication(second, b"third")
    assert second.continues(second)
    assert not third.continues(second)
    for previous, goes_on in ((None, False), (first, True), (second, True)):
        link = Publication.after(previous, first.release, "f" * 64, first.files, 5, "restored", second.digest())
        assert link.continues(second) is goes_on
        assert not link.continues(first)


def test_each_follows_the_one_before_it_alone():
    first = publication()
    second = publication(first, b"second")
    third = publication(second, b"third")
    second.follows(first)
    third.follows(second)
    for link, previous in ((third, first), (first, first), (second, None), (first, third), (second, third)):
        with pytest.raises(Corrupt, match="expected number"):
            link.follows(previous)
    other = publication(content=b"other")
    with pytest.raises(Corrupt, match="another past"):
        second.follows(other)


def test_a_rollback_is_a_new_link_with_an_older_release():
    first = publication()
    second = publication(first, b"second")
    back = publication(second, b"manifest", "rolled back")
    back.follows(second)
    back.verify(OPERATOR)
    assert back.release == first.release
    assert back.digest() != first.digest()


def test_another_key_an_unsigned_link_and_a_changed_one_are_corrupt():
    first = publication()
    stranger = Ed25519PrivateKey.generate()
    changes = {"sequence": 2, "parent": "a" * 64, "federation": "e" * 64, "published_seconds": 5, "why": "else"}
    bad = [
        first.sign(stranger),
        first.model_copy(update={"signature": ""}),
        *(first.model_copy(update={name: value}) for name, value in changes.items()),
        first.model_copy(update={"files": {**first.files, "model.safetensors": FileEntry.of(b"54321")}}),
    ]
    for link in bad:
        with pytest.raises(Corrupt, match="operator's signature"):
            link.verify(OPERATOR)


def test_the_release_is_what_its_manifest_says():
    for files in ({"manifest.json": FileEntry.of(b"x")}, {"model.safetensors": FileEntry.of(b"manifest")}):
        with pytest.raises(ValidationError, match="digest of the release"):
            Publication.after(None, hashlib.sha256(b"manifest").hexdigest(), "f" * 64, files, 0, "")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", ".hidden", "", "a/b", "a\\b", "x" * 65, "A", "a\n"])
def test_a_file_lies_in_the_folder_of_its_release(name):
    content = json.loads(publication().encode())
    content["files"][name] = {"sha256": "0" * 64, "size_bytes": 1}
    with pytest.raises(Corrupt):
        Publication.decode(_spelt(content))


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"sequence": True},
        {"sequence": 1.0},
        {"parent": "A" * 64},
        {"release": "0" * 63},
        {"published_seconds": -1},
        {"why": "x" * 201},
        {"signature": "0" * 64},
        {"more": 1},
        {"files": {}},
    ],
)
def test_what_is_no_publication_is_corrupt(change):
    with pytest.raises(Corrupt):
        Publication.decode(_spelt(json.loads(publication().encode()) | change))


def test_another_spelling_of_the_same_is_corrupt():
    content = publication().encode()
    for other in (content + b"\n", b" " + content, content.replace(b":", b": ", 1), content[:-1] + b',"why":""}'):
        with pytest.raises(Corrupt):
            Publication.decode(other)
    with pytest.raises(Corrupt, match="at most"):
        Publication.decode(b" " * (LARGEST_BYTES + 1))


@given(st.one_of(st.binary(), st.text().map(str.encode), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_garbage_is_corrupt_and_never_anything_else(content):
    with pytest.raises(Corrupt):
        Publication.decode(content.encode() if isinstance(content, str) else content)


@given(st.integers(0, 600), st.integers(0, 255))
def test_a_changed_byte_is_noticed(place, value):
    content = bytearray(publication().encode())
    if content[place % len(content)] != value:
        content[place % len(content)] = value
        with pytest.raises(Corrupt):
            Publication.decode(bytes(content)).verify(OPERATOR)


def _spelt(content):
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
