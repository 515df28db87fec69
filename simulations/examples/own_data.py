"""Train a federation on one's own objects: a catalogue, and the events of each person.

Run it with `python simulations/examples/own_data.py`; it takes less than a minute.
"""

import random

from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from simulations import Dataset, simulate

TOPICS = {
    "garden": (
        "Growing roses",
        "Pruning old roses",
        "Sowing a lawn",
        "Frogs in the pond",
        "Hedges for birds",
        "Compost",
    ),
    "music": (
        "First guitar chords",
        "Tuning a guitar",
        "Drums at home",
        "Piano scales",
        "Bass strings",
        "Singing in choirs",
    ),
    "kitchen": ("Baking bread", "Sourdough bread", "Sharp knives", "Winter soups", "Salt and spices", "Cast iron pans"),
    "cycling": (
        "Fixing a flat tyre",
        "Bicycle chains",
        "Safe helmets",
        "Touring bicycles",
        "Good brakes",
        "A new saddle",
    ),
}


def own_data(people: int = 200, seed: int = 0) -> Dataset:
    """People who like one or two topics each, and now and then click on something else."""
    rng = random.Random(seed)  # noqa: S311 - made-up people
    items = [
        Item(f"{topic}-{place}", title, f"{title}. An article about {topic}.", (topic,))
        for topic, titles in TOPICS.items()
        for place, title in enumerate(titles)
    ]
    logs = {}
    for person in range(people):
        liked = rng.sample(list(TOPICS), rng.choice((1, 2)))
        suiting = [item.id for item in items if item.categories[0] in liked or rng.random() < 0.1]
        chosen = rng.sample(suiting, min(6, len(suiting)))
        logs[f"person {person}"] = [
            Event(1_700_000_000.0 + 86_400.0 * day, EventKind.CLICK, item) for day, item in enumerate(chosen)
        ]
    return Dataset.of("articles", items, logs)


def main() -> None:
    """Train without a promise for ten rounds, and say what that brought."""
    result = simulate(
        own_data(),
        rounds=10,
        clients_per_round=100,
        privacy="none",
        aggregation="plain",
        set=[
            "model.dense_width=16",
            "model.dense_trained=16",
            "model.concepts=4",
            "model.concept_top=2",
            'training.groups=["forgetting", "scales"]',  # with so few people, more parameters only learn their noise
        ],
    )
    record = result.to_record()
    for name, figures in (("untrained", record["untrained"]), ("trained", record["metrics"])):
        print(f"{name}: nDCG@10 {figures['sampled']['ndcg@10']:.3f}")


if __name__ == "__main__":
    main()
