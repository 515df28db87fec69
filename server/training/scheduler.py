"""Orders rounds by itself, as server.toml's [schedule] says: how often, in which hours, once enough devices are here.

What it has ordered stands in training/schedule.json, so that a server that starts again orders nothing twice.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.home import Home
from server.logs import log_line
from server.training.jobs import pending_job, read_progress, submit_job
from shared.errors import Corrupt, HushrecError
from shared.files import write_atomically

_HOUR_SECONDS, _DAY_SECONDS = 3_600.0, 86_400.0


class ScheduleState(BaseModel):
    """training/schedule.json.

    Attributes:
        ordered_seconds: when rounds were ordered within the last day, and the last one before, seconds since 1970 UTC.
        skipped_before: rounds of the training that had been skipped when the last one was ordered.
        judged: whether it is known what came of that one.
        fruitless: how many of the last rounds of the schedule, in a row, had no sum.
        waits_for: in words, what the next round waits for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ordered_seconds: tuple[float, ...] = Field(default=(), strict=False)
    skipped_before: int = Field(default=0, ge=0)
    judged: bool = True
    fruitless: int = Field(default=0, ge=0)
    waits_for: str = ""


def pause_schedule(home: Home) -> None:
    """Let the schedule order no further rounds; one that is ordered goes on.

    Raises:
        Misconfigured: that cannot be written down.
    """
    write_atomically(home.schedule_pause, b"")


def resume_schedule(home: Home) -> None:
    """Let a paused schedule go on; once more changes nothing."""
    home.schedule_pause.unlink(missing_ok=True)


def read_schedule(home: Home) -> ScheduleState:
    """What the schedule has ordered so far.

    Raises:
        Corrupt: the file holds something else.
    """
    try:
        return ScheduleState.model_validate_json(home.schedule_state.read_bytes())
    except FileNotFoundError:
        return ScheduleState()
    except ValidationError:
        raise Corrupt(
            f"{home.schedule_state}: expected what the schedule writes, got something else; remove it, and the next "
            "round is ordered as if it were the first"
        ) from None


class Scheduler:
    """One thread calls `step`, as often as it likes.

    Example:
        >>> scheduler = Scheduler(home, devices_here=lambda: 120)
        >>> scheduler.step()
        >>> read_schedule(home).waits_for
        'the round that is ordered'
    """

    def __init__(
        self, home: Home, devices_here: Callable[[], int], now_seconds: Callable[[], float] = time.time
    ) -> None:
        """Read what was ordered before.

        Args:
            home: folder of the server, whose settings hold the schedule.
            devices_here: how many devices are connected; asked only when nothing else is waited for.
            now_seconds: since 1970 UTC.

        Raises:
            Corrupt: training/schedule.json holds something else.
        """
        self._home, self._devices_here, self._now_seconds = home, devices_here, now_seconds
        self._plan = home.settings.schedule
        self._state = read_schedule(home)

    def __repr__(self) -> str:
        return f"Scheduler(every {self._plan.every_hours:g} h)"

    def step(self) -> None:
        """Order one round if it is time for it, and write down what is waited for.

        Raises:
            NotYet: how many devices are here cannot be asked now.
            Misconfigured: the state cannot be written.
        """
        if not self._plan.every_hours:
            return
        if pending_job(self._home) is not None:
            return self._keep(waits_for="the round that is ordered")
        self._judge()
        waits_for = self._waits_for(self._now_seconds())
        if waits_for:
            return self._keep(waits_for=waits_for)
        before, now = self._state, self._now_seconds()
        within_a_day = [then for then in before.ordered_seconds if now - then < _DAY_SECONDS]
        self._keep(  # first: a server that ends before the order stands rather orders it late than twice
            ordered_seconds=(*within_a_day, now),
            skipped_before=read_progress(self._home).skipped,
            judged=False,
            waits_for="the round that is ordered",
        )
        try:
            order = submit_job(self._home, 1)
        except HushrecError as reason:  # no release yet, or no round is left
            return self._keep(**before.model_copy(update={"waits_for": str(reason)}).model_dump())
        log_line("scheduled", until=order.until)

    def _judge(self) -> None:
        """Whether the last round of the schedule had a sum."""
        if self._state.judged:
            return
        in_vain = read_progress(self._home).skipped > self._state.skipped_before
        fruitless = self._state.fruitless + 1 if in_vain else 0
        if in_vain:
            log_line("schedule-backs-off", logging.WARNING, rounds=fruitless, hours=self._hours_after(fruitless))
        self._keep(fruitless=fruitless, judged=True)

    def _waits_for(self, now: float) -> str:
        """In words; nothing when a round may be ordered."""
        plan, ordered = self._plan, self._state.ordered_seconds
        if self._home.schedule_pause.exists():
            return f"`hushrec-server resume {self._home.directory}`"
        due = ordered[-1] + self._hours_after(self._state.fruitless) * _HOUR_SECONDS if ordered else now
        if now < due:
            rounds = self._state.fruitless
            after = f", later than usual after {rounds} scheduled without a sum" if rounds else ""
            return f"{_moment(due)}{after}"
        today = [then for then in ordered if now - then < _DAY_SECONDS]
        if plan.rounds_per_day and len(today) >= plan.rounds_per_day:
            return f"{_moment(today[0] + _DAY_SECONDS)}, as {len(today)} rounds were ordered within a day"
        if not plan.is_open(datetime.fromtimestamp(now, UTC).hour):
            return f"{plan.from_hour:02d}:00 UTC"
        needed = max(plan.devices, self._home.federation().round.minimum_answers)
        here = self._devices_here()
        return "" if here >= needed else f"{needed} devices, of which {here} are here"

    def _hours_after(self, fruitless: int) -> float:
        """From one round to the next: doubled for each that had no sum, up to a day."""
        doubled = self._plan.every_hours * 2.0 ** min(fruitless, 16)
        return min(doubled, max(self._plan.every_hours, _DAY_SECONDS / _HOUR_SECONDS))

    def _keep(self, **changes: object) -> None:
        state = self._state.model_copy(update=changes)
        if state != self._state:
            write_atomically(self._home.schedule_state, state.model_dump_json().encode())
            self._state = state


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
