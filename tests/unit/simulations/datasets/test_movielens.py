"""MovieLens: titles, film texts, and the published test items and negatives of 1M."""

from pathlib import Path

import pytest

from shared.behaviour import EventKind
from shared.errors import Corrupt, Misconfigured
from simulations.datasets import SkippedRows, load
from simulations.datasets.film_texts import natural_title


@pytest.mark.parametrize(
    ("listed", "spoken"),
    [
        ("Matrix, The (1999)", "The Matrix (1999)"),
        ("Toy Story (1995)", "Toy Story (1995)"),
        ("City of Lost Children, The (1995)", "The City of Lost Children (1995)"),
        ("Misérables, Les (1995)", "Les Misérables (1995)"),
        ("Avventura, L' (1960)", "L'Avventura (1960)"),
        ("Blue Angel, The (Blaue Engel, Der) (1930)", "The Blue Angel (Der Blaue Engel) (1930)"),
        ("Paris, Texas (1984)", "Paris, Texas (1984)"),
        ("unknown", "unknown"),
    ],
)
def test_a_listed_title_becomes_a_spoken_one(listed: str, spoken: str) -> None:
    assert natural_title(listed) == spoken


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """1M with a published test item: person 1 rated 10, 11, 12 and is tested on 11 (NCF item 1)."""
    (tmp_path / "movies.dat").write_text("10::Heat (1995)::Crime\n11::Big, The (1999)::War\n12::Up::Drama\n")
    (tmp_path / "ratings.dat").write_text("1::10::5::100\n1::11::4::100\n1::12::3::200\n2::10::2::100\n")
    (tmp_path / "ncf_item_ids.tsv").write_text("ncf_item\tMovieID\n0\t10\n1\t11\n2\t12\n3\t99\n")
    (tmp_path / "ml-1m.test.rating").write_text("0\t1\t4\t100\n1\t0\t2\t100\n")
    (tmp_path / "ml-1m.test.negative").write_text("(0,1)\t2\t1\t0\n(1,0)\t1\t3\t2\n")
    return tmp_path


def test_ratings_are_events_with_a_value(films: Path) -> None:
    event = load(f"movielens:{films}").people[0].events[0]
    assert (event.kind, event.item, event.value, event.time_seconds) == (EventKind.RATING, "10", 5.0, 100.0)


def test_the_published_test_item_comes_last(films: Path) -> None:
    first, second = load(f"movielens:{films}").people
    assert [(event.item, event.time_seconds) for event in first.events] == [("10", 100), ("12", 200), ("11", 201)]
    assert [(event.item, event.time_seconds) for event in second.events] == [("10", 100)]


def test_published_negatives_lose_the_test_item_and_unknown_films(films: Path) -> None:
    dataset = load(f"movielens:{films}")
    assert dataset.negatives == {"1": ("12", "10"), "2": ("11", "12")}
    assert set(dataset.report.losses) == {
        SkippedRows("negative is the person's own test item", 1, ("ml-1m.test.negative:1",)),
        SkippedRows("negative not in the catalogue", 1, ("ml-1m.test.negative:2",)),
    }


def test_a_test_item_never_rated_is_reported(films: Path) -> None:
    (films / "ml-1m.test.rating").write_text("0\t1\t4\t100\n1\t2\t2\t100\n")
    losses = load(f"movielens:{films}").report.losses
    assert SkippedRows("fixed test item the person never rated", 1, ("ml-1m.test.rating:2",)) in losses
    assert SkippedRows("negatives of another test item, or given twice", 4, ("ml-1m.test.negative:2",)) in losses


def test_test_items_without_the_translation_of_their_numbers_are_refused(films: Path) -> None:
    (films / "ncf_item_ids.tsv").unlink()
    with pytest.raises(Misconfigured, match=r"expected ncf_item_ids\.tsv beside it"):
        load(f"movielens:{films}")


def test_an_unknown_item_number_is_refused(films: Path) -> None:
    (films / "ml-1m.test.rating").write_text("0\t7\t4\t100\n")
    with pytest.raises(Corrupt, match=r"ml-1m\.test\.rating:1: expected an item number"):
        load(f"movielens:{films}")


def test_film_texts_go_from_title_to_genres_to_plot_to_people(films: Path) -> None:
    (films / "movies_extrainfos.dat").write_text(
        "10::Heat::1995::R::x::Crime::Michael Mann::Writer::Al Pacino, Robert De Niro::Cops chase robbers.::url\n"
        "11::Big::1999::R::x::War::N/A::N/A::N/A::N/A::url\n"
        "77::Gone::1999::R::x::War::N/A::N/A::N/A::A plot.::url\n"
    )
    dataset = load(f"movielens:{films}")
    assert [item.text for item in dataset.catalogue] == [
        "Heat (1995). Crime. Cops chase robbers. Michael Mann. Al Pacino, Robert De Niro.",
        "The Big (1999). War.",
        "Up. Drama.",
    ]
    assert dataset.catalogue[0].categories == ("Crime",)
    assert SkippedRows("film text without words", 1, ("movies_extrainfos.dat:2",)) in dataset.report.losses
    assert SkippedRows("text of an unknown film", 1, ("movies_extrainfos.dat:3",)) in dataset.report.losses
