"""Whether devices find the hidden interests of the demo's people, and whether concepts are its hidden subtopics.

Settings were chosen on the people with even numbers; only the others are asked here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy
from scipy.stats.contingency import crosstab

from client import Recommender
from shared.arrays import FloatingArray
from shared.errors import Misconfigured
from shared.metrics import bootstrap_interval
from shared.release import model_of
from simulations.datasets import DemoTruth
from simulations.people import Person
from simulations.studies.study_runs import StudyRuns

_FEWEST_EVENTS = 20


def measure_recovered(trials: StudyRuns) -> list[dict[str, Any]]:
    """Cosines between what devices make of their people and what is true of them.

    For people of at least 20 events; and how much concepts and hidden subtopics say of each other (normalised mutual
    information).

    Concepts are read as mixtures of subtopics by the catalogue alone: what their items are about.

    Raises:
        Misconfigured: data whose true interests nobody knows.
    """
    world, truth = trials.world, trials.world.dataset.truth
    if truth is None:
        raise Misconfigured(f"compare interests: expected --data demo, whose truth is known, got {trials.data}")
    release = trials.train().release
    ranker = Recommender(release, model_of(release))
    shares = ranker.views.shares
    if not shares.shape[1]:
        raise Misconfigured("compare interests: expected model.views with concepts, got the dense view alone")
    subtopic_of = np.array([truth.item_subtopic[item.id] for item in release.catalogue])
    leading = shares.argmax(1)
    meaning = np.zeros((shares.shape[1], len(truth.subtopics)))
    np.add.at(meaning, (leading, subtopic_of), 1.0)
    meaning /= np.maximum(meaning.sum(1, keepdims=True), 1.0)
    cosines = []
    people = [person for person in world.dataset.people[1::2] if len(person.events) >= _FEWEST_EVENTS]
    with trials.progress.stage("interests", total=len(people)) as stage:
        for person in people:
            mix = ranker.profile(person.events).mix()
            if mix is None:
                raise RuntimeError("compare interests: expected a mix of concepts, got none")
            cosines.append(_cosine(mix @ meaning, _own(truth, person)))
            stage.advance()
    low, high = bootstrap_interval(np.array(cosines), seed=0)
    rows: list[dict[str, Any]] = [
        {
            "what": "people's mix and their hidden interests: cosine",
            "figure": float(np.mean(cosines)),
            "interval": f"{low:.3f} to {high:.3f}",
        }
    ]
    topics = np.array([truth.subtopics[place].partition("/")[0] for place in subtopic_of])
    hidden = {"subtopics": subtopic_of, "topics": np.unique(topics, return_inverse=True)[1]}
    return rows + [
        {"what": f"concepts and hidden {name}: NMI", "figure": normalised_mutual_information(leading, labels)}
        for name, labels in hidden.items()
    ]


def normalised_mutual_information(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Of two labels of the same things, over the mean of their entropies: 0 for strangers, 1 for the same division."""
    counts = crosstab(one, other).count
    first, second = entropy(counts.sum(1)), entropy(counts.sum(0))
    return float((first + second - entropy(counts.ravel())) / max((first + second) / 2, 1e-12))


def _own(truth: DemoTruth, person: Person) -> FloatingArray:
    """The mean of a person's interests over the moments of their events, [subtopics]."""
    return np.mean([truth.interests[person.id].at(event.time_seconds) for event in person.events], axis=0)


def _cosine(one: FloatingArray, other: FloatingArray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))
