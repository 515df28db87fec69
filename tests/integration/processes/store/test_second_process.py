"""The store has one writer, also across processes."""

import subprocess
import sys

import pytest

from client.store import Store
from shared.errors import NotYet
from tests.support.tiny import events

KEY = b"k" * 32
THREE = events(["garden-0", "garden-1", "music-2"], words={1: "knee pain"})


@pytest.fixture
def path(tmp_path):
    """A store of three events, closed."""
    path = tmp_path / "device" / "store.sqlite"
    path.parent.mkdir()
    with Store.open(path, KEY) as store:
        assert store.append(THREE, ["a", None, "c"]) == [1, 2, 3]
        store.controls["concepts"] = "no knees"
    return path


def test_one_writes_at_a_time_also_across_processes(path):
    program = (
        "import sys, pathlib\nfrom client.store import Store\nfrom shared.errors import NotYet\n"
        "try:\n    Store.open(pathlib.Path(sys.argv[1]), b'k' * 32).close()\n"
        "except NotYet as reason:\n    print('not yet:', reason)\n"
    )

    def other():
        run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
        return run.stdout

    with Store.open(path, KEY) as store:
        with pytest.raises(NotYet, match="another process"):
            Store.open(path, KEY)
        assert other().startswith("not yet:")
        assert store.append([THREE[0]]) == [4]
    assert other() == ""
