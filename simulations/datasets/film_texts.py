"""Makes the film catalogue of each MovieLens layout: title, genres, plot, people, most telling words first."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt
from shared.records import find_file
from simulations.datasets.logbook import unique_items
from simulations.datasets.rows import csv_records, encoding_of, named_file, read_table
from simulations.datasets.tally import LoadCounter

_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
_NO_GENRE = {"", "unknown", "(no genres listed)"}
_YEAR = re.compile(r"\s*(\(\d{4}[^()]*\))$")
_ARTICLE = re.compile(r"^(.+), (The|An?|Las?|Les?|Los|El|Il|Lo|L'|Der|Die|Das|Den|Det|Une?)$")
_Film = tuple[int, str, str, tuple[str, ...]]  # line, id, title, genres


def natural_title(title: str) -> str:
    """A catalogue title as it is spoken: "Matrix, The (1999)" becomes "The Matrix (1999)"."""
    year = _YEAR.search(title)
    name = title[: year.start()] if year else title
    parts = [_article_first(part) for part in re.split(r"\s*[()]\s*", name) if part]
    spoken = parts[0] + "".join(f" ({part})" for part in parts[1:]) if parts else name
    return f"{spoken} {year.group(1)}" if year else spoken


def films_100k(folder: Path, tally: LoadCounter) -> Catalogue:
    """`u.item`, with the plots of `item_plots.tsv` where it exists."""
    path = named_file(folder, "u.item")
    films = []
    for line, fields in read_table(path, tally, separator="|", columns=24, encoding=encoding_of(path)):
        if set(fields[5:]) - {"0", "1"}:
            raise Corrupt(f"{path}:{line}: expected 19 genre flags of 0 or 1 at the end, got others")
        genres = tuple(genre for genre, flag in zip(_GENRES_100K, fields[5:], strict=True) if flag == "1")
        films.append((line, fields[0], fields[1], genres))
    plots: dict[str, str] = {}
    if extra := find_file(folder, "item_plots.tsv"):
        known = {film[1] for film in films}
        header = "item_id\tml1m_MovieID\ttitle\tplot"
        for line, (film, _, _, plot) in read_table(extra, tally, separator="\t", columns=4, header=header):
            _add_text(plots, film, plot, known, extra, line, tally)
    return _catalogue(path, films, plots, tally)


def films_1m(folder: Path, tally: LoadCounter) -> Catalogue:
    """`movies.dat` (latin-1 in 1M, UTF-8 in 10M), with plot, director and actors of `movies_extrainfos.dat` if any."""
    path = named_file(folder, "movies.dat")
    films = [
        (line, film, title, tuple(genres.split("|")))
        for line, (film, title, genres) in read_table(
            path, tally, separator="::", columns=3, encoding=encoding_of(path)
        )
    ]
    texts: dict[str, str] = {}
    if extra := find_file(folder, "movies_extrainfos.dat"):
        known = {film[1] for film in films}
        for line, fields in read_table(extra, tally, separator="::", columns=11):
            film, director, actors, plot = fields[0], fields[6], fields[8], fields[9]
            text = _sentences(*("" if words == "N/A" else words for words in (plot, director, actors)))
            _add_text(texts, film, text, known, extra, line, tally)
    return _catalogue(path, films, texts, tally)


def films_latest(folder: Path, tally: LoadCounter) -> Catalogue:
    """`movies.csv` (UTF-8, CSV quoting)."""
    path = named_file(folder, "movies.csv")
    films = [
        (line, film["movieId"], film["title"], tuple(film["genres"].split("|")))
        for line, film in csv_records(path, tally, required=("movieId", "title", "genres"))
    ]
    return _catalogue(path, films, {}, tally)


def _catalogue(path: Path, films: Iterable[_Film], texts: Mapping[str, str], tally: LoadCounter) -> Catalogue:
    items = []
    for line, film, title, genres in films:
        if not film or not title.strip():
            tally.skip("film without id or title", path, line)
            continue
        spoken = natural_title(title.strip())
        named = tuple(genre for genre in genres if genre not in _NO_GENRE)
        items.append((line, Item(film, spoken, _sentences(spoken, ", ".join(named), texts.get(film, "")), named)))
        tally.kept += 1
    return unique_items(items, path)


def _add_text(
    texts: dict[str, str], film: str, text: str, known: set[str], path: Path, line: int, tally: LoadCounter
) -> None:
    if film not in known:
        tally.skip("text of an unknown film", path, line)
    elif not text.strip():
        tally.skip("film text without words", path, line)
    elif film in texts:
        tally.skip("second text of a film", path, line)
    else:
        texts[film] = text.strip()
        tally.kept += 1


def _article_first(name: str) -> str:
    match = _ARTICLE.match(name)
    if not match:
        return name
    return f"{match[2]}{match[1]}" if match[2].endswith("'") else f"{match[2]} {match[1]}"


def _sentences(*parts: str) -> str:
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in map(str.strip, parts) if part)
