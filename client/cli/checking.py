"""`hushrec-device check`: what is wrong with what a device has written down, and mending it."""

from pathlib import Path
from typing import Annotated

import typer

from client.home import Home
from shared.cli import Debug, Json, exit_on_error, print_json
from shared.errors import Misconfigured

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The device's folder.")]


def check(
    directory: Directory,
    mend: Annotated[
        bool, typer.Option("--mend", help="Charge again what was lost, and go by the system's clock again.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what is wrong with the device's ledger, rounds, clock and past releases. The exit status is 2 if anything is.

    Publications that the server replaced by others are named too: that may be right, after a restoration.
    """
    with exit_on_error("hushrec-device", debug):
        from client.mending import check_device, mend_device, superseded_publications

        home = Home.open(directory)
        mended = mend_device(home) if mend else []
        found = check_device(home)
        superseded = superseded_publications(home)
        if as_json:
            print_json({"faults": found, "mended": mended, "superseded": [each.model_dump() for each in superseded]})
        else:
            for line in (*mended, *found, *superseded):
                print(line)
            if not found:
                print(f"{directory}: nothing is wrong")
        if found:
            raise typer.Exit(Misconfigured.exit_status)
