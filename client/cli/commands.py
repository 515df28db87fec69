"""`hushrec-device`: turns options into calls and answers into tables, JSON and exit statuses. Nothing is decided here.

What needs more than the facade (joining, running the device) is imported by the command that uses it, so that the
others start at once.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from client.cli import tables, taking_part
from client.cli.checking import Directory, check
from client.cli.connection import connect
from client.cli.event_files import read_events_file
from client.cli.service import write_device_unit
from client.cli.terminal import Yes, ask, checked, circumstance, parts, show
from client.facade import EventRecord, RecommendRequest, SearchRequest
from client.home import Home
from client.home import create_home as make_home
from client.recommender import Strategy
from client.settings_file import values_of
from shared.behaviour import EventKind
from shared.cli import Debug, Json, command_group, exit_on_error, print_json, progress_bar
from shared.errors import Misconfigured
from shared.files import write_atomically

_PROGRAM = "hushrec-device"

app = command_group("One person's device: their events, their recommendations, their privacy.")

Contexts = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="NAME:WORD", help="A circumstance, such as hour:08; may be repeated."),
]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of the local API; the shipped one when left out.")
    ] = None,
    keyring: Annotated[
        bool, typer.Option(help="Keep the key of the store in the system's keyring, else in a file.")
    ] = True,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="KEY=VALUE",
            help="Agree to something else than shipped, such as smallest_cohort=4; may be repeated.",
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a device: its keys, its sealed store, its settings and its policy."""
    with exit_on_error(_PROGRAM, debug):
        settings = {"keyring": keyring} if port is None else {"keyring": keyring, "port": port}
        home = make_home(directory, values_of("--policy", policy or ()), **settings)
        if as_json:
            return print_json({"directory": str(home.directory)})
        print(f"{home.directory}: a new device; join a federation with: hushrec-device join {directory} INVITATION")


@app.command()
def join(
    directory: Directory,
    invitation: Annotated[
        str, typer.Argument(metavar="INVITATION", help="hushrec://... as the server's enrol prints.")
    ],
    yes: Yes = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Join a federation: read what is promised, say yes, pin the keys."""
    with exit_on_error(_PROGRAM, debug):
        from client.enrolment import enroll as accept
        from client.enrolment import prepare

        home = Home.open(directory)
        promise = prepare(home, invitation)
        for line in promise.lines:
            print(tables.plain(line), file=sys.stderr)
        ask("Join on these terms?", yes, "nothing was joined, nothing was pinned")
        membership = accept(home, promise)
        if as_json:
            names = ("federation", "device", "url", "fingerprint")
            return print_json({name: getattr(membership, name) for name in names})
        print(f"joined {tables.plain(membership.federation)}; start the device with: hushrec-device up {directory}")


@app.command()
def up(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """Run the device until it is stopped: local API, rounds, releases."""
    with exit_on_error(_PROGRAM, debug):
        from client.maintenance import run_device as run

        home = Home.open(directory)
        run(home, lambda: print(f"{home.directory}: the device is up; stop it with Ctrl-C", file=sys.stderr))
        if as_json:
            print_json({"directory": str(home.directory), "stopped": True})


app.command()(check)
taking_part.add_to(app)
app.command("service")(write_device_unit)


@app.command()
def log(
    directory: Directory,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Events as .jsonl or .csv; - reads JSON lines from a pipe.")
    ] = None,
    kind: Annotated[EventKind, typer.Option(help="What was done.")] = EventKind.CLICK,
    item: Annotated[str | None, typer.Option(help="Id of the item concerned.")] = None,
    text: Annotated[str, typer.Option(help="The person's own words.")] = "",
    value: Annotated[float | None, typer.Option(help="A rating.")] = None,
    time_seconds: Annotated[
        float | None, typer.Option(help="Since 1970-01-01 UTC; now when left out.", show_default=False)
    ] = None,
    shown: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="Offered beside it and not taken; may be repeated.")
    ] = None,
    propensity: Annotated[float | None, typer.Option(help="Chance with which it was recommended.")] = None,
    context: Contexts = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write down what the person did: one event by options, or a file of them."""
    with exit_on_error(_PROGRAM, debug):
        if file is not None:
            if item is not None or text:
                raise Misconfigured("log: expected --file or one event by options, got both; leave one out")
            records, notes = read_events_file(file)
            for said in notes:
                print(f"note: {said}", file=sys.stderr)
        else:
            fields = {
                "kind": kind,
                "item": item,
                "text": text,
                "value": value,
                "time_seconds": time_seconds,
                "shown": shown or [],
                "propensity": propensity,
                "context": dict(circumstance(pair) for pair in context or ()),
            }
            records = [checked(EventRecord, fields)]
        answers = []
        with connect(Home.open(directory)) as facade, progress_bar("events") as progress:
            done = 0
            for part in parts(records):
                answers.append(facade.log(part))
                done += len(part)
                progress(done, len(records))
        ids, new = [row for answer in answers for row in answer["ids"]], sum(answer["new"] for answer in answers)
        named = [answer["unknown"] for answer in answers]
        unknown = None if None in named else list(dict.fromkeys(item for part in named for item in part))
        if as_json:
            return print_json({"ids": ids, "new": new, "unknown": unknown})
        if unknown:
            print(f"note: {tables.unknown_items(unknown)}", file=sys.stderr)
        known = f"; {len(ids) - new} were there already" if new < len(ids) else ""
        print(f"{new} events are written down{known}")


@app.command()
def recommend(
    directory: Directory,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=100, help="How many.")] = 10,
    category: Annotated[list[str] | None, typer.Option(help="Only items of this category; may be repeated.")] = None,
    block: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="No item with this word; may be repeated.")
    ] = None,
    diversity: Annotated[float, typer.Option(min=0.0, max=1.0, help="0: by score alone.")] = 0.0,
    calibration: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How far concepts are to mix as the person's do.")
    ] = 0.0,
    freshness: Annotated[float, typer.Option(min=0.0, max=1.0, help="How much new items are favoured.")] = 0.0,
    exploration: Annotated[float, typer.Option(min=0.0, max=0.99, help="Chance that a place is drawn by lot.")] = 0.0,
    strategy: Annotated[Strategy, typer.Option(help="Which parts of the score are asked for.")] = Strategy.HYBRID,
    include_met: Annotated[bool, typer.Option("--include-met", help="Also what the person has met.")] = False,
    context: Contexts = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The items that suit the person best, each with its reasons."""
    with exit_on_error(_PROGRAM, debug):
        fields = {
            "n": count,
            "categories": category or [],
            "blocked": block or [],
            "diversity": diversity,
            "calibration": calibration,
            "freshness": freshness,
            "exploration": exploration,
            "strategy": strategy,
            "include_met": include_met,
            "context": context or [],
        }
        wish = checked(RecommendRequest, fields)
        with connect(Home.open(directory)) as facade:
            answer = facade.recommend(wish)
        show(answer, tables.recommendations, as_json)


@app.command()
def search(
    directory: Directory,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What is looked for, in quotation marks.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=100, help="How many.")] = 10,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The items that suit these words best, whoever typed them; nothing of it is written down."""
    with exit_on_error(_PROGRAM, debug):
        wanted = checked(SearchRequest, {"text": words, "n": count})
        with connect(Home.open(directory)) as facade:
            answer = facade.search(wanted)
        show(answer, tables.recommendations, as_json)


@app.command()
def explain(
    directory: Directory,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of an item of the catalogue.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Why an item ranks where it does, and without which events it would not."""
    with exit_on_error(_PROGRAM, debug):
        with connect(Home.open(directory)) as facade:
            answer = facade.explain(item)
        show(answer, tables.explanation, as_json)


@app.command()
def interests(
    directory: Directory,
    mute: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Count nothing; may be repeated.")] = None,
    boost: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Count threefold; may be repeated.")] = None,
    clear: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Take a decision back.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What the device makes of the events, and what is to count more or not at all."""
    with exit_on_error(_PROGRAM, debug):
        with connect(Home.open(directory)) as facade:
            for name in mute or ():
                facade.decide(name, "mute")
            for name in boost or ():
                facade.decide(name, "boost")
            for name in clear or ():
                facade.decide(name, "clear")
            answer = facade.interests()
        show(answer, tables.print_interests, as_json)


@app.command()
def privacy(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """What was promised, and what of it is spent."""
    with exit_on_error(_PROGRAM, debug):
        with connect(Home.open(directory)) as facade:
            answer = facade.privacy()
        show(answer, tables.print_privacy, as_json)


@app.command()
def forget(
    directory: Directory,
    event: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="Only this event; may be repeated.")
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Delete events for good: all of them, or the given ones."""
    with exit_on_error(_PROGRAM, debug):
        home = Home.open(directory)
        what = "all events" if event is None else f"{len(event)} events"
        ask(f"Delete {what} for good?", yes, "nothing was deleted")
        with connect(home) as facade:
            answer = facade.forget(event)
        if as_json:
            return print_json(answer)
        print(
            f"{answer['deleted']} events are gone; what sums told of them before stays in released models, and what it "
            "cost stays spent"
        )


@app.command()
def export(
    directory: Directory,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file; standard output when left out.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Everything the device keeps of the person, as JSON."""
    with exit_on_error(_PROGRAM, debug):
        if out is not None and out.exists():
            raise Misconfigured(f"{out}: expected a new file, found one; choose another")
        with connect(Home.open(directory)) as facade:
            answer = facade.export()
        if out is None:
            return print_json(answer)
        write_atomically(out, (json.dumps(answer, ensure_ascii=False, allow_nan=False) + "\n").encode())
        said = {"file": str(out), "events": len(answer["events"])}
        if as_json:
            return print_json(said)
        print(f"{out}: {said['events']} events")


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="hushrec-device")
