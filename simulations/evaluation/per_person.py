"""What came of each question as a table on disk, for paired tests and plots of one's own.

One row a question of the test part, which the split bounds: of at most 50,000 people, or one a shown list. It names
people as the data does, so that it is for simulations alone, whose people are made up or public.
"""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shared.files import write_atomically
from shared.metrics import metric_group
from simulations.evaluation.evaluate import Evaluation
from simulations.evaluation.world import World

PER_PERSON = "per_person.parquet"


def write_per_person(path: Path, world: World, trained: Evaluation, untrained: Evaluation) -> None:
    """Write a row for each question, with these columns.

    `person` and `item` (the one asked for) by their ids in the data; `events`, choices before the question, and
    `group`, the third that a federation tells apart by them; `member`, whether the person has a device; then
    `WAY rank` (the mean place, from 1) and `WAY METRIC` for each way and metric, and the untrained model's nDCG@10. A
    figure that was not asked for is null.

    Args:
        path: of the file.
        world: whose people were asked.
        trained: what the model made of the questions.
        untrained: what the model made of them before anybody taught it anything.
    """
    questions = trained.questions
    names = _names(world, questions.people)
    before = np.asarray([len(history) for history in questions.histories], np.int64)
    columns: dict[str, pa.Array] = {
        "person": pa.array([names[int(person)] for person in questions.people], pa.string()),
        "item": pa.array([world.dataset.catalogue[int(row)].id for row in questions.targets], pa.string()),
        "events": pa.array(before),
        "group": pa.array([metric_group(int(count)) for count in before], pa.string()),
        "member": pa.array(~world.strangers[questions.people]),
    }
    for way, metrics in trained.values.items():
        if way in trained.ranks:
            asked = ~np.isnan(metrics["mrr"])
            columns[f"{way} rank"] = _figures(np.where(asked, trained.ranks[way].rank, np.nan))
        columns |= {f"{way} {name}": _figures(values) for name, values in metrics.items()}
        columns[f"untrained {way} ndcg@10"] = _figures(untrained.values[way]["ndcg@10"])
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, compression="zstd")
    write_atomically(path, stream.getvalue())


def _figures(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _names(world: World, people: NDArray[np.int64]) -> dict[int, str]:
    """Ids of these people, by their positions; a group of people is read at a time."""
    asked = np.unique(people)
    names: dict[int, str] = {}
    for batch in world.dataset.people.batches():
        of_batch = asked[(asked >= batch.first) & (asked < batch.first + len(batch))]
        names |= {int(person): batch.ids[int(person) - batch.first] for person in of_batch}
    return names
