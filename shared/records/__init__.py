"""The one reader of items and events as JSON lines or CSV: for simulations, servers and devices alike.

It reads what spreadsheets and editors write (a byte order mark, UTF-16, semicolons, blanks around names and ids, ids
as numbers, moments written out, files packed with gzip or zip), says in `notes` what it took another way than it stands
there, and refuses the rest: up to twenty bad lines at once, each with its file, line and field, and never with what a
person's line holds.
"""

from shared.records.events import EVENTS, PERSONAL_EVENTS, read_events
from shared.records.fields import Wrong, identity, seconds, time, whole
from shared.records.items import ITEMS, read_items
from shared.records.opening import (
    BROKEN_PACKAGE,
    PACKED,
    find_file,
    find_parts,
    open_unpacked,
    plain_name,
    text_of,
)
from shared.records.reading import Reading
from shared.records.tables import Header, Unreadable, folded_name, separator_of, table_rows

__all__ = [
    "BROKEN_PACKAGE",
    "EVENTS",
    "ITEMS",
    "PACKED",
    "PERSONAL_EVENTS",
    "Header",
    "Reading",
    "Unreadable",
    "Wrong",
    "find_file",
    "find_parts",
    "folded_name",
    "identity",
    "open_unpacked",
    "plain_name",
    "read_events",
    "read_items",
    "seconds",
    "separator_of",
    "table_rows",
    "text_of",
    "time",
    "whole",
]
