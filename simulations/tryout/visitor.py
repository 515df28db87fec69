"""What a release offers to somebody who has done a few things, in a form that a page can show. It keeps nothing."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client import Reason, Recommender, reasons_in_words
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured
from shared.release import Release

OFFERED = 10
_CONCEPTS, _REASONS, _FOUND = 6, 4, 20
_MOST_EVENTS = 200
_FEWEST = 0.05  # share of all concepts that one needs to be shown


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["click", "search", "dismissal"]
    item: Annotated[str, Field(max_length=500)] | None = None
    text: Annotated[str, Field(max_length=2_000)] | None = None


class _Deeds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    deeds: Annotated[tuple[_Deed, ...], Field(max_length=_MOST_EVENTS, strict=False)]


class Visitor:
    """Answers for one release. One thread at a time uses it.

    Example:
        >>> loaded = load_release(folder)
        >>> visitor = Visitor(loaded.release, Recommender(loaded.release, loaded.model))
        >>> answer = visitor.offers(b'{"deeds": [{"kind": "search", "text": "a rose"}]}')
        >>> len(answer["offers"]), sorted(answer["offers"][0])
        (10, ['id', 'reasons', 'score', 'title', 'was'])
        >>> visitor.find("rose")[0]["title"]
        'rose'
    """

    def __init__(self, release: Release, recommender: Recommender) -> None:
        """Take a release.

        Args:
            release: whose catalogue is offered.
            recommender: ranks under it.
        """
        self._release, self._recommender = release, recommender
        self._titles = [item.title.casefold() for item in release.catalogue]

    def __repr__(self) -> str:
        return f"Visitor({len(self._titles)} items)"

    def find(self, words: str) -> list[dict[str, str]]:
        """Items whose titles hold all of these words, shortest titles first; any, where there are no words."""
        wanted = words.casefold().split()
        places = [place for place, title in enumerate(self._titles) if all(word in title for word in wanted)]
        places.sort(key=lambda place: len(self._titles[place]))
        catalogue = self._release.catalogue
        return [{"id": catalogue[place].id, "title": catalogue[place].title} for place in places[:_FOUND]]

    def offers(self, content: bytes) -> dict[str, Any]:
        """The list for whoever did these things, oldest first, and what it would be without the last of them.

        Args:
            content: JSON, {"deeds": [{"kind": "click", "search" or "dismissal", "item": ID, "text": WORDS}]}.

        Returns:
            {"offers": [{"id", "title", "score", "reasons": [[words, share]], "was": rank before the last deed, or
            None}], "interests": [[name, share]]}.

        Raises:
            Misconfigured: it is something else, or names an item that the catalogue does not have.
        """
        events = self._events(content)
        before = {offer.item: rank for rank, offer in enumerate(self._recommender.recommend(events[:-1], OFFERED), 1)}
        catalogue = self._release.catalogue
        return {
            "offers": [
                {
                    "id": offer.item,
                    "title": catalogue[offer.row].title,
                    "score": round(offer.score, 4),
                    "reasons": self._reasons(offer.reasons),
                    "was": before.get(offer.item) if events else None,
                }
                for offer in self._recommender.recommend(events, OFFERED)
            ],
            "interests": self._interests(events),
        }

    def _reasons(self, reasons: Sequence[Reason]) -> list[tuple[str, float]]:
        """The strongest in words; several that read alike, such as two searches, count as one."""
        shares: dict[str, float] = defaultdict(float)
        for words, share in reasons_in_words(reasons, self._release.catalogue, len(reasons)):
            shares[words] += share
        strongest = sorted(shares.items(), key=lambda one: -abs(one[1]))[:_REASONS]
        return [(words, round(share, 3)) for words, share in strongest]

    def _interests(self, events: Sequence[Event]) -> list[tuple[str, float]]:
        concepts = self._recommender.interest(events).concepts if events else None
        if concepts is None:
            return []
        strongest = np.argsort(-concepts, kind="stable")[:_CONCEPTS]
        named = [(self._release.concept_names[place], float(concepts[place])) for place in strongest]
        return [(name, round(share, 3)) for name, share in named if share >= _FEWEST]

    def _events(self, content: bytes) -> list[Event]:
        try:
            deeds = _Deeds.model_validate_json(content).deeds
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise Misconfigured(f"{'.'.join(map(str, first['loc'])) or 'deeds'}: {first['msg']}") from None
        for place, deed in enumerate(deeds):
            if deed.item is not None and deed.item not in self._release.catalogue:
                raise Misconfigured(f"deeds.{place}.item: expected an item of the catalogue, got another")
            if deed.item is None and not (deed.text or "").strip():
                raise Misconfigured(f"deeds.{place}: expected an item or words, got neither")
        return [
            Event(float(place), EventKind(deed.kind), deed.item, text=(deed.text or "").strip())
            for place, deed in enumerate(deeds, 1)
        ]
