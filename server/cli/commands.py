"""`hushrec-server`: turns options into calls and results into tables, JSON and exit statuses. Nothing is decided here.

What is slow to import is imported by the command that needs it, so that the others answer at once.
"""

import dataclasses
import logging
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from server.cli import terminal
from server.cli.options import PROGRAM, Directory, app, log_to_terminal
from server.doctor import check_server as check_home
from server.doctor import repair_server as mend_home
from server.home import Home, federation_text, settings_of
from server.home import create_server as make_home
from shared.cli import Debug, Json, exit_on_error, print_json, progress_bar
from shared.enrolment import fingerprint, fingerprint_text
from shared.errors import Misconfigured
from shared.recipe import Facts


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    name: Annotated[str | None, typer.Option(help="What the server calls itself.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 is every network.")] = None,
    port: Annotated[int | None, typer.Option(help="The only port that devices reach.")] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="https://HOST:PORT where devices reach it, if that differs.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="A further name or address of it; may be repeated.")
    ] = None,
    superlink_port: Annotated[int | None, typer.Option(help="Of Flower, on this machine alone.")] = None,
    federation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Federation file; the shipped one when left out.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the federation file; may be repeated."),
    ] = None,
    people: Annotated[
        int | None, typer.Option(min=2, help="Devices expected, about: the recipe then fits the model to them.")
    ] = None,
    items: Annotated[int, typer.Option(min=2, help="With --people: items in the catalogue, about.")] = 10_000,
    events: Annotated[int, typer.Option(min=1, help="With --people: events of a usual person, about.")] = 32,
    shown_lists: Annotated[
        bool, typer.Option("--shown-lists", help="With --people: apps log what was offered beside a choice.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a server: keys, TLS, settings, federation file, registry."""
    with exit_on_error(PROGRAM, debug):
        given = {
            "name": name, "host": host, "port": port, "public_url": public_url, "names": also,
            "superlink_port": superlink_port,
        }  # fmt: skip
        facts = None if people is None else Facts(people, items, events, shown_lists)
        if facts is not None and federation is not None:
            raise Misconfigured("--people: expected it without --federation, whose file says it all, got both")
        chosen = settings_of({key: value for key, value in given.items() if value is not None})
        home = make_home(directory, chosen, federation_text(federation, settings or (), facts))
        operator = fingerprint(home.operator_key().public_key().public_bytes_raw())
        said = {"url": home.settings.url, "operator": operator.hex(), "fingerprint": fingerprint_text(operator)}
        if as_json:
            return print_json({"directory": str(home.directory), **said})
        print(f"{home.directory}: a new server, {home.settings.url}")
        print(f"fingerprint of its operator's key: {said['fingerprint']}")
        terminal.advise(
            f"keep a copy of {home.keys} where nobody else reads it: without it, devices have to join again",
            f"next: hushrec-server catalogue {directory} FILE, then hushrec-server up {directory}",
        )


@app.command()
def check(
    directory: Directory,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Mend what needs no choice: modes, certificate, Flower's secret, chain, revocations.",
        ),
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what is wrong with the server's folder, and how to mend it. The exit status is 2 if anything is."""
    with exit_on_error(PROGRAM, debug):
        mended = mend_home(directory) if mend else []
        findings = check_home(directory)
        if as_json:
            print_json({"findings": [dataclasses.asdict(finding) for finding in findings], "mended": mended})
        else:
            for line in (*mended, *findings):
                print(line)
            if not findings:
                print(f"{directory}: nothing is wrong")
        if findings:
            raise typer.Exit(Misconfigured.exit_status)


@app.command()
def catalogue(
    directory: Directory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Items, as .jsonl or .csv.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Read items, encode those that are new, and release them; the first time, this is release zero."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.catalogue import add_catalogue

        with progress_bar("texts encoded") as progress:
            summary = add_catalogue(home, file, progress, lambda said: terminal.advise(f"note: {said}"))
        terminal.print_report(dataclasses.asdict(summary), as_json)


@app.command()
def up(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Run the server until it is stopped."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        for finding in check_home(directory, replay=False):
            terminal.advise(f"warning: {finding}")
        from server.supervisor import run_server as run

        log_to_terminal(home, logging.INFO)
        logging.getLogger("httpx").setLevel(logging.WARNING)
        run(home, lambda: terminal.advise(f"ready: devices reach it at {home.settings.url}; it ends with Ctrl-C"))
        if as_json:
            print_json({"directory": str(home.directory), "stopped": True})


@app.command()
def enrol(
    directory: Directory,
    hours: Annotated[
        int | None, typer.Option(min=1, max=8760, help="How long it holds, instead of the setting.")
    ] = None,
    note: Annotated[str, typer.Option(help="Your own words, for the list of invitations.")] = "",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Invite so many devices at once.")] = 1,
    seats: Annotated[
        int, typer.Option(min=1, max=100_000, help="Devices that can join by one invitation, such as a group's.")
    ] = 1,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them into a new CSV file, for its owner alone."),
    ] = None,
    qr: Annotated[
        bool | None, typer.Option("--qr/--no-qr", help="Draw it for a camera; by default where a person is looking.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Invite devices: prints invitations that each work once, or for as many devices as `--seats` says."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.cli.inviting import check_new, invite, print_many, print_one

        if csv is not None:
            check_new(csv)
        invited = invite(home, count, hours, note, seats)
        if csv is not None or count > 1:
            print_many(invited, csv, as_json)
        elif as_json:
            print_json({"invitation": invited.invitations[0], **invited.to_json()})
        else:
            print_one(home, invited, sys.stderr.isatty() if qr is None else qr)


@app.command()
def revoke(
    directory: Directory,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Id as `status` lists it.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """End a device's part, for good: its certificate and its place at Flower."""
    with exit_on_error(PROGRAM, debug), (home := Home.open(directory)).registry() as registry:
        revocations = home.revocation_list(registry)
        row = revocations.revoke(device)
        said = {
            "device": row.device,
            "revoked_seconds": row.revoked_seconds,
            "sequence": revocations.current().sequence,
        }
        if as_json:
            return print_json(said)
        print(f"{row.device}: revoked since {terminal.moment(row.revoked_seconds)}")


@app.command()
def rounds(
    directory: Directory,
    count: Annotated[int, typer.Option(min=1, help="Further rounds.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Order further rounds of the server that is up, wait for them, and release what they learnt.

    The exit status is 4 if no round of the order brought anything.
    """
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.cli.rounds import train_rounds

        train_rounds(home, count, as_json)


@app.command()
def status(
    directory: Directory,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="First wait so long, at most, until the server answers.")
    ] = 0.0,
    devices: Annotated[bool, typer.Option("--devices", help="List the devices, however many there are.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say how the server is: whether it is up, who takes part, how far training and releases are."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.cli.status import print_status
        from server.status import server_status

        if wait:
            from server.health import wait_until_up

            wait_until_up(home, wait)
        found = server_status(home, time.time())
        print_json(found) if as_json else print_status(found, devices)
