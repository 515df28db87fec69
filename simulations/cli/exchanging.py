"""Commands that write things in another form: a data set as files, pictures as numbers, a release for other tools."""

import json
from pathlib import Path
from typing import Annotated

import typer

from shared.cli import Debug, Json, exit_on_error, print_json
from shared.errors import Misconfigured
from simulations.cli.options import PROGRAM, Data, Seed, app
from simulations.options import DataForm, ReleaseForm


@app.command("export")
def export_data(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    data: Data = "demo",
    people: Annotated[int | None, typer.Option(min=1, help="Those with most events only; all when left out.")] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="All events as people.parquet, which events:DIR opens at once.")
    ] = False,
    form: Annotated[
        DataForm | None,
        typer.Option("--format", help="events (default); columns, as --columns; recbole: atomic files of RecBole."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a data set as files that servers (items) and devices (one person's events) read, to try them out with."""
    with exit_on_error(PROGRAM, debug):
        if columns and form not in (None, "columns"):
            raise Misconfigured(f"--columns: expected no other --format beside it, got {form}; leave one of them out")
        from simulations.datasets import export_dataset, load

        counts = export_dataset(load(data, seed), directory, people, form or ("columns" if columns else "events"))
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(json.dumps({"folder": str(directory), **counts}) if as_json else f"{directory}: {said}")


@app.command("describe-pictures")
def describe_pictures(
    items: Annotated[Path, typer.Argument(metavar="ITEMS", help="A file of items, .jsonl or .csv.")],
    pictures: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with pictures named ID.jpg, .png or .webp.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file of items, .jsonl.")],
    image_model: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A Hugging Face image model in safetensors; colours and edges when left out."
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write items with numbers that describe their pictures, for simulations and for a server's catalogue."""
    with exit_on_error(PROGRAM, debug):
        from simulations.datasets import add_pictures

        found = add_pictures(items, pictures, out, image_model)
        if as_json:
            return print_json(found)
        print(
            f"{out}: {found['items']} items, {found['with_picture']} of them with a picture ({found['of_no_item']} "
            f"pictures are of no item)\nto have them read: --set 'model.features={{image={found['width']}}}'"
        )


@app.command("export-release")
def export_model(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="Folder of a finished run, or of a release.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    form: Annotated[
        ReleaseForm,
        typer.Option(
            "--format",
            help="sentence-transformers: a whole model that gives the dense view of texts. peft: the adapter alone, "
            "for PeftModel.from_pretrained(encoder, DIR).",
        ),
    ] = "sentence-transformers",
    licence: Annotated[str, typer.Option("--license", metavar="ID", help="For the card, such as apache-2.0.")] = "",
    languages: Annotated[
        list[str] | None, typer.Option("--language", metavar="CODE", help="For the card; may be repeated.")
    ] = None,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="For the card; may be repeated.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a release as PEFT or sentence-transformers load it, with a model card for a hub."""
    with exit_on_error(PROGRAM, debug):
        from simulations.exchange import HubFacts, export_release

        facts = HubFacts(licence, tuple(languages or ()), tuple(datasets or ()))
        names = export_release(release, directory, form, facts)
        if as_json:
            print_json({"folder": str(directory), "format": form, "files": names})
        else:
            print(f"{directory}: {', '.join(names)}")
