"""Items into the catalogue: the first import makes release zero, later ones add items to the release that counts.

An item never changes and never goes: people's devices have histories with it, and counts belong to its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.home import Home
from server.releases import Releases
from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured, NotYet
from shared.model import GlobalModel, Readings, build_model, check_readable, read_and_keep
from shared.records import read_items
from shared.release import Release, first_release, model_of, with_items

_SHOWN = 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Added:
    """What an import came to.

    Attributes:
        items: in the release that counts now.
        new: of them, from this file.
        encoded: texts that were not known before.
        release: digest of the release that counts now; `sequence` is the number of its publication.
    """

    items: int
    new: int
    encoded: int
    release: str
    sequence: int


def add_catalogue(
    home: Home,
    file: Path,
    progress: Progress = lambda done, total: None,
    note: Callable[[str], None] = lambda said: None,
) -> Added:
    """Read items, encode those that are new, and release them. Importing the same file again changes nothing.

    Args:
        home: folder of the server.
        file: of items, named .jsonl or .csv.
        progress: called with how many of the new texts are encoded, of how many.
        note: called with what was read in another way than it stands in the file.

    Raises:
        Misconfigured: no such file; an item that is known already differs; the federation file and the items do not fit
            (see `first_release`); the encoder cannot read them (see `check_readable`); or the federation file is no
            longer that of the release that counts.
        Corrupt: lines of the file are no items; the chain or a release is damaged.
        NotYet: another release was published meanwhile; or all items have the same text.
    """
    items, notes = read_items(file)
    for said in notes:
        note(said)
    releases = Releases(home)
    link = releases.head()
    if link is None:
        return _first(home, releases, items, progress)
    head = releases.load(link.release)
    known = {item.id: item for item in head.catalogue}
    _refuse_changes(file, [item for item in items if item.id in known and item != known[item.id]])
    new = [item for item in items if item.id not in known]
    if not new:
        head.catalogue.save(home.catalogue / "items.jsonl")
        return Added(len(head.catalogue), 0, 0, link.release, link.sequence)
    added, encoded = _with(home, head, Catalogue(new), progress)
    return _publish(home, releases, added, f"{len(new)} new items", len(new), encoded, link.sequence)


def _first(home: Home, releases: Releases, items: Sequence[Item], progress: Progress) -> Added:
    federation, catalogue = home.federation(), Catalogue(items)
    if federation.model.concepts > len(catalogue) and "concepts" in federation.model.views:
        raise Misconfigured(
            f"catalogue: expected at least model.concepts = {federation.model.concepts} items, got {len(catalogue)}; "
            f"add items, or set fewer concepts in {home.federation_path} before devices join"
        )
    if catalogue.tells_nothing:
        raise NotYet(
            f"catalogue: expected items whose texts differ, got {len(catalogue)} items with the same text; items are "
            "ranked by their text: give each its own"
        )
    model = build_model(federation)
    check_readable(model.encoder, catalogue)
    if model.encoder.rank:
        model.encoder.fit_down(catalogue.texts)
    readings, encoded = _read(home, model, catalogue.texts, progress)
    release = first_release(federation, catalogue, model, readings)
    return _publish(home, releases, release, "release zero", len(catalogue), encoded, 0)


def _with(home: Home, head: Release, new: Catalogue, progress: Progress) -> tuple[Release, int]:
    model = model_of(head, build_model(head.federation))
    check_readable(model.encoder, Catalogue([*head.catalogue, *new]))
    with model.at(head.vector):
        readings, encoded = _read(home, model, new.texts, progress)
    return with_items(head, model, new, readings=readings), encoded


def _publish(home: Home, releases: Releases, release: Release, why: str, new: int, encoded: int, after: int) -> Added:
    link = releases.publish(release, why, after)
    release.catalogue.save(home.catalogue / "items.jsonl")
    return Added(len(release.catalogue), new, encoded, link.release, link.sequence)


def _read(home: Home, model: GlobalModel, texts: Sequence[str], progress: Progress) -> tuple[Readings, int]:
    """Readings under the model's present adapter, kept from one import to the next; and how many are new."""
    total, done = len(set(texts)), 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    return read_and_keep(home.catalogue / "embeddings", model.encoder, texts, tell)


def _refuse_changes(file: Path, changed: Sequence[Item]) -> None:
    if changed:
        named = ", ".join(item.id for item in changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise Misconfigured(
            f"{file}: expected items that are known already to be as they were, got {len(changed)} changed ones: "
            f"{named}{more}; put them back, or give what has changed another id"
        )
