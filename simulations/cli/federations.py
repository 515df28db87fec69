"""Commands about one federation: train it, plan it, draw it, try it, run it for real."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from shared.cli import Debug, Json, exit_on_error
from shared.errors import Misconfigured
from simulations.cli.options import (
    PROGRAM,
    SPECS,
    Clients,
    Engine,
    Federation,
    Language,
    List,
    Rounds,
    Seed,
    Settings,
    Track,
    app,
    fresh_folder,
    print_names,
    print_records,
    refuse_missing_data,
    result_console,
)
from simulations.interruption import resumable
from simulations.options import DEFAULT_DATA, QUICK_DATA, AcceleratorName, Aggregation, Privacy


@app.command()
def run(
    data: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help=f"{SPECS}  [default: {DEFAULT_DATA}]"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help=f"A first look in 40 seconds: {QUICK_DATA} instead of the default.")
    ] = False,
    federation: Federation = None,
    settings: Settings = None,
    rounds: Rounds = None,
    clients_per_round: Clients = None,
    engine: Engine = "local",
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="At most so many at work; no figure moves. When left out, one for each processor; with the local "
            "engine no more than one for each 1,500 people, or 400 under masks.",
        ),
    ] = None,
    device: Annotated[
        AcceleratorName,
        typer.Option(
            help="What encodes texts and computes people's devices together: cpu, cuda (a GPU), mps (Apple's); auto "
            "takes the best there is. Figures depend on it a little, so that --resume needs the same."
        ),
    ] = "auto",
    privacy: Annotated[
        Privacy,
        typer.Option(help="What is promised: to each window of events, to each person, both, or nothing."),
    ] = "both",
    aggregation: Annotated[
        Aggregation,
        typer.Option(
            help="checked: the first sum of each task is masked, with every device, and must equal the ideal one. "
            "secure: every sum is masked, the server reads the sum alone. ideal: the same without masks, for large "
            "studies. plain: no private sum at all."
        ),
    ] = "checked",
    baselines: Annotated[
        Literal["fast", "all", "none"], typer.Option(help="Which baselines to measure beside the federation.")
    ] = "fast",
    concept_graph: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of concepts known beforehand: name, parent, related.")
    ] = None,
    concept_names: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of new names of concepts, by number or name.")
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run; a new one under runs/ when left out.")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Train the same people without privacy too, to show what the promise costs."),
    ] = False,
    track: Track = None,
    language: Language = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """One whole federation: train, evaluate, and write a report."""
    with exit_on_error(PROGRAM, debug):
        if resume and out is None:
            raise Misconfigured("--resume: expected --out DIR of the unfinished run, got none; name the folder")
        if quick and data is not None:
            raise Misconfigured(
                f"--quick: expected no --data beside it, as it means {QUICK_DATA}, got both; leave one of them out"
            )
        data = QUICK_DATA if quick else data or DEFAULT_DATA
        refuse_missing_data(data)
        folder = out or fresh_folder(data)
        with resumable(folder):
            from simulations.report import Progress, language_of, print_result
            from simulations.run import simulate

            with Progress.on_terminal(language or language_of(data)) as progress:
                result = simulate(
                    data=data,
                    federation=federation,
                    set=tuple(settings or ()),
                    rounds=rounds,
                    clients_per_round=clients_per_round,
                    engine=engine,
                    processes=processes,
                    device=device,
                    privacy=privacy,
                    aggregation=aggregation,
                    seed=seed,
                    out=folder,
                    resume=resume,
                    compare=compare,
                    baselines=baselines,
                    concept_graph=concept_graph,
                    concept_names=concept_names,
                    track=tuple(track or ()),
                    language=language,
                    progress=progress,
                )
        if as_json:
            print(result.to_json(), flush=True)
        else:
            print_result(result, result_console())


@app.command()
def plan(
    population: Annotated[int, typer.Option(min=2, help="Devices there are.")] = 10_000,
    epsilon: Annotated[
        float | None, typer.Option(min=0.0, help="User-level promise for a device's whole life; several when left out.")
    ] = None,
    items: Annotated[int, typer.Option(min=2, help="Items in the catalogue.")] = 10_000,
    events: Annotated[int, typer.Option(min=1, help="Events of a usual person's log, about.")] = 32,
    shown_lists: Annotated[
        bool, typer.Option("--shown-lists", help="Devices know what was offered beside a choice.")
    ] = False,
    settings: Settings = None,
    rounds: Rounds = None,
    clients_per_round: Clients = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What a user-level promise costs: the noise, which parameter groups stand out of it, and whether pairs do."""
    with exit_on_error(PROGRAM, debug):
        from shared.recipe import Facts
        from simulations.planner import plan_table

        record = plan_table(
            Facts(population, items, events, shown_lists),
            epsilon=epsilon,
            settings=tuple(settings or ()),
            clients_per_round=clients_per_round,
            rounds=rounds,
        )
        print_records("plans", {"plan": record}, as_json)


@app.command()
def report(
    directories: Annotated[
        list[Path] | None, typer.Argument(metavar="DIR...", help="Folders of finished runs; several are compared.")
    ] = None,
    language: Language = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page that compares; comparison.html when left out.")
    ] = None,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw report.html and curve.png of a finished run again; of several runs, one page that compares them."""
    with exit_on_error(PROGRAM, debug):
        from simulations.report import WRITTEN, redraw, write_comparison

        if list_only:
            return print_names(WRITTEN, as_json)
        if not directories:
            raise Misconfigured("report: expected DIR, the folder of a finished run, got none; name the folder")
        if len(directories) == 1:
            if out is not None:
                raise Misconfigured("--out: expected with several runs, got one, whose report lies in its folder")
            page = redraw(directories[0], language)
            print(json.dumps({"report": str(page), "curve": str(directories[0] / "curve.png")}) if as_json else page)
            return
        compared = out or Path("comparison.html")
        write_comparison(directories, compared, language)
        print(json.dumps({"report": str(compared)}) if as_json else compared)


@app.command("try")
def try_release(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run, or of a release.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of this machine alone; 0 for any that is free.")] = 8780,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Open a page where you type a sentence or pick items, and see the list and its reasons change."""
    with exit_on_error(PROGRAM, debug):
        from simulations.tryout import serve_tryout

        folder = directory / "release" if (directory / "release").is_dir() else directory

        def ready(url: str) -> None:
            print(json.dumps({"url": url}) if as_json else f"{url}\nit ends with Ctrl-C", flush=True)

        serve_tryout(folder, port, ready)


@app.command()
def deployment(
    devices: Annotated[int, typer.Option(min=4, max=16, help="Devices, of as many made-up people.")] = 4,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to train.")] = 2,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for all of it; a new one under runs/ if left out.")
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Leave it running afterwards, until Ctrl-C.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A real server and real devices on this machine, by the commands people use: they join, train, and rank."""
    with exit_on_error(PROGRAM, debug):
        from simulations.federation_of_processes import print_shown, show_federation
        from simulations.report import Progress

        folder = (out or fresh_folder("deployment")).absolute()
        if folder.exists():
            raise Misconfigured(f"--out: expected a new folder, got {folder}, which is there; choose another")

        def ready(found: dict[str, Any]) -> None:
            print(json.dumps(found, ensure_ascii=False), flush=True) if as_json else print_shown(
                found, result_console()
            )
            if stay:
                print("it runs until Ctrl-C", file=sys.stderr)
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()

        with Progress.on_terminal() as progress:
            show_federation(folder, devices, rounds, progress, ready)
