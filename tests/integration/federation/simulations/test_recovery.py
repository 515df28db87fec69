"""What is said of recovered interests: the measure itself, and that the demo's are found."""

from pathlib import Path

import numpy as np
import pytest

from shared.errors import Misconfigured
from simulations.studies.compare import run_comparison
from simulations.studies.recovery import normalised_mutual_information


def test_mutual_information_is_one_for_the_same_division_and_none_for_strangers() -> None:
    labels = np.repeat(np.arange(4), 25)
    assert normalised_mutual_information(labels, (labels + 1) % 4) == pytest.approx(1.0)
    assert normalised_mutual_information(labels, np.tile(np.arange(25), 4)) == pytest.approx(0.0, abs=1e-9)
    # Two of four classes told apart, by hand: information log 2, entropies log 4 and log 2.
    assert normalised_mutual_information(labels, labels // 2) == pytest.approx(2 / 3)


def test_data_whose_truth_nobody_knows_is_refused(world: Path, federation: Path) -> None:
    with pytest.raises(Misconfigured, match="demo"):
        run_comparison("interests", data=f"events:{world}", federation=federation)


def test_without_training_concepts_are_the_demos_subtopics_and_its_interests_are_found_roughly() -> None:
    rows = run_comparison("interests", data="demo", rounds=1)["rows"]
    figures = {row["what"]: row["figure"] for row in rows}
    assert figures["people's mix and their hidden interests: cosine"] > 0.75
    assert figures["concepts and hidden subtopics: NMI"] > 0.95
