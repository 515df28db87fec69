"""Keeps a run going while there is an order: starts one, notices when its ServerApp is gone, and starts the next.

Flower loses no round by it: the next run goes on from the last checkpoint. It must never have two runs at once.
"""

import logging
import shutil
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from server.disk import disk_space
from server.flower import Control, NodeReconciler, Run, SetAside, serverapp_pid
from server.home import Home
from server.logs import log_line
from server.registry import Registry
from server.training import Scheduler, TrainingJob, complete_job, pending_job, read_progress
from shared.errors import HushrecError, NotYet

_STEP_SECONDS = 0.2
_ASK_SECONDS = 1.0
_SETTLE_SECONDS = 2.0
_SCHEDULE_SECONDS = 10.0
_THOROUGH_SECONDS = 60.0  # then Flower is asked for its nodes, and devices that were set aside are tried again
_DISK_SECONDS = 10.0  # between looks whether there is room for a round
_STARTING_SECONDS = 180.0  # torch may take long on a busy machine
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class RunState:
    """What is being done about the order.

    Attributes:
        order: the one at work on, None when all are fulfilled.
        run: Flower's number of the run that goes on, None when none does.
        serverapp: process of its ServerApp, once that trains.
        runs: started since the server is up.
        failures: runs in a row that ended before their order was fulfilled and without a new round.
        why: what the last of those said, or why none is started.
        set_aside: devices that no round asks, as Flower does not take their nodes.
    """

    order: TrainingJob | None = None
    run: int | None = None
    serverapp: int | None = None
    runs: int = 0
    failures: int = 0
    why: str = ""
    set_aside: tuple[SetAside, ...] = ()


class RunController:
    """One thread calls `run`; `state` may be read from any."""

    def __init__(self, home: Home, control: Control, registry: Registry) -> None:
        self._home, self._control = home, control
        self._nodes = NodeReconciler(control, registry)
        self._scheduler = Scheduler(home, lambda: len(control.online()))
        self._adopted = False
        self._run: int | None = None
        self._order: TrainingJob | None = None
        self._serverapp: int | None = None
        self._leaving: int | None = None  # process of the run before, which may outlast it by a moment
        self._seen = False  # whether this run's ServerApp has been there
        self._rounds_before = 0
        self._runs = self._failures = 0
        self._why = self._shortage = ""
        self._started = self._due = self._ask_due = 0.0  # monotonic seconds, as below
        self._settle_due = self._thorough_due = self._schedule_due = 0.0
        self.state = RunState()

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set; whatever fails is tried again."""
        while not stop.wait(_STEP_SECONDS):
            try:
                self.step()
            except NotYet:
                self._thorough_due = 0.0  # the SuperLink is away and may come back with another database
            except HushrecError as reason:
                log_line("conductor", logging.WARNING, failed=reason)
                stop.wait(_ASK_SECONDS)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(place.filename).name}:{place.lineno}"
                log_line("conductor", logging.ERROR, failed=type(error).__name__, at=where)
                stop.wait(_ASK_SECONDS)

    def step(self) -> None:
        """Look once at nodes, order and run.

        Raises:
            NotYet: the SuperLink does not answer.
        """
        now = time.monotonic()
        if not self._adopted:
            self._stop_orphans()
        if now >= self._settle_due:
            thoroughly = now >= self._thorough_due
            self._nodes.reconcile(thoroughly)
            self._settle_due = now + _SETTLE_SECONDS
            self._thorough_due = now + _THOROUGH_SECONDS if thoroughly else self._thorough_due
        if now >= self._schedule_due:
            self._schedule_due = now + _SCHEDULE_SECONDS
            self._scheduler.step()
        if self._run is None:
            self._order = pending_job(self._home)
            if self._order is not None and now >= self._due:
                self._start(now)
        else:
            self._watch(self._run, now)
        why = self._shortage or self._why
        self.state = RunState(
            self._order, self._run, self._serverapp, self._runs, self._failures, why, self._nodes.set_aside
        )

    def _stop_orphans(self) -> None:
        """Runs of an earlier start have lost their ServerApp with it."""
        for run in self._control.runs():
            if not run.ended:
                self._control.stop_run(run.run_id)
        self._adopted = True

    def _start(self, now: float) -> None:
        before, self._shortage = self._shortage, self._find_shortage()
        if self._shortage:
            if not before:
                log_line("disk-full", logging.WARNING, why=self._shortage)
            self._due = now + _DISK_SECONDS
            return
        # A folder that was half unpacked when its process was killed would fail every later run.
        shutil.rmtree(self._home.flower_home / "apps", ignore_errors=True)
        self._leaving = serverapp_pid(self._home)  # before there can be a new one
        self._run = self._control.start_run({"home": str(self._home.directory)})
        self._rounds_before = read_progress(self._home).round
        self._started, self._ask_due = now, now + _ASK_SECONDS
        self._runs += 1
        log_line("run started", run=self._run, until=self._order.until if self._order else 0)

    def _find_shortage(self) -> str:
        try:
            return disk_space(self._home).shortage
        except HushrecError:  # the run says what is damaged, and its end is kept
            return ""

    def _watch(self, run_id: int, now: float) -> None:
        there = serverapp_pid(self._home)
        self._serverapp = None if there == self._leaving else there
        self._seen = self._seen or self._serverapp is not None
        gone = self._seen and self._serverapp is None
        if not gone and now < self._ask_due:
            return
        self._ask_due = now + _ASK_SECONDS
        run = self._control.run_status(run_id) or Run(run_id, "finished", "failed", "the SuperLink has forgotten it")
        if run.ended:
            self._note_end(run, now)
        elif gone:  # it would have said so, had it ended by itself; Flower notices after a minute
            self._control.stop_run(run_id)
            self._note_end(Run(run_id, "finished", "failed", "its process ended"), now)
        elif not self._seen and now - self._started > _STARTING_SECONDS:
            self._control.stop_run(run_id)
            self._note_end(Run(run_id, "finished", "failed", "its ServerApp did not start"), now)

    def _note_end(self, run: Run, now: float) -> None:
        self._run = self._serverapp = None
        self._seen = False
        log_line("run ended", run=run.run_id, outcome=run.outcome, why=run.why)
        if run.outcome == "completed" and self._order is not None:
            complete_job(self._home, self._order)
            self._failures, self._why, self._order = 0, "", None
            return
        moved = read_progress(self._home).round > self._rounds_before
        self._failures = 1 if moved else self._failures + 1
        self._why = run.why
        doubled = _FIRST_WAIT_SECONDS * 2.0 ** min(self._failures - 1, 16)
        self._due = now + min(doubled, _LONGEST_WAIT_SECONDS)
