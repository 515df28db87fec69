"""Reads an item list with purchase sequences (NAME.item, NAME.test.inter). Time is the position in the sequence."""

from pathlib import Path

from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from shared.records import plain_name, whole
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import EventCollector, unique_items
from simulations.datasets.rows import named_file, read_table
from simulations.datasets.tally import LoadCounter

_ITEMS_HEADER = "item_id:token\ttitle:token_seq"
_SEQUENCES_HEADER = "user_id:token\titem_id_list:token_seq\titem_id:token"


def load_sequences(source: Path) -> Dataset:
    """Each row is a person: the items bought, oldest first, then the test item, which is the last one bought.

    Raises:
        Corrupt: a file is not what its name claims.
    """
    tally = LoadCounter()
    catalogue_path = named_file(source.parent, plain_name(source).removesuffix(".test.inter") + ".item")
    items = []
    for line, (item, title) in read_table(catalogue_path, tally, separator="\t", columns=2, header=_ITEMS_HEADER):
        if item and title.strip():
            items.append((line, Item(item, title.strip(), title.strip())))
            tally.kept += 1
        else:
            tally.skip("item without id or title", catalogue_path, line)
    catalogue = unique_items(items, catalogue_path)
    logbook = EventCollector(catalogue, tally)
    names = {item.id: item.id for item in catalogue}  # one string object per item, not one per purchase
    for line, (person, before, last) in read_table(source, tally, separator="\t", columns=3, header=_SEQUENCES_HEADER):
        bought = [*before.split(), *last.split()]
        tally.read += len(bought) - 1  # the records of this row are its purchases
        if not bought:
            tally.read += 1
            tally.skip("person without purchases", source, line)
        for position, item in enumerate(bought):
            logbook.add(whole(person), Event(float(position), EventKind.PURCHASE, names.get(item, item)), source, line)
    people = logbook.people(source)
    files = {"items": catalogue_path, "events": source}
    return Dataset(f"amazon {source.parent.name}", catalogue, people, tally.report(), files=files)
