"""The command that measures the tables of RESULTS.md again."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.cli import Debug, Json, exit_on_error
from shared.errors import Misconfigured, NotYet
from simulations.cli.options import PROGRAM, List, app, chosen_names, print_records, result_console


@app.command()
def experiments(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All of them when left out.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Of these only those that take seconds and need no data.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder that gets one folder for each experiment.")] = Path(
        "runs/experiments"
    ),
    list_only: List = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure the tables of RESULTS.md again, each with its command, seeds, commit and machine.

    Real data is read from the folder that HUSHREC_DATA names; what needs data that is not there is skipped.
    """
    with exit_on_error(PROGRAM, debug):
        from simulations.experiments import EXPERIMENTS, measure_experiment

        if list_only:
            return _print_list(as_json)
        chosen = [name for name in chosen_names(names, EXPERIMENTS) if EXPERIMENTS[name].quick or not quick]
        if not chosen:
            known = ", ".join(name for name, row in EXPERIMENTS.items() if row.quick)
            raise Misconfigured(f"--quick: expected some of {known}, got {', '.join(names or ())}")
        from simulations.report import Progress

        found: dict[str, Any] = {}
        skipped: dict[str, str] = {}
        with Progress.on_terminal() as progress:
            for name in chosen:
                try:
                    measured = measure_experiment(name, EXPERIMENTS[name], out / name, progress)
                except Misconfigured as error:
                    skipped[name] = str(error)
                    typer.echo(f"skipped {name}: {error}", err=True)
                else:
                    found[name] = measured
        if not found:
            raise NotYet("experiments: expected data for one of those chosen, got none for any; see what was skipped")
        if as_json:
            print(json.dumps({"experiments": {name: one.record for name, one in found.items()}, "skipped": skipped}))
            return
        for name, one in found.items():
            print_records("experiments", {f"{name}, {way}": {"rows": rows} for way, rows in one.tables.items()}, False)
            result_console().print(str(out / name / "tables.md"), markup=False, soft_wrap=True)


def _print_list(as_json: bool) -> None:
    from simulations.experiments import EXPERIMENTS

    rows = [
        {
            "name": name,
            "takes": one.takes,
            "needs": ", ".join(one.folders) or "nothing",
            "seeds": max(len({c.seed for c in one.commands}), *(c.options.get("seeds", 1) for c in one.commands), 1)
            if one.commands
            else None,
            "measures": one.summary,
            "commands": [command.typed() for command in one.commands],
        }
        for name, one in EXPERIMENTS.items()
    ]
    if as_json:
        print(json.dumps({"experiments": rows}, ensure_ascii=False))
        return
    width = max(len(name) for name in EXPERIMENTS)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['takes']}; needs {row['needs']}; {row['measures']}")
