"""`hushrec-simulate`: turns options into calls and results into tables, JSON and exit statuses. No arithmetic here."""

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from shared.cli import Debug, Json, command_group, exit_on_error
from shared.errors import Misconfigured
from simulations.interruption import resumable
from simulations.options import DEFAULT_DATA, QUICK_DATA, AcceleratorName, Aggregation, Privacy

_PROGRAM = "hushrec-simulate"

app = command_group("Whole federations on one machine, and every figure claimed about them.")

COMPARISONS = {
    "baselines": "this federation beside every baseline, local training only and central training",
    "adapters": "heads only, adapter only and both: quality, its interval, and what a device pays",
    "ablations": "what each part of the model, and of what a device makes of its log, is worth",
    "changes": "people whose interests change or go by the hour (demo only)",
    "cold-start": "items and people that no training saw: new items beside warm ones, the first events of new people",
    "interests": "whether devices find their people's hidden interests, and concepts the hidden subtopics (demo only)",
    "neighbours": "whether the encoder reads the texts: of ten items the nearest by text, of all how often it is alike",
    "privacy": "how much of the quality without a promise is kept at each --epsilon, over --seeds",
    "recipe": "the recipe at --epsilon, beside --tries settings drawn at random, the best by the validation part",
}

_SPECS = "demo, demo-zh (Chinese), pictures, movielens:DIR, mind:DIR, amazon:DIR or events:DIR."
Data = Annotated[str, typer.Option(metavar="SPEC", help=_SPECS)]
Federation = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Federation file; the shipped one when left out.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the federation file; may be repeated."),
]
Rounds = Annotated[int | None, typer.Option(min=1, help="Rounds, instead of the federation file's.")]
Clients = Annotated[int | None, typer.Option(min=2, help="Devices asked per round, instead of the federation file's.")]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="local: processes of this machine. ray: all processors of a Ray cluster; no figure moves."),
]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal figures.")]
List = Annotated[bool, typer.Option("--list", help="Print the names there are, and stop.")]


@app.command()
def run(
    data: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help=f"{_SPECS}  [default: {DEFAULT_DATA}]"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help=f"A first look in half a minute: {QUICK_DATA} instead of the default.")
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
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """One whole federation: train, evaluate, and write a report."""
    with exit_on_error(_PROGRAM, debug):
        if resume and out is None:
            raise Misconfigured("--resume: expected --out DIR of the unfinished run, got none; name the folder")
        if quick and data is not None:
            raise Misconfigured(f"--quick: expected no --data beside it, as it means {QUICK_DATA}, got both")
        data = QUICK_DATA if quick else data or DEFAULT_DATA
        _check_data(data)
        folder = out or _fresh_folder(data)
        with resumable(folder):
            from simulations.report import Progress, print_result
            from simulations.run import simulate

            with Progress.on_terminal() as progress:
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
                    progress=progress,
                )
        if as_json:
            print(result.to_json(), flush=True)
        else:
            print_result(result, _console())


@app.command()
def compare(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All of them when left out.")] = None,
    data: Data = "demo",
    federation: Federation = None,
    settings: Settings = None,
    rounds: Rounds = None,
    clients_per_round: Clients = None,
    engine: Engine = "local",
    seed: Seed = 0,
    epsilon: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0,
            help="User-level promise: for `privacy`, those to compare (further ones may follow it); for `recipe`, one.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="For `privacy`: how many seeds, from --seed on.")] = 1,
    tries: Annotated[int, typer.Option(min=1, help="For `recipe`: settings drawn at random.")] = 10,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Several models on the same data, side by side."""
    with exit_on_error(_PROGRAM, debug):
        if list_only:
            return _print_names(COMPARISONS, as_json)
        numbers = [name for name in names or () if epsilon and re.fullmatch(r"[0-9]+(\.[0-9]*)?", name)]
        epsilons = (*(epsilon or (8.0,)), *map(float, numbers))
        chosen = _chosen([name for name in names or () if name not in numbers], COMPARISONS)
        _check_data(data)
        from simulations.report import Progress
        from simulations.studies import run_comparison as measure

        with Progress.on_terminal() as progress:
            records = {
                name: measure(
                    name,
                    data=data,
                    federation=federation,
                    set=tuple(settings or ()),
                    rounds=rounds,
                    clients_per_round=clients_per_round,
                    engine=engine,
                    seed=seed,
                    epsilons=epsilons,
                    seeds=seeds,
                    tries=tries,
                    progress=progress,
                )
                for name in chosen
            }
        _print_records("comparisons", records, as_json)


@app.command()
def sweep(
    data: Data = "demo",
    tune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES", help="LOW..HIGH, LOW..HIGH,log or A|B|C of a key; may be repeated. See --list."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trainings in all; those that are behind end early.")] = 20,
    federation: Federation = None,
    settings: Settings = None,
    rounds: Rounds = None,
    privacy: Annotated[Privacy, typer.Option(help="What each training promises.")] = "both",
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the sweep, gone on with if it is there.")
    ] = None,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search for better settings with Optuna, judged by the validation part; the test part is asked once."""
    with exit_on_error(_PROGRAM, debug):
        if list_only:
            from simulations.studies import DEFAULT_SPACE

            return _print_names(DEFAULT_SPACE, as_json)
        _check_data(data)
        from simulations.report import Progress
        from simulations.studies import run_sweep

        with Progress.on_terminal() as progress:
            record = run_sweep(
                data=data,
                tune=tuple(tune or ()),
                trials=trials,
                out=out or _fresh_folder(f"sweep:{data}"),
                federation=federation,
                set=tuple(settings or ()),
                rounds=rounds,
                privacy=privacy,
                seed=seed,
                progress=progress,
            )
        _print_records("sweeps", {"sweep": record}, as_json)


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
    with exit_on_error(_PROGRAM, debug):
        from shared.recipe import Facts
        from simulations.planner import plan_table

        record = plan_table(
            Facts(population, items, events, shown_lists),
            epsilon=epsilon,
            settings=tuple(settings or ()),
            clients_per_round=clients_per_round,
            rounds=rounds,
        )
        _print_records("plans", {"plan": record}, as_json)


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All of them when left out.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `bench --json` printed earlier, to stand beside the new figures."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Measure nothing: draw what --history keeps.")
    ] = None,
    devices: Annotated[int | None, typer.Option(metavar="N", help="How many, where a benchmark lets one say.")] = None,
    history: Annotated[
        Path, typer.Option(metavar="DIR", help="Files that `bench --json` wrote, one for each commit.")
    ] = Path("simulations/benchmarks/history"),
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """How long the parts take on this machine."""
    with exit_on_error(_PROGRAM, debug):
        from simulations.benchmarks import BENCHMARKS

        if list_only:
            return _print_names({name: row.summary for name, row in BENCHMARKS.items()}, as_json)
        if page is not None:
            from simulations.benchmarks import read_history, write_history_page

            write_history_page(read_history(history), page)
            print(json.dumps({"page": str(page)}) if as_json else page)
            return
        from simulations.benchmarks import beside, machine_facts, read_earlier
        from simulations.report import Progress

        earlier, chosen = {} if against is None else read_earlier(against), _chosen(names, BENCHMARKS)
        if devices is not None and not any(BENCHMARKS[name].takes_devices for name in chosen):
            takers = ", ".join(name for name, row in BENCHMARKS.items() if row.takes_devices)
            raise Misconfigured(f"--devices: expected with {takers}, got {', '.join(chosen)}")
        with Progress.on_terminal() as progress:
            records = {name: BENCHMARKS[name].measure(progress, devices) for name in chosen}
        found = {name: beside(record, earlier[name]) for name, record in records.items() if name in earlier}
        if as_json:
            from simulations.report import plain_values

            said = {"machine": machine_facts(), **({"against": found} if against else {}), "benchmarks": records}
            print(json.dumps(plain_values(said), ensure_ascii=False, allow_nan=False))
            return
        _print_records("benchmarks", records, as_json)
        _print_records("against", {f"{name}, now and before": {"rows": rows} for name, rows in found.items()}, as_json)


@app.command()
def audit(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All of them when left out.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Of these only the audits that take seconds.")] = False,
    page: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write what came out as one self-contained page.")
    ] = None,
    seed: Seed = 0,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Attack every promise, and its control with the defence off; status 1 if one fails or a control is not caught."""
    with exit_on_error(_PROGRAM, debug):
        from simulations.audits import AUDITS, print_outcomes, run_audits, write_page

        known = {row.name: row for row in AUDITS}
        if list_only:
            return _print_names({name: row.claim for name, row in known.items()}, as_json)
        chosen = [known[name] for name in _chosen(names, known) if known[name].quick or not quick]
        if not chosen:
            quick_ones = ", ".join(row.name for row in AUDITS if row.quick)
            raise Misconfigured(f"--quick: expected some of {quick_ones}, got {', '.join(names or ())}")
        from simulations.report import Progress

        with Progress.on_terminal() as progress:
            outcomes = run_audits(chosen, seed, progress)
        if page is not None:
            write_page(outcomes, seed, page)
        if as_json:
            _print_records("audits", {outcome.audit.name: outcome.to_record() for outcome in outcomes}, as_json)
        else:
            print_outcomes(outcomes, _console())
        if not all(outcome.holds for outcome in outcomes):
            raise typer.Exit(1)


@app.command()
def report(
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of a finished run.")] = None,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw report.html and curve.png of a finished run again."""
    with exit_on_error(_PROGRAM, debug):
        from simulations.report import WRITTEN, redraw

        if list_only:
            return _print_names(WRITTEN, as_json)
        if directory is None:
            raise Misconfigured("report: expected DIR, the folder of a finished run, got none; name the folder")
        page = redraw(directory)
        print(json.dumps({"report": str(page), "curve": str(directory / "curve.png")}) if as_json else page)


@app.command("try")
def try_release(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run, or of a release.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of this machine alone; 0 for any that is free.")] = 8780,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Open a page where you type a sentence or pick items, and see the list and its reasons change."""
    with exit_on_error(_PROGRAM, debug):
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
    with exit_on_error(_PROGRAM, debug):
        from simulations.federation_of_processes import print_shown, show_federation
        from simulations.report import Progress

        folder = (out or _fresh_folder("deployment")).absolute()
        if folder.exists():
            raise Misconfigured(f"--out: expected a new folder, got {folder}, which is there; choose another")

        def ready(found: dict[str, Any]) -> None:
            print(json.dumps(found, ensure_ascii=False), flush=True) if as_json else print_shown(found, _console())
            if stay:
                print("it runs until Ctrl-C", file=sys.stderr)
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()

        with Progress.on_terminal() as progress:
            show_federation(folder, devices, rounds, progress, ready)


@app.command("export")
def export_data(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    data: Data = "demo",
    people: Annotated[int | None, typer.Option(min=1, help="Those with most events only; all when left out.")] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="All events as people.parquet, which events:DIR opens at once.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a data set as files that servers (items) and devices (one person's events) read, to try them out with."""
    with exit_on_error(_PROGRAM, debug):
        from simulations.datasets import export_dataset, load

        counts = export_dataset(load(data, seed), directory, people, columns)
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(json.dumps({"folder": str(directory), **counts}) if as_json else f"{directory}: {said}")


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    app(prog_name="hushrec-simulate")


def _check_data(data: str) -> None:
    """Refuse data that is not there before what computes is loaded, which takes seconds."""
    from simulations.datasets import check_data

    check_data(data)


def _chosen(names: list[str] | None, known: Mapping[str, object]) -> list[str]:
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise Misconfigured(f"NAME: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return list(dict.fromkeys(names or known))


def _fresh_folder(data: str) -> Path:
    """The first free `runs/NAME-N`."""
    kind, _, place = data.partition("?")[0].partition(":")
    name = re.sub(r"[^\w.-]+", "-", Path(place).name or kind)
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def _print_names(names: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(dict(names)))
        return
    width = max(map(len, names))
    for name, summary in names.items():
        print(f"{name:<{width}}  {summary}")


def _print_records(kind: str, records: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    from simulations.report import plain_values, print_record

    if as_json:
        print(json.dumps({kind: plain_values(records)}, ensure_ascii=False, allow_nan=False))
        return
    for name, record in records.items():
        print_record(name, record, _console())


def _console() -> Any:
    """Standard output; wide where it is not a terminal, so that a pipe or a file gets whole rows."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)
