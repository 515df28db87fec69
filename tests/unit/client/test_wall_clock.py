"""A clock that is set back revives nothing: not while a process runs, and not in the next one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.wall_clock import WallClock, kept_seconds
from shared.errors import Corrupt, Misconfigured
from shared.secure_sum import Certificate, issue_certificate, verify_certificate

DAY = 86_400


class System:
    """The system's clock."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


def test_a_clock_that_is_set_back_stands_still(tmp_path):
    system = System(1000.0)
    clock = WallClock(tmp_path / "clock", system)
    assert clock() == 1000.0
    system.seconds = 900.0
    assert clock() == 1000.0
    system.seconds = 1001.0
    assert clock() == 1001.0


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_over_restarts_it_goes_back_by_less_than_ten_seconds(tmp_path_factory, moments):
    path = tmp_path_factory.mktemp("clock") / "clock"
    for place, moment in enumerate(moments):
        assert WallClock(path, System(moment))() > max(moments[: place + 1]) - 11


def test_an_expired_certificate_stays_expired_when_the_clock_is_set_back(tmp_path, monkeypatch):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    registry, device = (Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32) for byte in (1, 2))
    key = device.public_key().public_bytes_raw()
    certificate: Certificate = issue_certificate(registry, key, 10 * DAY)
    WallClock(tmp_path / "clock", System(11.0 * DAY))()  # the device ran on the eleventh day
    later = WallClock(tmp_path / "clock", System(5.0 * DAY))()
    public = registry.public_key().public_bytes_raw()
    with pytest.raises(Corrupt):
        verify_certificate(public, key, certificate, int(later))
    verify_certificate(public, key, certificate, int(5.0 * DAY))  # the control: by the system's clock it holds


def test_the_file_is_written_now_and_then_only(tmp_path):
    system = System(1000.0)
    clock = WallClock(tmp_path / "clock", system)
    clock()
    system.seconds = 1009.0
    clock()
    assert kept_seconds(tmp_path / "clock") == 1000.0
    system.seconds = 1010.5
    clock()
    assert kept_seconds(tmp_path / "clock") == 1010.0


@pytest.mark.parametrize("content", [b"", b"-5", b"1e9", b"12 34", b"9" * 70, b"\xff"])
def test_a_file_that_holds_no_time_is_not_gone_by(tmp_path, content):
    (tmp_path / "clock").write_bytes(content)
    with pytest.raises(Corrupt):
        WallClock(tmp_path / "clock", System(1000.0))()
    assert (tmp_path / "clock").read_bytes() == content


def test_a_folder_in_its_place_is_misconfigured(tmp_path):
    (tmp_path / "clock").mkdir()
    with pytest.raises(Misconfigured):
        WallClock(tmp_path / "clock", System(1000.0))()
