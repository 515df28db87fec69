"""Where a person or a host app deals with the device, without HTTP: what is handed in, and what is answered."""

from client.facade.device_facade import Answer, Decision, Desk, EventStore, Ranking, record_of
from client.facade.opening import open_desk
from client.facade.records import (
    MOST_EVENTS,
    MOST_OFFERS,
    EventRecord,
    FeedbackRecord,
    ItemId,
    Record,
    RowId,
    WishRecord,
    Word,
)

__all__ = [
    "MOST_EVENTS",
    "MOST_OFFERS",
    "Answer",
    "Decision",
    "Desk",
    "EventRecord",
    "EventStore",
    "FeedbackRecord",
    "ItemId",
    "Ranking",
    "Record",
    "RowId",
    "WishRecord",
    "Word",
    "open_desk",
    "record_of",
]
