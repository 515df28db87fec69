"""Sentences that a reader needs to judge the figures of a run."""

from shared.catalogue import Catalogue
from shared.federation import FederationFile
from simulations.engine import Trained
from simulations.evaluation import World

_HOW_ADDED = {
    "checked": "The first sum of each task was masked end to end (FEDREC-SA/1) with every device that was asked, and "
    "equalled the sum of what they had masked, word for word; later ones added the same noised words without masks.",
    "secure": "Summands were masked end to end (FEDREC-SA/1): the server could read their sums, and nothing less.",
    "ideal": "Summands were added without masks, as a study of the secure sum, which gives the same figures.",
    "plain": "Aggregation is the plain sum: the server sees each device's summand.",
}


def notes_on(world: World, trained: Trained, first_only: bool) -> list[str]:
    """How sums were added, who had no device, how training ended, and what is odd about the data.

    Args:
        world: that was trained on.
        trained: what came of it.
        first_only: only the first sum of each task was masked.
    """
    settings = trained.release.federation
    notes = [
        _HOW_ADDED["checked" if first_only else settings.sum.mode],
        f"{int(world.strangers.sum())} people have no device in the federation; cold_start.users is measured on them.",
        *trained.uncomputed,
    ]
    done = max((report.number for report in trained.reports if report.task == "update"), default=0)
    if done < settings.training.rounds:
        notes.append(
            f"Training ended after round {done} of {settings.training.rounds}: {settings.evaluation.patience} "
            "evaluations in a row were clearly worse than the best before, which is what is released."
        )
    notes += _data_notes(world) + unread_features(world.dataset.catalogue, settings)
    skipped = sum(report.skipped for report in trained.reports)
    if skipped:
        notes.append(f"{skipped} rounds were skipped because too few devices answered.")
    if settings.privacy.level == "event":
        notes.append(
            "Item counts do not leave a device without user-level privacy: the popularity prior is flat in this run."
        )
    return notes


def _data_notes(world: World) -> list[str]:
    """What a reader must know of the data as it was read."""
    notes = list(world.dataset.report.notes)
    if world.split.repeats:
        notes.append(
            f"{world.split.repeats:.1%} of all choices are of an item met before. Devices offer nothing that was met, "
            "so the last choices of new items are asked for; what follows them is neither learnt from nor asked."
        )
    if not world.dataset.dated:
        notes.append("Times are positions in a sequence: no rule in seconds (bursts, slips, sessions) applies.")
    return notes


def unread_features(catalogue: Catalogue, federation: FederationFile) -> list[str]:
    """A sentence where items have features that the federation does not read, with what has it read them."""
    unread = {name: block.width for name, block in catalogue.features.items() if name not in federation.model.blocks}
    if not unread:
        return []
    widths = ", ".join(f"{name}={width}" for name, width in {**federation.model.blocks, **unread}.items())
    return [
        f"Items have features that are not read: {', '.join(unread)}; --set 'model.features={{{widths}}}' reads them."
    ]
