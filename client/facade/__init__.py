"""Where a person or a host app deals with the device, without HTTP: what is handed in, and what is answered."""

from client.facade.device_facade import Decision, DeviceFacade, EventStore, RankingService, open_facade, record_of
from client.facade.records import (
    MOST_EVENTS,
    MOST_OFFERS,
    EventRecord,
    FeedbackRecord,
    InvalidFields,
    ItemId,
    RecommendRequest,
    Record,
    RowId,
    SearchRequest,
    Word,
)

__all__ = [
    "MOST_EVENTS",
    "MOST_OFFERS",
    "Decision",
    "DeviceFacade",
    "EventRecord",
    "EventStore",
    "FeedbackRecord",
    "InvalidFields",
    "ItemId",
    "RankingService",
    "RecommendRequest",
    "Record",
    "RowId",
    "SearchRequest",
    "Word",
    "open_facade",
    "record_of",
]
