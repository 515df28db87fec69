"""Where a command meets the person who typed it: what went wrong inside becomes a message and an exit status."""

import importlib.metadata
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import HushrecError, Misconfigured


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"hushrec {importlib.metadata.version('hushrec')}")
        raise typer.Exit()


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is, and stop.")
]


@contextmanager
def exit_on_error(program: str, debug: bool) -> Iterator[None]:
    """Turns exceptions into a message of `program` on standard error and an exit status.

    The message of an unforeseen exception may quote a person or their data, so it is shown under --debug only.
    """
    try:
        yield
    except HushrecError as error:
        print(f"{program}: {error}", file=sys.stderr)
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
        if debug:
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"{program}: a fault of ours, not of your input: {type(error).__name__} at "
            f"{Path(place.filename).name}:{place.lineno}; please report it with what --debug prints",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
