"""`hushrec-device service`: a unit by which systemd keeps the device up."""

import getpass
from typing import Annotated

import typer

from client.cli.checking import Directory
from client.home import Home
from shared.cli import Debug, Json, exit_on_error, print_json
from shared.service_unit import write_unit


def write_device_unit(
    directory: Directory,
    user: Annotated[str | None, typer.Option(help="Account that it runs as; yours when left out.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a systemd unit that keeps the device up, and say how to install it."""
    with exit_on_error("hushrec-device", debug):
        home = Home.open(directory)
        path = write_unit("hushrec-device", home.directory, "Hushrec device", user or getpass.getuser())
        if as_json:
            return print_json({"unit": str(path)})
        print(f"{path}: copy it to /etc/systemd/system, then systemctl enable --now {path.name}")
        if home.settings.keyring:
            print("note: a service has no keyring; make the device with --no-keyring, or run it as a user's service")
