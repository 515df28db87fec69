"""What a person sees while a run goes on: named stages on standard error. It never writes to standard output."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Stage:
    """One named piece of work, cut into steps."""

    def __init__(self, bars: Bars | None, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Count steps as done; `detail` (a metric, say) stands behind the bar until the next one."""
        if self._bars is not None:
            self._bars.advance(self._task, steps)
            if detail:
                self._bars.update(self._task, detail=detail)


class Progress:
    """The stages of a run. Silent by default; `on_terminal` shows bars where a person is looking.

    >>> with Progress.on_terminal() as progress, progress.stage("training rounds", total=100) as stage:
    ...     stage.advance(detail="ndcg@10 0.412")
    """

    def __init__(self, console: Console | None = None) -> None:
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
    def on_terminal(cls) -> "Progress":
        """Bars on standard error if that is a terminal, else silence."""
        console = Console(stderr=True)
        return cls(console if console.is_terminal else None)

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
        if self._bars is None:
            yield Stage(None, TaskID(0))
            return
        task = self._bars.add_task(name, total=total, detail="")
        yield Stage(self._bars, task)
        if total is None:
            self._bars.update(task, total=1, completed=1)
