"""What the commands about releases have in common."""

from pathlib import Path
from typing import Any, Literal

from server.home import Home
from shared.cli import print_json


def republish(directory: Path, release: str, how: Literal["promote", "rollback"], as_json: bool) -> None:
    """Publish a release that is there once more, and say so."""
    home = Home.open(directory)
    from server.releases import Releases

    released = Releases(home)
    facts = shown(released.promote(release) if how == "promote" else released.rollback(release))
    if as_json:
        return print_json(facts)
    print(f"{facts['release']}: current from now on, as number {facts['sequence']}")


def shown(publication: Any) -> dict[str, Any]:
    """A publication without its files and signature."""
    names = ("sequence", "release", "federation", "published_seconds", "why")
    return {name: getattr(publication, name) for name in names}
