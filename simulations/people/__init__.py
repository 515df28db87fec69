"""People and what they did, in columns on disk: a million of them take no more memory than a thousand."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.people.batch import PeopleBatch, TextColumn
    from simulations.people.columnar import PEOPLE_AT_ONCE, PEOPLE_FILE, People, write_people, write_repeated
    from simulations.people.person import Person
    from simulations.people.ragged import RaggedRows, Rows, save_array

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.people.batch": ("PeopleBatch", "TextColumn"),
        "simulations.people.columnar": ("PEOPLE_AT_ONCE", "PEOPLE_FILE", "People", "write_people", "write_repeated"),
        "simulations.people.person": ("Person",),
        "simulations.people.ragged": ("RaggedRows", "Rows", "save_array"),
    },
)

__all__ = [
    "PEOPLE_AT_ONCE", "PEOPLE_FILE", "People", "PeopleBatch", "Person", "RaggedRows", "Rows", "TextColumn",
    "save_array", "write_people", "write_repeated",
]  # fmt: skip
