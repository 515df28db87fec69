"""Parts are started, restarted with growing waits, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import Misconfigured
from shared.processes import Part, Patience, Supervisor

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
HURRIED = Patience(first_wait_seconds=0.01, longest_wait_seconds=0.05)


def part(folder: Path, script: str, name: str = "one", **environment: str) -> Part:
    return Part(name, (sys.executable, "-c", script), folder, {**os.environ, **environment})


def supervisor(folder: Path, *parts: Part, patience: Patience = HURRIED, largest_log_bytes: int = 10**6) -> Supervisor:
    return Supervisor(parts, folder / "run", folder / "logs", patience, largest_log_bytes)


def wait(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def stepping(watch: Supervisor, done: Callable[[], bool]) -> None:
    def step() -> bool:
        watch.step()
        return done()

    wait(step)


def lives(pid: int) -> bool:
    """Whether it still runs; the dead whom nobody has asked about do not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_part_runs_in_its_folder_with_its_environment_and_prints_into_its_log(tmp_path: Path) -> None:
    script = "import os, time; print(os.getcwd(), os.environ['WORD'], flush=True); time.sleep(60)"
    before = time.time()
    with supervisor(tmp_path, part(tmp_path, script, WORD="spoken")) as watch:
        log = tmp_path / "logs" / "one.log"
        wait(lambda: "spoken" in log.read_text())
        assert str(tmp_path.resolve()) in log.read_text()
        (status,) = watch.status()
        assert (status.name, status.restarts, status.exit_status) == ("one", 0, None)
        assert status.pid is not None
        assert os.getsid(status.pid) == status.pid
        assert before - 1 <= status.since_seconds <= time.time() + 1  # the clock may be set by a little


def test_a_killed_part_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    with supervisor(tmp_path, part(tmp_path, SLEEPS), part(tmp_path, SLEEPS, "two")) as watch:
        first, second = (status.pid for status in watch.status())
        assert first is not None
        os.kill(first, signal.SIGKILL)
        stepping(watch, lambda: watch.status()[0].restarts == 1)
        again, other = watch.status()
        assert again.pid not in (None, first)
        assert again.exit_status == -signal.SIGKILL
        assert (other.pid, other.restarts) == (second, 0)


def test_what_a_part_started_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with supervisor(tmp_path, part(tmp_path, script)) as watch:
        log = tmp_path / "logs" / "one.log"
        wait(lambda: log.read_text().endswith("\n"))
        child, parent = int(log.read_text()), watch.status()[0].pid
        assert parent is not None
        os.kill(parent, signal.SIGKILL)
        stepping(watch, lambda: watch.status()[0].restarts == 1)
        wait(lambda: not lives(child))


def test_waits_double_up_to_the_longest_and_shrink_after_a_long_life(tmp_path: Path) -> None:
    patience = Patience(first_wait_seconds=1, longest_wait_seconds=6)
    assert [patience.wait_seconds(failures, 0.5) for failures in (1, 2, 3, 4, 5000)] == [1, 2, 4, 6, 6]
    assert (patience.wait_seconds(2, 0.0), patience.wait_seconds(2, 0.999)) == (1, pytest.approx(3, abs=0.01))

    slow = Patience(first_wait_seconds=0.2, longest_wait_seconds=10)  # at least 0.1, then 0.2, then 0.4 s
    with supervisor(tmp_path, part(tmp_path, "raise SystemExit(7)"), patience=slow) as watch:
        started = time.monotonic()
        stepping(watch, lambda: watch.status()[0].restarts == 3)
        assert time.monotonic() - started >= 0.7
        assert watch.status()[0].exit_status == 7

    lasting = Patience(first_wait_seconds=0.01, longest_wait_seconds=100, lasting_seconds=0)
    with supervisor(tmp_path, part(tmp_path, ""), patience=lasting) as watch:
        stepping(watch, lambda: watch.status()[0].restarts == 8)  # 1.3 s and more, had the waits doubled


def test_stopping_asks_first_and_kills_what_does_not_listen(tmp_path: Path) -> None:
    polite = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()))"
    )
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
    loop = "\nprint('up', flush=True)\nwhile True: time.sleep(0.05)"
    watch = supervisor(tmp_path, part(tmp_path, polite + loop, "polite"), part(tmp_path, deaf + loop, "deaf"))
    watch.start()
    logs = [tmp_path / "logs" / f"{name}.log" for name in ("polite", "deaf")]
    wait(lambda: all("up" in log.read_text() for log in logs))
    pids = [status.pid for status in watch.status()]
    watch.stop(grace_seconds=1)
    assert "bye" in logs[0].read_text()
    assert not any(lives(pid) for pid in pids if pid)
    assert [status.pid for status in watch.status()] == [None, None]
    assert watch.step() == []
    assert [status.pid for status in watch.status()] == [None, None]  # stopped parts stay stopped


def test_what_a_killed_supervisor_left_behind_is_ended_before_the_next_starts(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from shared.processes import Part, Supervisor\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"parts = [Part('one', (sys.executable, '-c', {SLEEPS!r}), folder)]\n"
        "watch = Supervisor(parts, folder / 'run', folder / 'logs')\n"
        "watch.start(); print(watch.status()[0].pid, flush=True); input()"
    )
    first = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    left_behind = int(first.stdout.readline())
    first.kill()
    first.wait()
    assert lives(left_behind)
    with supervisor(tmp_path, part(tmp_path, SLEEPS)) as watch:
        assert not lives(left_behind)
        assert watch.status()[0].pid not in (None, left_behind)


def test_a_command_that_does_not_exist_is_named_and_leaves_nothing_running(tmp_path: Path) -> None:
    missing = Part("two", ("no-such-command",), tmp_path)
    watch = supervisor(tmp_path, part(tmp_path, SLEEPS), missing)
    with pytest.raises(Misconfigured, match=r"two: could not be started .* is no-such-command installed"), watch:
        pass
    assert [status.pid for status in watch.status()] == [None, None]


def test_logs_stay_short(tmp_path: Path) -> None:
    script = "import time\nfor n in range(100): print('x' * 99, flush=True)\ntime.sleep(60)"
    with supervisor(tmp_path, part(tmp_path, script), largest_log_bytes=5_000) as watch:
        log = tmp_path / "logs" / "one.log"
        wait(lambda: log.stat().st_size == 10_000)
        stepping(watch, lambda: log.stat().st_size == 0)
        assert log.with_name("one.log.1").stat().st_size == 5_000


def test_running_forever_ends_when_it_is_told_to(tmp_path: Path) -> None:
    stop, steps = threading.Event(), []

    def each() -> None:
        steps.append(1)
        if len(steps) == 3:
            stop.set()

    with supervisor(tmp_path, part(tmp_path, SLEEPS)) as watch:
        watch.run_forever(stop, each)
        assert watch.status()[0].pid is not None
    assert len(steps) == 3


@pytest.mark.parametrize("name", ["", "One", "a/b", "../x"])
def test_a_part_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        Part(name, ("true",), tmp_path)


def test_two_parts_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names"):
        supervisor(tmp_path, part(tmp_path, SLEEPS), part(tmp_path, SLEEPS))


def test_an_environment_is_not_shown(tmp_path: Path) -> None:
    assert "hidden" not in repr(part(tmp_path, SLEEPS, SECRET="hidden"))
