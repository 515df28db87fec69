"""A process that holds a round's secrets leaves no copy of its memory to others."""

import ctypes
import os
import resource
import sys

import pytest

from shared.lifetime import keep_memory_private

PR_GET_DUMPABLE = 3


def of_a_process(prepare):
    """Whether its memory may be dumped or traced, and the largest core it may leave."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            prepare()
            dumpable = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)
            os.write(writing, f"{dumpable} {resource.getrlimit(resource.RLIMIT_CORE)[0]}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return tuple(int(word) for word in said.split())


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_nobody_may_trace_or_dump_a_process_whose_memory_is_private():
    assert of_a_process(keep_memory_private) == (0, 0)
    assert of_a_process(lambda: None) == (1, 4096)  # the control
