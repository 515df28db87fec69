"""Whether a device answers its federation, and on what terms: `pause`, `resume`, `leave`, `terms`."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from client.cli.checking import Directory
from client.cli.tables import plain, print_terms
from client.cli.terminal import Yes, ask
from client.home import Home
from shared.cli import Debug, Json, exit_on_error, print_json
from shared.errors import HushrecError, NotYet


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
        from client.participation import leave_federation, tell_server

        home = Home.open(directory)
        again = home.left.exists() and not home.membership.exists()
        federation = plain(Membership.load(home.left if again else home.membership).federation)
        ask(f"Leave {federation} for good?", yes, "nothing was left")
        membership, untold = leave_federation(home), ""
        try:
            tell_server(home, membership)
        except HushrecError as reason:  # it has left, whatever keeps the server from hearing of it
            untold = plain(str(reason))
        if as_json:
            facts = {"federation": membership.federation, "device": membership.device, "told": not untold}
            return print_json(facts)
        print(f"left {federation}: this device answers no round any more; it goes on ranking by the release it has")
        print("what stays: its part in released models, what it has spent, and your events, until you forget them")
        if untold:
            print(f"the server could not be told: {untold}; say leave again, or ask its operator to revoke the device")
            print(f"device {membership.device}")
        else:
            print("the server was told: it takes this device for a member no more, and you join again as a new one")


def terms(
    directory: Directory,
    accept: Annotated[bool, typer.Option("--accept", help="Go on under them, after a yes.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what terms that the server offers would change of those that were agreed to, and accept them or not."""
    with exit_on_error("hushrec-device", debug):
        from client.terms import accept_offered_terms, offered_changes
        from shared.federation import meanings_of_keys

        home = Home.open(directory)
        _look_at_server(home)
        changes = offered_changes(home)
        if accept and not changes:
            raise NotYet("terms: expected other terms on offer, got none: those that were agreed to go on to count")
        meanings = meanings_of_keys()
        rows = [asdict(change) | {"meaning": meanings.get(change.key, "")} for change in changes]
        if not as_json and rows:
            print_terms(rows)
        if accept:
            ask("Go on under these terms?", yes, "the device goes on under the terms that were agreed to")
            accept_offered_terms(home, changes)
            _look_at_server(home)
        if as_json:
            return print_json({"changes": rows, "accepted": accept})
        if accept:
            print("accepted: the device takes part under these terms from its next look at the server on")
        elif not rows:
            print("the terms that were agreed to count; the server offers no others")
        else:
            print(f"until you accept them, the device goes on as before: hushrec-device terms {directory} --accept")


def _look_at_server(home: Home) -> None:
    """See what the server has published, and take what comes under terms that were accepted."""
    from client.membership import Membership
    from client.releases import Releases

    membership = Membership.load(home.membership)
    with membership.gateway(home.keys.identity()) as gateway:
        try:
            Releases(home, membership, gateway).update()
        except HushrecError as reason:  # the device looks again by itself
            if reason.code != "terms-changed" or not home.offered_terms.exists():
                print(f"the newest release was not taken: {plain(str(reason))}", file=sys.stderr)


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
    """Add the commands to `hushrec-device`."""
    for command in (pause, resume, leave, terms):
        app.command()(command)
