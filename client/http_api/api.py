"""The local API: routes, and nothing but routes. What they do is the facade's, who may ask is the guard's."""

import logging
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from client.facade import (
    MOST_EVENTS,
    MOST_OFFERS,
    DeviceFacade,
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
from client.http_api import schemas
from client.http_api.errors import STATUS, body
from client.http_api.errors import ErrorCode as Refusal
from client.http_api.guard import ApiGuard
from shared.arrays import JsonObject
from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused, StorageFailed

_STATUSES: dict[int, Refusal] = {status: word for word, status in STATUS.items()}
_MOST_FIELDS = 20

_log = logging.getLogger(__name__)


class EventBatch(Record):
    """Events to write, together or not at all."""

    events: Annotated[list[EventRecord], Field(min_length=1, max_length=MOST_EVENTS)]


class FeedbackBatch(Record):
    """What became of recommended items."""

    feedback: Annotated[list[FeedbackRecord], Field(min_length=1, max_length=MOST_OFFERS)]


class DecisionRecord(Record):
    """What the person decides about a concept."""

    action: Literal["mute", "boost", "clear"]


class Deletion(Record):
    """Which events to delete: the given ones, or all."""

    ids: Annotated[
        list[Annotated[RowId, Field(strict=False)]] | None,
        Field(max_length=MOST_EVENTS, description="All when left out."),
    ] = None


class _Absent(HushrecError):
    """The catalogue has no such item, or the release no such concept."""


_WORDS: dict[type[HushrecError], Refusal] = {
    _Absent: "not-found",
    StorageFailed: "storage",  # before what it is a kind of
    Misconfigured: "invalid",
    Corrupt: "unavailable",
    Refused: "refused",
    NotYet: "not-yet",
}


def make_api(facade: DeviceFacade, token: str, hosts: Set[str]) -> ASGIApp:
    """The whole local API behind its guard.

    Args:
        facade: answers what passes the guard.
        token: what the header `Authorization: Bearer ...` must hold.
        hosts: what the header Host may say, such as "127.0.0.1:8787".
    """
    api = FastAPI(
        title="Hushrec on this device",
        version="1",
        description="Tell what the person did, ask what suits them, see and decide what the device makes of it.",
        docs_url=None,  # these pages fetch their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    api.include_router(_routes(facade))
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(HushrecError, _ours)
    api.add_exception_handler(Exception, _fault)
    return ApiGuard(api, token, hosts)


def _routes(facade: DeviceFacade) -> APIRouter:
    refusals: dict[int | str, dict[str, Any]] = {kind: {"model": schemas.Refusal} for kind in ("4XX", "5XX")}
    router = APIRouter(prefix="/v1", responses=refusals)
    guarded = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))])  # for the document; the guard has looked

    @router.get("/health", response_model=None, responses={200: {"model": schemas.HealthResponse}})
    def health() -> JsonObject:
        """Whether the device answers. Needs no token."""
        return {"ok": True}

    @guarded.post("/events", response_model=None, responses={200: {"model": schemas.Logged}})
    def log(batch: EventBatch) -> JsonObject:
        """Write events. When this answers, they are on disk; the same `key` again changes nothing.

        Events of items that the catalogue has not are kept too, and named: each counts by its text, if it has one, and
        by its item once a release has it.
        """
        return facade.log(batch.events)

    @guarded.delete("/events", response_model=None, responses={200: {"model": schemas.Deleted}})
    def forget(chosen: Annotated[Deletion, Query()]) -> JsonObject:
        """Delete the given events for good, or all of them. The next answer no longer rests on them."""
        return facade.forget(chosen.ids)

    @guarded.get("/recommendations", response_model=None, responses={200: {"model": schemas.Recommendations}})
    def recommend(wish: Annotated[RecommendRequest, Query()]) -> JsonObject:
        """The items that suit the person best, each with its reasons."""
        return facade.recommend(wish)

    @guarded.post("/search", response_model=None, responses={200: {"model": schemas.Recommendations}})
    def search(wanted: SearchRequest) -> JsonObject:
        """The items that suit a sentence best, whoever typed it, met ones too. Nothing of it is written down."""
        return facade.search(wanted)

    @guarded.post("/feedback", response_model=None, responses={200: {"model": schemas.Written}})
    def feedback(batch: FeedbackBatch) -> JsonObject:
        """Say what became of recommended items. The next recommendation already knows."""
        return facade.feedback(batch.feedback)

    @guarded.get("/items/{item:path}/explanation", response_model=None, responses={200: {"model": schemas.Explanation}})
    def explain(item: Annotated[ItemId, Path()]) -> JsonObject:
        """Why an item ranks where it does."""
        with _absent():
            return facade.explain(item)

    @guarded.get("/interests", response_model=None, responses={200: {"model": schemas.InterestsResponse}})
    def interests() -> JsonObject:
        """What the device makes of what the person did."""
        return facade.interests()

    @guarded.post("/interests/{name:path}", response_model=None, responses={200: {"model": schemas.InterestsResponse}})
    def decide(name: Annotated[Word, Path()], decision: DecisionRecord) -> JsonObject:
        """Mute or boost a concept, or take that back: it holds from the next recommendation on."""
        with _absent():
            return facade.decide(name, decision.action)

    @guarded.get("/privacy", response_model=None, responses={200: {"model": schemas.PrivacyResponse}})
    def privacy() -> JsonObject:
        """What was promised to the person, and what of it is spent."""
        return facade.privacy()

    @guarded.get("/export", response_model=None, responses={200: {"model": schemas.Everything}})
    def export() -> JsonObject:
        """All that the device keeps of the person."""
        return facade.export()

    router.include_router(guarded)
    return router


@contextmanager
def _absent() -> Iterator[None]:
    """What is misconfigured about one name in a path is that it is none."""
    try:
        yield
    except StorageFailed:
        raise
    except Misconfigured:
        raise _Absent from None


def _refusal(word: Refusal, fields: list[dict[str, str]] | None = None) -> Response:
    return Response(body(word, fields), STATUS[word], media_type="application/json")


async def _ours(_: Request, error: Exception) -> Response:
    """An error of the four says why to a person at the terminal; here only its kind, as its message may hold a path."""
    if isinstance(error, Corrupt | StorageFailed):
        _log.error("%s", error)
    if isinstance(error, InvalidFields):
        wrong = [{"field": field, "rule": error.rule} for field in error.fields[:_MOST_FIELDS]]
        return _refusal("invalid", wrong)
    return _refusal(next((word for kind, word in _WORDS.items() if isinstance(error, kind)), "fault"))


async def _fault(_: Request, error: Exception) -> Response:
    """The guard writes the log line."""
    return _refusal("fault")


async def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _refusal(_STATUSES.get(status, "bad-request"))


async def _invalid(_: Request, error: Exception) -> Response:
    """Which known fields break which rules; never a value, nor a name that the sender made up."""
    wrong = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [{"field": _place(one["loc"]), "rule": str(one["type"])} for one in wrong[:_MOST_FIELDS]]
    return _refusal("invalid", fields)


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location[1:] if isinstance(part, int) or part in _FIELDS) or "request"


_FIELDS = {
    name
    for record in (
        *(EventBatch, FeedbackBatch, EventRecord, FeedbackRecord),
        *(RecommendRequest, SearchRequest, DecisionRecord, Deletion),
    )
    for name in record.model_fields
}
