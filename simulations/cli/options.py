"""What the commands of a simulation have in common: options, checks before anything slow, results on a terminal."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from shared.cli import command_group
from shared.errors import Misconfigured

PROGRAM = "hushrec-simulate"

app = command_group("Whole federations on one machine, and every figure claimed about them.")

SPECS = (
    "demo, demo-zh (Chinese), music, adverts, pictures, movielens:DIR, mind:DIR, amazon:DIR, amazon-2023:DIR, "
    "goodreads:DIR, lastfm:DIR, steam:DIR, yelp:DIR, recbole:DIR or events:DIR."
)
Data = Annotated[str, typer.Option(metavar="SPEC", help=SPECS)]
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
Language = Annotated[
    Literal["en", "zh"] | None,
    typer.Option(help="Of the report: English or Chinese. When left out, that of the data where known, else English."),
]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal figures.")]
Track = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[tensorboard|mlflow|wandb]",
        help="Keep track of the rounds with this tool, in tracking/ of the folder, and send nothing; may be repeated.",
    ),
]
List = Annotated[bool, typer.Option("--list", help="Print the names there are, and stop.")]


def refuse_missing_data(data: str) -> None:
    """Refuse data that is not there before what computes is loaded, which takes seconds."""
    from simulations.datasets import check_data

    check_data(data)


def chosen_names(names: list[str] | None, known: Mapping[str, object]) -> list[str]:
    """Those of the known names that were given, each once; all where none was.

    Raises:
        Misconfigured: one is not known.
    """
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise Misconfigured(f"NAME: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return list(dict.fromkeys(names or known))


def fresh_folder(data: str) -> Path:
    """The first free `runs/NAME-N`."""
    kind, _, place = data.partition("?")[0].partition(":")
    name = re.sub(r"[^\w.-]+", "-", Path(place).name or kind)
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def print_names(names: Mapping[str, str], as_json: bool) -> None:
    """Names with what each means, aligned."""
    if as_json:
        print(json.dumps(dict(names)))
        return
    width = max(map(len, names))
    for name, summary in names.items():
        print(f"{name:<{width}}  {summary}")


def print_records(kind: str, records: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    """Records by name, as tables, or as one JSON object under their kind."""
    from simulations.report import plain_values, print_record

    if as_json:
        print(json.dumps({kind: plain_values(records)}, ensure_ascii=False, allow_nan=False))
        return
    for name, record in records.items():
        print_record(name, record, result_console())


def result_console() -> Any:
    """Standard output; wide where it is not a terminal, so that a pipe or a file gets whole rows."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)
