"""What becomes of a run that its person stops."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

_INTERRUPTED = 130  # the status that shells know Ctrl-C by


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Ctrl-C says how to go on with the run in a folder, if anything of it is kept."""
    try:
        yield
    except KeyboardInterrupt:
        if (folder / "work" / "identity").exists():
            said = f"go on with the same command and --out {folder} --resume"
        else:
            said = "nothing is left to go on with but the texts that are encoded; start anew"
        print(f"hushrec-simulate: stopped; {said}", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None
