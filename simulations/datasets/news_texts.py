"""Makes the news catalogue of MIND, in English or from the Mandarin titles of xMIND."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from shared.records import find_file
from simulations.datasets.logbook import unique_items
from simulations.datasets.rows import csv_records, named_file, read_table
from simulations.datasets.tally import LoadCounter

_TITLES = "news_titles.tsv"
_STANDARD = "news.tsv"
_MANDARIN = "xMIND*_cmn_news.tsv*"
_News = Iterator[tuple[int, Item]]


def read_news(folder: Path, language: str, tally: LoadCounter) -> Catalogue:
    """The news of `folder`: `news_titles.tsv` or the standard `news.tsv`; for "zh" the Mandarin news of xMIND.

    The Mandarin news take their categories from the English ones; English news without a Mandarin title are reported.

    Raises:
        Misconfigured: a file is missing.
        Corrupt: a file is not what its name claims.
    """
    titles = find_file(folder, _TITLES)
    path = titles or named_file(folder, _STANDARD)
    news = list(_titles(path, tally) if titles else _standard(path, tally))
    english = unique_items(news, path)
    if language == "en":
        tally.kept += len(english)
        return english
    translated = _mandarin(folder, tally)
    for line, item in news:
        if item.id in translated:
            number, mandarin = translated[item.id]
            translated[item.id] = (number, replace(mandarin, categories=item.categories))
            tally.kept += 1
        else:
            tally.skip("news without a Mandarin title", path, line)
    tally.kept += len(translated)
    return Catalogue(item for _, item in translated.values())


def _titles(path: Path, tally: LoadCounter) -> _News:
    for line, (news, category, title) in read_table(
        path, tally, separator="\t", columns=3, header="news_id\tcategory\ttitle"
    ):
        yield from _item(path, line, news, title, (category,), "", tally)


def _standard(path: Path, tally: LoadCounter) -> _News:
    for line, fields in read_table(path, tally, separator="\t", columns=8):
        news, category, subcategory, title, abstract = fields[:5]
        yield from _item(path, line, news, title, (category, subcategory), abstract, tally)


def _item(
    path: Path, line: int, news: str, title: str, categories: tuple[str, ...], abstract: str, tally: LoadCounter
) -> _News:
    if not news or not title.strip():
        tally.skip("news without id or title", path, line)
        return
    text = f"{title.strip()}. {abstract.strip()}" if abstract.strip() else title.strip()
    yield line, Item(news, title.strip(), text, tuple(category for category in categories if category))


def _mandarin(folder: Path, tally: LoadCounter) -> dict[str, tuple[int, Item]]:
    paths = sorted(folder.glob(_MANDARIN))
    if len(paths) != 1:
        raise Misconfigured(f"{folder}: expected one file {_MANDARIN} for language=zh, found {len(paths)}")
    columns = ("nid", "title", "abstract")
    news = [
        found
        for line, row in csv_records(paths[0], tally, required=columns)
        for found in _item(paths[0], line, row["nid"], row["title"], (), row["abstract"], tally)
    ]
    unique_items(news, paths[0])
    return {item.id: (line, item) for line, item in news}
