"""The one reader of items and events as JSON lines or CSV: for simulations, servers and devices alike.

It reads what spreadsheets and editors write (a byte order mark, semicolons, blanks around names and ids, ids as
numbers), says in `notes` what it took another way than it stands there, and refuses the rest: up to twenty bad lines at
once, each with its file, line and field, and never with what a person's line holds.
"""

from shared.records.events import EVENTS, PERSONAL_EVENTS, read_events
from shared.records.fields import identity
from shared.records.items import ITEMS, read_items
from shared.records.reading import Reading
from shared.records.tables import Header, Unreadable, table_rows

__all__ = [
    "EVENTS",
    "ITEMS",
    "PERSONAL_EVENTS",
    "Header",
    "Reading",
    "Unreadable",
    "identity",
    "read_events",
    "read_items",
    "table_rows",
]
