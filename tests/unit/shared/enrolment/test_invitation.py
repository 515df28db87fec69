"""Invitations as text."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrolment import Invitation, fingerprint, fingerprint_text
from shared.errors import Corrupt

HOSTS = st.sampled_from(["127.0.0.1", "server.example.org", "localhost", "[::1]", "[2001:db8::7]"])
INVITATION = Invitation("https://127.0.0.1:9443", bytes(range(32)), bytes(range(16)), 1_800_000_000)
# base64 by hand: RFC 4648 section 10 style, computed with coreutils' basenc --base64url
TEXT = (
    "hushrec://127.0.0.1:9443/#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.AAECAwQFBgcICQoLDA0ODw.1800000000"
)  # fmt: skip


def test_the_text_is_the_one_that_people_pass_on():
    assert INVITATION.encode() == TEXT
    assert Invitation.decode(TEXT) == INVITATION


@given(
    HOSTS,
    st.integers(1, 65_535),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 10**12 - 1),
)
def test_every_invitation_survives_its_text_and_a_clumsy_paste(host, port, operator, code, seconds):
    invitation = Invitation(f"https://{host}:{port}", operator, code, seconds)
    text = invitation.encode()
    assert text.isascii()
    assert " " not in text
    assert Invitation.decode(f" {text}\n") == invitation


@given(st.text() | st.text(alphabet="hushrec:/#.-_=0123456789ABab", max_size=120))
def test_garbage_is_corrupt_and_nothing_else(text):
    with pytest.raises(Corrupt):
        Invitation.decode(text)


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_one_character_changed_gives_another_invitation_or_corrupt_never_the_same(place, character):
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    try:
        decoded = Invitation.decode(changed)
    except Corrupt:
        return
    assert (decoded == INVITATION) == (changed.strip() == TEXT)
    assert decoded.encode() == changed.strip()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hushrec://", "https://"),
        ("hushrec://", "hushrec:///"),
        ("127.0.0.1", "user@127.0.0.1"),
        ("127.0.0.1", "127.0.0.1/x"),
        ("127.0.0.1", "[::1"),
        ("127.0.0.1", "[:::]"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "h\u00f6st"),
        (":9443", ""),
        (":9443", ":0"),
        (":9443", ":09443"),
        (":9443", ":65536"),
        ("8.AAE", "8=.AAE"),
        ("8.AAE", "9.AAE"),  # the two spare bits of the last letter
        ("8.AAE", ".AAE"),
        (".18", ".+18"),
        (".18", ".018"),
        (".1800000000", ".1800000000.1"),
        (".1800000000", ""),
        (".1800000000", ".1800000000000"),
        (".1800000000", "." + "1" * 600),
    ],
)
def test_each_way_of_being_something_else_is_corrupt(old, new):
    assert old in TEXT
    with pytest.raises(Corrupt, match="invitation: expected"):
        Invitation.decode(TEXT.replace(old, new, 1))


def test_an_error_and_a_printed_invitation_do_not_show_the_code():
    assert repr(INVITATION) == "Invitation(https://127.0.0.1:9443, code of 16 bytes)"
    for text in (TEXT + "=", TEXT.replace("https", "").replace("#", "#x")):
        with pytest.raises(Corrupt) as caught:
            Invitation.decode(text)
        assert "AAECAwQFBgcICQoLDA0ODw" not in str(caught.value)


def test_parts_of_the_wrong_size_make_no_invitation():
    for change in ({"operator": bytes(31)}, {"code": bytes(17)}, {"expires_seconds": -1}, {"url": "http://a:1"}):
        fields = {"url": "https://a:1", "operator": bytes(32), "code": bytes(16), "expires_seconds": 1, **change}
        with pytest.raises(Corrupt):
            Invitation(**fields)


def test_the_fingerprint_is_sha256_of_the_key():
    assert fingerprint(bytes(32)) == hashlib.sha256(bytes(32)).digest()


def test_a_fingerprint_is_read_aloud_in_sixteen_groups_of_four():
    text = fingerprint_text(bytes(range(32)))
    assert text.startswith("0001 0203 0405")
    assert [len(group) for group in text.split(" ")] == [4] * 16
    assert bytes.fromhex(text) == bytes(range(32))
