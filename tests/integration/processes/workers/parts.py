"""What the children of the tests hold and do. Its names are looked up by other processes."""

import os
import re
import sys
import time

from shared.errors import Misconfigured, NotYet, Refused


class Counter:
    def __init__(self, start: int, secret: bytes = b"") -> None:
        if start < 0:
            raise Misconfigured(f"counter: expected a start of 0 or more, got {start}")
        if start > 100:
            raise ValueError("the person's own words")
        self.count = start

    def add(self, more: int) -> int:
        self.count += more
        return self.count

    def refuse(self) -> None:
        raise Refused("policy: smallest_cohort: allows 50, got 3", code="policy")

    def wait(self) -> None:
        raise NotYet("expected events, got none")

    def leak(self) -> None:
        raise ValueError("the person's own words")

    def unsendable(self) -> object:
        return lambda: None

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def hang(self) -> None:
        """In C code that never lets another Python thread run."""
        re.fullmatch(r"(a+)+", "a" * 60 + "b")

    def die(self) -> None:
        os._exit(3)

    def seen(self) -> tuple[list[str], dict[str, str], bool]:
        """Command line, environment, and whether the parent's main module came along."""
        return sys.orig_argv, dict(os.environ), hasattr(sys.modules["__main__"], "__file__")

    def pid(self) -> int:
        return os.getpid()


def parent(action: str) -> None:
    """A parent that tells the id of its child, gives it something to do and waits to be killed."""
    import threading

    from client.workers import Worker

    worker = Worker("counter", Counter, 0)
    print(worker.call(30, Counter.pid), flush=True)
    if action != "rest":
        seconds = (60.0,) if action == "sleep" else ()
        threading.Thread(target=lambda: worker.call(60, getattr(Counter, action), *seconds), daemon=True).start()
    time.sleep(0.3)
    print("ready", flush=True)
    time.sleep(60)
