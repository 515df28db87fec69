"""What a person sees while a run goes on: named stages on standard error, as bars on a terminal and as lines elsewhere.

It never writes to standard output.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from simulations.options import Language
from simulations.report.language import Words

_SECONDS_BETWEEN_LINES = 10.0


class Stage:
    """One named piece of work, cut into steps. By itself it shows nothing."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Count steps as done; `detail` (a metric, say) stands beside the count until the next one."""


class _Bar(Stage):
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, detail: str = "") -> None:
        self._bars.advance(self._task, steps)
        if detail:
            self._bars.update(self._task, detail=detail)


class _Lines(Stage):
    """A line now and then: seldom enough for a log, often enough to see that something goes on."""

    def __init__(
        self, name: str, total: int | None, write: Callable[[str], None], clock: Callable[[], float], words: Words
    ) -> None:
        self._name, self._total, self._write, self._clock, self._words = name, total, write, clock, words
        self._done, self._detail = 0, ""
        self._started = self._written = clock()
        write(f"{name} ...")

    def advance(self, steps: int = 1, detail: str = "") -> None:
        self._done += steps
        self._detail = detail or self._detail
        if self._clock() - self._written >= _SECONDS_BETWEEN_LINES:
            self._written = self._clock()
            self._write(self._words("stage_at", name=self._name, done=self._counted(), detail=self._detail).rstrip())

    def end(self) -> None:
        seconds = self._clock() - self._started
        self._write(
            self._words("stage_done_in", name=self._name, seconds=f"{seconds:.1f}", detail=self._detail).rstrip()
        )

    def _counted(self) -> str:
        if self._total is None:
            return f"{self._done:,}"
        return self._words("stage_of_total", done=f"{self._done:,}", total=f"{self._total:,}")


class Progress:
    """The stages of a run. Silent by default; `on_terminal` shows them to whoever started it.

    >>> with Progress.on_terminal() as progress, progress.stage("training rounds", total=100) as stage:
    ...     stage.advance(detail="ndcg@10 0.412")
    """

    def __init__(
        self,
        console: Console | None = None,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        language: Language = "en",
    ) -> None:
        """Show stages as bars on a console, or write them as lines; neither where neither is given."""
        self._write, self._clock, self._words = write, clock, Words(language)
        self._bars = None
        if console is not None:
            self._bars = Bars(
                TextColumn("{task.description:<20}", markup=False),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[detail]}", markup=False),
                console=console,
            )

    @classmethod
    def on_terminal(cls, language: Language = "en") -> "Progress":
        """Bars on standard error if that is a terminal, else lines there."""
        console = Console(stderr=True)
        if console.is_terminal:
            return cls(console, language=language)
        return cls(write=_to_standard_error, language=language)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Show a stage until the block ends; without `total` it only pulses."""
        name = self._words.named("stage", name)
        if self._bars is not None:
            task = self._bars.add_task(name, total=total, detail="")
            yield _Bar(self._bars, task)
            if total is None:
                self._bars.update(task, total=1, completed=1)
        elif self._write is not None:
            lines = _Lines(name, total, self._write, self._clock, self._words)
            yield lines
            lines.end()
        else:
            yield Stage()


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
