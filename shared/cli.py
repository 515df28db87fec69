"""What the three commands have in common: options, error messages with exit statuses, JSON lines, progress bars."""

import errno
import importlib.metadata
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import click
import typer

from shared.errors import HushrecError, Misconfigured, kind_and_place

_SECONDS_BETWEEN_LINES = 10.0
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"hushrec {importlib.metadata.version('hushrec')}")
        raise typer.Exit()


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is, and stop.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")]


def command_group(text: str) -> typer.Typer:
    """A command whose sub-commands are added with `.command()`; it knows `--version` and completes itself in shells.

    Args:
        text: what `--help` says of it.
    """
    app = typer.Typer(help=text, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def group(version: Version = False) -> None:
        """Keeps every command a sub-command."""

    return app


def print_json(facts: Mapping[str, Any]) -> None:
    """One JSON object in one line of standard output."""
    print(json.dumps(facts, ensure_ascii=False, allow_nan=False), flush=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where a person is looking, else a line there now and then.

    Called with how many are done of how many.
    """
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    """The first and the last count, and one in ten seconds between them: for logs. Nothing of what is done at once."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._due, self._begun = clock(), False

    def __call__(self, done: int, total: int) -> None:
        """Write a line, if it is time for one."""
        now = self._clock()
        if self._begun if done >= total else now >= self._due:
            self._begun = True
            self._due = now + _SECONDS_BETWEEN_LINES
            print(f"{self._what}: {done:,} of {total:,}", file=sys.stderr, flush=True)


@contextmanager
def exit_on_error(program: str, debug: bool) -> Iterator[None]:
    """Turn exceptions into a message of `program` on standard error and an exit status.

    With --json, {"error": {"code", "message"}} goes to standard output; codes are listed in shared/ERRORS.md. The
    message of an unforeseen exception may quote a person or their data, so it is shown under --debug only.
    """
    try:
        yield
    except HushrecError as error:
        print(f"{program}: {error}", file=sys.stderr)
        context = click.get_current_context(silent=True)
        if context is not None and context.params.get("as_json"):
            print_json({"error": {"code": error.code, "message": str(error)}})
        raise typer.Exit(error.exit_status) from None
    except PermissionError as error:
        print(
            f"{program}: {error.filename}: expected to be let in, got {error.strerror}; run it as the user whose "
            "folder this is",
            file=sys.stderr,
        )
        raise typer.Exit(Misconfigured.exit_status) from None
    except (typer.Exit, BrokenPipeError):  # typer ends quietly when nobody reads on
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NOT_WRITTEN:
            print(
                f"{program}: {error.filename or 'a file'}: could not be written ({error.strerror}); free some space, "
                "and see that the disk is not read-only",
                file=sys.stderr,
            )
            raise typer.Exit(Misconfigured.exit_status) from None
        if debug:
            traceback.print_exc()
        print(
            f"{program}: a fault of ours, not of your input: {kind_and_place(error)}; please report it with what "
            "--debug prints",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
