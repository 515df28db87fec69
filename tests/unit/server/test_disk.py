"""Room for a round: what is counted, and that nobody is asked where there is too little."""

from types import SimpleNamespace

import pytest

from server import disk
from server.home import create_server
from shared.errors import StorageFailed
from tests.support.published import publish_files

SPARE = 64 * 2**20


@pytest.fixture
def home(tmp_path):
    return create_server(tmp_path / "server")


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def leave(count):
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=count))

    leave(10**15)
    return leave


def test_before_the_first_release_only_a_margin_is_needed(home, free):
    assert disk.disk_space(home).needed_bytes == SPARE
    disk.check_room(home)


def test_answers_sum_checkpoint_and_release_are_counted(home, free):
    publish_files(home, {"manifest.json": b"m" * 10, "model.safetensors": b"v" * 1000}, "release zero")
    federation = home.federation()
    asked = federation.cohort_of("update") * federation.round.over_selection
    expected = SPARE + int(asked * 1000) + 2 * 1000 + 3 * 1000 + 1010
    assert disk.disk_space(home).needed_bytes == expected
    (home.training / "checkpoint.safetensors").write_bytes(b"c" * 9000)  # what was counted makes it longer
    assert disk.disk_space(home).needed_bytes == expected - 3000 + 9000


def test_one_byte_too_few_is_too_little_and_the_words_say_what_to_do(home, free):
    needed = disk.disk_space(home).needed_bytes
    free(needed)
    disk.check_room(home)
    free(needed - 1)
    with pytest.raises(StorageFailed, match=r"no device is asked, and none charged.*free some space"):
        disk.check_room(home)
