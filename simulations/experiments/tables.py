"""Rows of figures as tables, one for each way of asking, so that figures of two protocols never share a table."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

PROTOCOLS = {
    "sampled": "sampled: the item among 99 others",
    "full": "full: the item among all that the person has not met",
    "impressions": "shown lists: the candidates as they were shown",
    "repeats": "repeats: the next choice among all items, met ones too",
}
OTHER = "figures"
ALL_SEEDS = "all"  # in place of a seed: a figure of all of them together
# What a row is about; every other column is a figure.
_ABOUT = frozenset(
    {
        *("data", "seed", "model", "sees", "variant", "settings", "epsilon", "events", "part"),
        *("item", "nearest", "what", "source", "beside ours"),
    }
)


def tables_by_protocol(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows once for each protocol of which they hold figures, each with the figures of that one alone.

    A column belongs to the protocol that it begins with; one that names none (a gain, an interval) to that of the
    nearest column before it, or after it where there is none before.

    Returns:
        Protocol ("sampled", "full", "impressions", or "figures" where columns name none) to rows.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    figures = [column for column in columns if column not in _ABOUT]
    named = [next((way for way in PROTOCOLS if column.startswith(f"{way} ")), None) for column in figures]
    current = next((way for way in named if way), OTHER)
    owners = {}
    for column, way in zip(figures, named, strict=True):
        current = way or current
        owners[column] = current
    tables: dict[str, list[dict[str, Any]]] = {}
    for way in dict.fromkeys(owners.values()):
        own = [column for column in columns if owners.get(column, way) == way]
        tables[way] = [
            {column: row[column] for column in own if column in row}
            for row in rows
            if any(row.get(column) is not None for column in own if column not in _ABOUT)
        ]
    return tables


def with_means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows, then of those that differ by seed alone the mean of each figure; none where there is one seed."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("seed") != ALL_SEEDS:
            groups.setdefault(tuple(row.get(name) for name in sorted(_ABOUT - {"seed"})), []).append(row)
    means = [
        {
            column: row[column]
            if column in _ABOUT
            else fmean(float(other[column]) for other in group if other.get(column) is not None)
            for column in row
            if column in _ABOUT or (isinstance(row[column], float) and not isinstance(row[column], bool))
        }
        | {"seed": "mean"}
        for group in groups.values()
        if len({other.get("seed") for other in group}) > 1
        for row in group[:1]
    ]
    return [*map(dict, rows), *means]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as RESULTS.md has them: figures without a leading zero, a dash for what was not measured."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        text = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
        return text.replace("0.", ".", 1) if abs(value) < 1 else text
    return str(value).replace("|", "\\|")
