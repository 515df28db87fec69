"""A server's folder is made whole or not at all, whenever its maker is killed."""

import multiprocessing
import time

from server.doctor import check_server
from server.home import create_server


def test_a_kill_at_any_moment_leaves_a_whole_server_or_none(tmp_path):
    context = multiprocessing.get_context("fork")
    seen = set()
    for number in range(12):
        directory = tmp_path / f"server-{number}"
        child = context.Process(target=create_server, args=(directory,))
        child.start()
        time.sleep(number * 0.01)
        child.kill()
        child.join()
        assert not directory.exists() or check_server(directory) == []
        seen.add(directory.exists())
    assert False in seen
