"""Commands about many trainings or none: comparisons, sweeps, benchmarks, audits."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from shared.cli import Debug, Json, exit_on_error, print_json
from shared.errors import Misconfigured
from simulations.cli.options import (
    PROGRAM,
    Clients,
    Data,
    Engine,
    Federation,
    List,
    Rounds,
    Seed,
    Settings,
    Track,
    app,
    chosen_names,
    fresh_folder,
    print_names,
    print_records,
    refuse_missing_data,
    result_console,
)
from simulations.options import Privacy

COMPARISONS = {
    "baselines": "this federation beside every baseline, local training only and central training",
    "adapters": "heads only, adapter only and both: quality, its interval, and what a device pays",
    "ablations": "what each part of the model, and of what a device makes of its log, is worth",
    "changes": "people whose interests change or go by the hour (demo only)",
    "clicks": "chances of a click: AUC, log loss and calibration on shown lists (--data adverts or mind:DIR)",
    "cold-start": "items and people that no training saw: new items beside warm ones, the first events of new people",
    "interests": "whether devices find their people's hidden interests, and concepts the hidden subtopics (demo only)",
    "neighbours": "whether the encoder reads the texts: of ten items the nearest by text, of all how often it is alike",
    "privacy": "how much of the quality without a promise is kept at each --epsilon, over --seeds",
    "repeats": "where people choose what they know: the next choice among all items, met ones too (--data music)",
    "recipe": "the recipe at --epsilon, beside --tries settings drawn at random, the best by the validation part",
}


# Kinds of data without which these have nothing to ask; any of one's own may have it too, for those who name them.
_DATA_OF = {
    "changes": ("demo", "demo-zh"),
    "clicks": ("adverts", "mind"),
    "interests": ("demo", "demo-zh"),
    "repeats": ("music", "lastfm"),
}


def fits(name: str, data: str) -> bool:
    """Whether a comparison is among those that are made of this data when none is named."""
    return name not in _DATA_OF or re.split("[:?]", data, maxsplit=1)[0] in _DATA_OF[name]


@app.command()
def compare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="All that fit the data when left out.")
    ] = None,
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
    with exit_on_error(PROGRAM, debug):
        if list_only:
            return print_names(COMPARISONS, as_json)
        numbers = [name for name in names or () if epsilon and re.fullmatch(r"[0-9]+(\.[0-9]*)?", name)]
        epsilons = (*(epsilon or (8.0,)), *map(float, numbers))
        fitting = {name: said for name, said in COMPARISONS.items() if fits(name, data)}
        named = [name for name in names or () if name not in numbers]
        chosen = chosen_names(named, COMPARISONS if named else fitting)
        refuse_missing_data(data)
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
        print_records("comparisons", records, as_json)


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
    track: Track = None,
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search for better settings with Optuna, judged by the validation part; the test part is asked once."""
    with exit_on_error(PROGRAM, debug):
        if list_only:
            from simulations.studies import DEFAULT_SPACE

            return print_names(DEFAULT_SPACE, as_json)
        refuse_missing_data(data)
        from simulations.report import Progress
        from simulations.studies import run_sweep

        with Progress.on_terminal() as progress:
            record = run_sweep(
                data=data,
                tune=tuple(tune or ()),
                trials=trials,
                out=out or fresh_folder(f"sweep:{data}"),
                federation=federation,
                set=tuple(settings or ()),
                rounds=rounds,
                privacy=privacy,
                seed=seed,
                track=tuple(track or ()),
                progress=progress,
            )
        print_records("sweeps", {"sweep": record}, as_json)


@app.command("evaluate-log")
def estimate_from_log(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="Folder of a finished run, or of a release.")],
    data: Annotated[str, typer.Argument(metavar="SPEC", help="The log, such as events:DIR, with propensity.")],
    top: Annotated[
        int, typer.Option(min=1, help="The release's policy shows one item, drawn evenly from so many first ones.")
    ] = 10,
    most_weight: Annotated[
        float | None, typer.Option(metavar="W", help="Cut weights here: less noise, more bias. Not at all if left out.")
    ] = None,
    most_events: Annotated[int, typer.Option(min=1, help="Of more, those of people drawn by the seed.")] = 20_000,
    seed: Seed = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What a release would have earned where another recommender showed items with known chances (off-policy)."""
    with exit_on_error(PROGRAM, debug):
        refuse_missing_data(data)
        from simulations.report import Progress
        from simulations.studies import evaluate_log

        with Progress.on_terminal() as progress:
            found = evaluate_log(
                release, data, top=top, most_weight=most_weight, most_events=most_events, seed=seed, progress=progress
            )
        if as_json:
            return print_json(found)
        names = ("logged", "ips", "snips", "dr")
        rows = [{"estimate": name, **found[name]} for name in names]
        rest = {key: value for key, value in found.items() if key not in (*names, "left_out")}
        print_records("logs", {"mean reward": {"rows": rows, **rest, **found["left_out"]}}, as_json=False)


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
    with exit_on_error(PROGRAM, debug):
        from simulations.benchmarks import BENCHMARKS

        if list_only:
            return print_names({name: row.summary for name, row in BENCHMARKS.items()}, as_json)
        if page is not None:
            from simulations.benchmarks import read_history, write_history_page

            write_history_page(read_history(history), page)
            print(json.dumps({"page": str(page)}) if as_json else page)
            return
        from simulations.benchmarks import beside, read_earlier
        from simulations.machine import machine_facts
        from simulations.report import Progress

        earlier, chosen = {} if against is None else read_earlier(against), chosen_names(names, BENCHMARKS)
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
        print_records("benchmarks", records, as_json)
        print_records("against", {f"{name}, now and before": {"rows": rows} for name, rows in found.items()}, as_json)


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
    with exit_on_error(PROGRAM, debug):
        from simulations.audits import AUDITS, print_outcomes, run_audits, write_page

        known = {row.name: row for row in AUDITS}
        if list_only:
            return print_names({name: row.claim for name, row in known.items()}, as_json)
        chosen = [known[name] for name in chosen_names(names, known) if known[name].quick or not quick]
        if not chosen:
            quick_ones = ", ".join(row.name for row in AUDITS if row.quick)
            raise Misconfigured(f"--quick: expected some of {quick_ones}, got {', '.join(names or ())}")
        from simulations.report import Progress

        with Progress.on_terminal() as progress:
            outcomes = run_audits(chosen, seed, progress)
        if page is not None:
            write_page(outcomes, seed, page)
        if as_json:
            print_records("audits", {outcome.audit.name: outcome.to_record() for outcome in outcomes}, as_json)
        else:
            print_outcomes(outcomes, result_console())
        if not all(outcome.holds for outcome in outcomes):
            raise typer.Exit(1)
