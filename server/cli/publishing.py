"""The commands about what is kept and published: releases, going back, backups."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from server.cli import terminal
from server.cli.options import PROGRAM, Directory, app
from server.doctor import check_server as check_home
from server.home import Home
from shared.cli import Debug, Json, exit_on_error, print_json

ReleaseName = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Digest as `releases` prints it; its first 8 digits do.")
]


@app.command()
def backup(
    directory: Directory,
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="A new file outside the server's folder.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Save everything a server cannot make anew, keys included, in one archive; the server may be up."""
    with exit_on_error(PROGRAM, debug):
        from server.backup import back_up

        manifest = back_up(Home.open(directory), archive)
        terminal.print_report(
            {"archive": str(archive.absolute()), "files": len(manifest.files), "bytes": manifest.size_bytes}, as_json
        )
        terminal.advise(f"it holds the server's private keys: keep {archive} where nobody else reads it")


@app.command()
def restore(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a server's folder of an archive. Whatever was newer, devices give back once the server is up."""
    with exit_on_error(PROGRAM, debug):
        from server.backup import restore as restore_from

        home, manifest, expired = restore_from(archive, directory)
        for finding in check_home(home.directory, replay=False):
            terminal.advise(f"warning: {finding}")
        terminal.print_report(
            {
                "directory": str(home.directory),
                "saved": terminal.moment(manifest.made_seconds),
                "files": len(manifest.files),
                "expired_invitations": expired,
            },
            as_json,
        )
        if expired:
            terminal.advise(
                f"invitations that were open in the archive may have been used since: {expired} expired; invite again "
                f"with hushrec-server enrol {directory}"
            )
        terminal.advise(f"run it in one place only; next: hushrec-server up {directory}")


@app.command()
def releases(directory: Directory, as_json: Json = False, debug: Debug = False) -> None:
    """List what was released, newest last."""
    with exit_on_error(PROGRAM, debug):
        home = Home.open(directory)
        from server.releases import Releases

        found = [_shown(publication) for publication in Releases(home).all()]
        if as_json:
            return print_json({"releases": found})
        rows = [
            (one["sequence"], one["release"], terminal.moment(one["published_seconds"]), one["why"]) for one in found
        ]
        terminal.print_table(("number", "release", "published", "why"), rows)


@app.command()
def promote(directory: Directory, release: ReleaseName, as_json: Json = False, debug: Debug = False) -> None:
    """Publish a release that is there, but not the current one, as the current one."""
    with exit_on_error(PROGRAM, debug):
        _republish(directory, release, "promote", as_json)


@app.command()
def rollback(directory: Directory, release: ReleaseName, as_json: Json = False, debug: Debug = False) -> None:
    """Publish an older release again, so that devices go back to it."""
    with exit_on_error(PROGRAM, debug):
        _republish(directory, release, "rollback", as_json)


@app.command()
def amend(
    directory: Directory,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="A change of federation.toml; may be repeated."),
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Make it count; else it is only shown.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Change the terms of a federation that lives: federation.toml as it stands there now, with `--set` over it.

    Of what people are asked about, each device goes on under the old terms until its person accepts the new ones.
    """
    with exit_on_error(PROGRAM, debug):
        from server.training import prepare_amendment, publish_amendment

        home = Home.open(directory)
        amendment = prepare_amendment(home, settings or ())
        asked = {change.key for change in amendment.asked}
        rows = [(one.key, one.before, one.after, "yes" if one.key in asked else "no") for one in amendment.changes]
        number = publish_amendment(home, amendment) if publish and rows else None
        if as_json:
            names = ("key", "before", "after")
            changes = [dict(zip(names, row, strict=False)) | {"asked": row[3] == "yes"} for row in rows]
            return print_json({"changes": changes, "sequence": number})
        if not rows:
            print("federation.toml holds the terms that count: nothing to publish")
            return
        terminal.print_table(("key", "counts now", "then", "people are asked"), rows)
        if number is None:
            terminal.advise("nothing was published: add --publish")
        else:
            print(f"the terms count from now on, as publication {number}")


def _republish(directory: Path, release: str, how: Literal["promote", "rollback"], as_json: bool) -> None:
    """Publish a release that is there once more, and say so."""
    home = Home.open(directory)
    from server.releases import Releases

    released = Releases(home)
    facts = _shown(released.promote(release) if how == "promote" else released.rollback(release))
    if as_json:
        return print_json(facts)
    print(f"{facts['release']}: current from now on, as number {facts['sequence']}")


def _shown(publication: Any) -> dict[str, Any]:
    """A publication without its files and signature."""
    names = ("sequence", "release", "federation", "published_seconds", "why")
    return {name: getattr(publication, name) for name in names}
