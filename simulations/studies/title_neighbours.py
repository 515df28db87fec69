"""Whether an encoder can tell what a catalogue's items are about: the nearest neighbour of each, before any training.

Texts of one subject should lie next to one another. An encoder that does not read their language puts them anywhere.
"""

from typing import Any

import numpy as np

from shared.errors import Misconfigured
from shared.model import build_model
from simulations.settings import facts_of, resolve
from simulations.studies.study_runs import StudyRuns

_SHOWN = 10  # items, drawn by the seed


def measure_neighbours(trials: StudyRuns) -> list[dict[str, Any]]:
    """For ten items the nearest other by its text, and for all how often it has the same categories.

    Nearest is by the cosine between embeddings less the catalogue's mean, as `BackboneSettings` names the encoder.

    Raises:
        Misconfigured: the data's items have no categories.
    """
    catalogue = trials.world.dataset.catalogue
    categories = [item.categories for item in catalogue]
    if not any(categories):
        raise Misconfigured(f"compare neighbours: expected items with categories, {trials.data} has none; add them")
    settings = resolve(
        trials.data,
        facts_of(trials.world),
        trials.federation,
        trials.settings,
        trials.rounds,
        trials.clients_per_round,
        "none",
        "plain",
    )
    encoder = build_model(settings, light=True).encoder
    with trials.progress.stage("reading texts", total=len(catalogue)) as stage:
        embeddings = encoder.embed(catalogue.texts, stage.advance)
    unit = embeddings - embeddings.mean(0)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = likeness.argmax(1)
    alike = np.array([categories[row] == categories[other] for row, other in enumerate(nearest)])
    rows = [
        {
            "item": catalogue[row].title,
            "nearest": catalogue[int(nearest[row])].title,
            "cosine": float(likeness[row, nearest[row]]),
            "same categories": float(alike[row]),
        }
        for row in np.random.default_rng(trials.seed).permutation(len(catalogue))[:_SHOWN].tolist()
    ]
    chance = np.mean([(categories.count(own) - 1) / max(len(catalogue) - 1, 1) for own in categories])
    return [
        *rows,
        {
            "item": f"all {len(catalogue)}, under {encoder.name}",
            "nearest": f"by chance: {chance:.2f}",
            "cosine": float(likeness.max(1).mean()),
            "same categories": float(alike.mean()),
        },
    ]
