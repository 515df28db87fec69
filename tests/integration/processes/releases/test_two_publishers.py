"""Two processes that publish make one chain."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np

from server.home import create_server
from server.releases import Releases


def test_two_processes_that_publish_at_once_make_one_chain(tmp_path, tiny):
    """Each promotes what the other has not; every line follows the one before it."""
    home, (zero, _) = create_server(tmp_path / "server"), tiny.release()
    releases = Releases(home, now=lambda: 1_700_000_000.9)
    three = [replace(zero, vector=zero.vector + np.float32(step), round_number=step) for step in range(3)]
    names = [releases.publish(release, "why", number).release for number, release in enumerate(three)]
    code = (
        "import sys, json; from pathlib import Path\n"
        "from server.home import Home; from server.releases import Releases\n"
        "from shared.errors import Misconfigured\n"
        "home, names, done = Home.open(Path(sys.argv[1])), json.loads(sys.argv[2]), 0\n"
        "while done < 20:\n"
        "    try: Releases(home).promote(names[done % 3]); done += 1\n"
        "    except Misconfigured: done += 1\n"
    )
    arguments = [sys.executable, "-c", code, str(home.directory), json.dumps(names)]
    for process in [subprocess.Popen(arguments) for _ in range(2)]:
        assert process.wait(60) == 0
    links = releases.all()
    assert [link.sequence for link in links] == list(range(1, len(links) + 1))
    assert len(links) > 20
