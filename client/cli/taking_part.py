"""`hushrec-device pause`, `resume` and `leave`: whether the device answers its federation. Ranking goes on anyway."""

import typer

from client.cli.checking import Directory
from client.cli.tables import plain
from client.cli.terminal import Yes, ask
from client.home import Home
from shared.cli import Debug, Json, exit_on_error, print_json


def pause(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Answer no round until `resume`; the device goes on ranking."""
    _set_paused(directory, True, as_json, debug)


def resume(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Answer rounds again."""
    _set_paused(directory, False, as_json, debug)


def leave(directory: Directory, yes: Yes = False, as_json: Json = False, debug: Debug = False) -> None:
    """Leave the federation for good: no more answers. The device has to be stopped first."""
    with exit_on_error("hushrec-device", debug):
        from client.membership import Membership
        from client.participation import leave_federation

        home = Home.open(directory)
        federation = plain(Membership.load(home.membership).federation)
        ask(f"Leave {federation} for good?", yes, "nothing was left")
        membership = leave_federation(home)
        if as_json:
            return print_json({"federation": membership.federation, "device": membership.device})
        print(f"left {federation}: this device answers no round any more; it goes on ranking by the release it has")
        print("what stays: its part in released models, what it has spent, and your events, until you forget them")
        print(f"the server was not told; its operator can revoke device {membership.device}")


def _set_paused(directory: Directory, paused: bool, as_json: bool, debug: bool) -> None:
    with exit_on_error("hushrec-device", debug):
        from client import participation

        home = Home.open(directory)
        (participation.pause_answers if paused else participation.resume_answers)(home)
        if as_json:
            return print_json({"paused": paused})
        again = f"paused: no round is answered until: hushrec-device resume {directory}"
        print(again if paused else "resumed: rounds are answered again, as far as your policy allows")


def add_to(app: typer.Typer) -> None:
    """Add the three commands to `hushrec-device`."""
    for command in (pause, resume, leave):
        app.command()(command)
