"""MIND: which rows become events, which become test impressions, and the Mandarin catalogue."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.errors import Misconfigured
from simulations.datasets import Impression, SkippedRows, load


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """U1 reads on two days, U2 on the last one only, U3 has no history and comes last."""
    (tmp_path / "news_titles.tsv").write_text(
        "news_id\tcategory\ttitle\nN1\tnews\tOne\nN2\tsports\tTwo\nN3\tfood\tThree\nN4\tfood\tFour\n"
    )
    (tmp_path / "behaviors.tsv").write_text(
        "1\tU1\t11/13/2019 12:00:10 AM\tN1 N2\tN3-1 N4-0\n"
        "2\tU1\t11/12/2019 11:59:59 PM\tN1 N2\tN4-1 N3-0 N1-0\n"
        "3\tU2\t11/13/2019 8:00:00 AM\tN2\tN1-0 N3-1\n"
        "4\tU3\t11/13/2019 9:00:00 AM\t\tN1-1 N3-0\n"
    )
    return tmp_path


def _seconds(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


def test_history_comes_before_the_first_impression_and_times_are_positions(news: Path) -> None:
    dataset = load(f"mind:{news}")
    events = dataset.people[0].events
    assert [(event.item, event.time_seconds) for event in events] == [("N1", 0.0), ("N2", 1.0), ("N4", 2.0)]
    assert not dataset.dated
    assert events[2].shown == ("N3", "N1")


def test_the_last_day_is_test_only_with_the_history_of_its_row(news: Path) -> None:
    dataset = load(f"mind:{news}")
    assert [person.id for person in dataset.people] == ["U1", "U2", "U3"]
    assert [len(person.events) for person in dataset.people] == [3, 1, 0]
    assert dataset.impressions == (
        Impression(0, _seconds(2019, 11, 13, 0, 0, 10), ("N1", "N2"), ("N3", "N4"), (True, False)),
        Impression(1, _seconds(2019, 11, 13, 8, 0, 0), ("N2",), ("N1", "N3"), (False, True)),
        Impression(2, _seconds(2019, 11, 13, 9, 0, 0), (), ("N1", "N3"), (True, False)),
    )


def test_every_entry_is_accounted_for(news: Path) -> None:
    """4 news, 5 history entries and 9 candidates; nothing is lost."""
    report = load(f"mind:{news}").report
    assert (report.rows_read, report.rows_kept, report.losses) == (18, 18, ())


def test_the_text_is_the_title_and_the_category_is_kept(news: Path) -> None:
    item = load(f"mind:{news}").catalogue[1]
    assert (item.title, item.text, item.categories) == ("Two", "Two", ("sports",))


def test_the_standard_news_file_adds_sub_category_and_abstract(news: Path) -> None:
    (news / "news_titles.tsv").unlink()
    (news / "news.tsv").write_text(
        "".join(f"N{n}\tfood\tsoup\tTitle {n}\tAbstract {n}.\turl\t[]\t[]\n" for n in range(1, 5))
    )
    item = load(f"mind:{news}").catalogue[0]
    assert (item.text, item.categories) == ("Title 1. Abstract 1.", ("food", "soup"))


def test_mandarin_titles_take_the_place_of_the_english_ones(news: Path) -> None:
    """N4 has no Mandarin title: N4 is lost as news, as U1's click with what was shown, and as a candidate."""
    rows = 'nid\ttitle\tabstract\nN1\t一\t"他說 ""好""."\nN2\t二\t\nN3\t三\t\n'
    (news / "xMINDsmall_dev_cmn_news.tsv.gz").write_bytes(gzip.compress(rows.encode()))
    dataset = load(f"mind:{news}?language=zh")
    assert [(item.text, item.categories) for item in dataset.catalogue] == [
        ('一. 他說 "好".', ("news",)),
        ("二", ("sports",)),
        ("三", ("food",)),
    ]
    assert set(dataset.report.losses) == {
        SkippedRows("news without a Mandarin title", 1, ("news_titles.tsv:5",)),
        SkippedRows("item not in the catalogue", 2, ("behaviors.tsv:2", "behaviors.tsv:1")),
        SkippedRows("shown in an impression without a known click", 2, ("behaviors.tsv:2",)),
        SkippedRows("test impression without both a click and a known item passed over", 3, ("behaviors.tsv:1",)),
    }
    assert len(dataset.impressions) == 2


def test_one_day_only_leaves_nothing_to_train_on(news: Path) -> None:
    (news / "behaviors.tsv").write_text("1\tU1\t11/13/2019 12:00:10 AM\tN1\tN3-1 N4-0\n")
    with pytest.raises(Misconfigured, match="expected at least two days"):
        load(f"mind:{news}")
