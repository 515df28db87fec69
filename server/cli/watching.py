"""The commands by which a server is watched and held: its console, its monitors, its schedule."""

import getpass
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from server.cli import terminal
from server.cli.options import PROGRAM, Directory, app, log_to_terminal
from server.home import Home
from server.training import pause_schedule, resume_schedule
from shared.cli import Debug, Json, exit_on_error, print_json
from shared.service_unit import write_unit


@app.command()
def pause(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Let the schedule order no further rounds; one that is ordered goes on."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        pause_schedule(home)
        if as_json:
            return print_json({"directory": str(home.directory), "paused": True})
        if home.settings.schedule.every_hours:
            print(f"{directory}: the schedule is paused; hushrec-server resume {directory} lets it go on")
        else:
            print(f"{directory}: no schedule: schedule.every_hours is 0; one that is set later is paused")


@app.command()
def resume(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Let a paused schedule go on."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        resume_schedule(home)
        if as_json:
            return print_json({"directory": str(home.directory), "paused": False})
        every = home.settings.schedule.every_hours
        print(f"{directory}: " + (f"a round every {every:g} h" if every else "no schedule: schedule.every_hours is 0"))


@app.command()
def console(
    directory: Directory,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of this machine alone; 0 for any that is free.")] = 9445,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the server live on a page of this machine, and as metrics for Prometheus; it ends with Ctrl-C."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.console import serve_console

        def ready(url: str, tokens: Mapping[Literal["reader", "operator"], str]) -> None:
            links: dict[str, str] = {role: f"{url}/#token={token}" for role, token in tokens.items()}
            if as_json:
                print_json({"url": url, "metrics": f"{url}/metrics", **links})
            else:
                print(f"to look          {links['reader']}\nto look and act  {links['operator']}")
                terminal.advise(f"from another machine: ssh -L {url.rpartition(':')[2]}:{url.rpartition('/')[2]} HOST")
            sys.stdout.flush()

        log_to_terminal(home, logging.WARNING)
        serve_console(home, port, ready)


@app.command()
def monitoring(
    directory: Directory,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write what Prometheus and Grafana need: a scrape of the console, alert rules, a dashboard."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.console import write_monitoring

        written = [str(path) for path in write_monitoring(home, out)]
        print_json({"written": written}) if as_json else print("\n".join(written))


@app.command()
def service(
    directory: Directory,
    user: Annotated[str | None, typer.Option(help="Account that it runs as; yours when left out.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a systemd unit that keeps the server up, and say how to install it."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        path = write_unit(PROGRAM, home.directory, f"Hushrec server {home.settings.name}", user or getpass.getuser())
        if as_json:
            return print_json({"unit": str(path)})
        print(f"{path}: copy it to /etc/systemd/system, then systemctl enable --now {path.name}")
