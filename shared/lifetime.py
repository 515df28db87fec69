"""What a process leaves behind: nothing when its parent ends, and no copy of its memory."""

import ctypes
import fcntl
import os
import resource
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def end_with_parent(parent: int, ending: signal.Signals) -> None:
    """End this process, by a signal to itself, within a second of its parent's end.

    Args:
        parent: the parent's id, read before it could have ended.
        ending: SIGTERM lets what runs clean up; SIGKILL ends at once, on Linux with the parent itself (prctl(2)).
    """
    if ending is signal.SIGKILL and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), ending)

    threading.Thread(target=watch, daemon=True).start()


def keep_memory_private() -> None:
    """Let no core dump and, on Linux, no other process of this user but root read this process's memory (prctl(2)).

    Swap is not covered.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def end_with_pipe(descriptor: int) -> None:
    """End this process at once when the other end of a pipe is closed, whatever it is doing then.

    The kernel's signal ends it even inside a call that never comes back to Python; where a kernel has none by default,
    a thread does.
    """

    def wait() -> None:
        os.read(descriptor, 1)
        os._exit(1)

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=wait, daemon=True).start()
