"""Sentences that a reader needs to judge the figures of a run."""

from shared.catalogue import Catalogue
from shared.federation import FederationFile
from simulations.engine import Trained
from simulations.evaluation import World
from simulations.report import Note


def notes_on(world: World, trained: Trained, first_only: bool) -> list[Note]:
    """How sums were added, who had no device, how training ended, and what is odd about the data.

    Args:
        world: that was trained on.
        trained: what came of it.
        first_only: only the first sum of each task was masked.
    """
    settings = trained.release.federation
    notes = [
        Note(f"added_{'checked' if first_only else settings.sum.mode}"),
        Note("strangers", {"people": int(world.strangers.sum())}),
        *map(Note.told, trained.uncomputed),
    ]
    done = max((report.number for report in trained.reports if report.task == "update"), default=0)
    planned, patience = settings.training.rounds, settings.evaluation.patience
    if done < planned:
        notes.append(Note("ended", {"done": done, "planned": planned, "patience": patience}))
    notes += _data_notes(world) + unread_features(world.dataset.catalogue, settings)
    skipped = sum(report.skipped for report in trained.reports)
    if skipped:
        notes.append(Note("skipped", {"rounds": skipped}))
    if settings.privacy.level == "event":
        notes.append(Note("flat"))
    return notes


def _data_notes(world: World) -> list[Note]:
    """What a reader must know of the data as it was read."""
    notes = [*map(Note.told, world.dataset.report.notes)]
    if world.split.repeats:
        notes.append(Note("repeats", {"share": f"{world.split.repeats:.1%}"}))
    if not world.dataset.dated:
        notes.append(Note("positions"))
    return notes


def unread_features(catalogue: Catalogue, federation: FederationFile) -> list[Note]:
    """A sentence where items have features that the federation does not read, with what has it read them."""
    unread = {name: block.width for name, block in catalogue.features.items() if name not in federation.model.blocks}
    if not unread:
        return []
    widths = ", ".join(f"{name}={width}" for name, width in {**federation.model.blocks, **unread}.items())
    return [Note("unread", {"names": ", ".join(unread), "widths": widths})]
