"""The facade of a device that is up, reached through its local API. It speaks to loopback only."""

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from client.facade import Decision, EventRecord, RecommendRequest, SearchRequest
from shared.arrays import JsonObject
from shared.errors import Misconfigured, NotYet, Refused, StorageFailed

_SECONDS = 120.0  # the first ranking loads the model
_IDS_AT_ONCE = 500


class RemoteDesk:
    """Answers as `client.facade.DeviceFacade` does."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host, self._port, self._token = host, port, token

    def __repr__(self) -> str:
        return f"RemoteDesk({self._host}:{self._port})"

    def alive(self) -> bool:
        """Whether somebody answers there as a device would."""
        try:
            status, answer = self._exchange("GET", "/v1/health", None, 2.0, token=False)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return status == 200 and answer.get("ok") is True

    def log(self, records: Sequence[EventRecord]) -> JsonObject:
        """Send events to be written; see `DeviceFacade.log`."""
        events = [record.model_dump(mode="json", exclude_defaults=True) for record in records]
        return self._ask("POST", "/v1/events", {"events": events})

    def recommend(self, wish: RecommendRequest) -> JsonObject:
        """Ask for the best items; see `DeviceFacade.recommend`."""
        query = urlencode(wish.model_dump(mode="json", exclude_defaults=True), doseq=True)
        return self._ask("GET", f"/v1/recommendations?{query}")

    def search(self, wanted: SearchRequest) -> JsonObject:
        """Ask for the items that suit a sentence; see `DeviceFacade.search`."""
        return self._ask("POST", "/v1/search", wanted.model_dump(mode="json"))

    def explain(self, item: str) -> JsonObject:
        """Ask why an item ranks where it does; see `DeviceFacade.explain`."""
        return self._ask("GET", f"/v1/items/{quote(item, safe='')}/explanation")

    def interests(self) -> JsonObject:
        """Ask what the device makes of the log; see `DeviceFacade.interests`."""
        return self._ask("GET", "/v1/interests")

    def decide(self, name: str, decision: Decision) -> JsonObject:
        """Send a decision on a concept; see `DeviceFacade.decide`."""
        return self._ask("POST", f"/v1/interests/{quote(name, safe='')}", {"action": decision})

    def privacy(self) -> JsonObject:
        """Ask what was promised and spent; see `DeviceFacade.privacy`."""
        return self._ask("GET", "/v1/privacy")

    def forget(self, ids: Sequence[int] | None = None) -> JsonObject:
        """Have events deleted, in several requests where there are many ids; see `DeviceFacade.forget`."""
        if ids is None:
            return self._ask("DELETE", "/v1/events")
        parts = [ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE)]
        return {"deleted": sum(self._ask("DELETE", f"/v1/events?{_query(part)}")["deleted"] for part in parts)}

    def export(self) -> JsonObject:
        """Ask for everything that is kept of the person; see `DeviceFacade.export`."""
        return self._ask("GET", "/v1/export")

    def _ask(self, method: str, path: str, content: object = None) -> JsonObject:
        try:
            status, answer = self._exchange(method, path, content, _SECONDS)
        except (OSError, http.client.HTTPException, ValueError):
            raise NotYet("the device that is up does not answer; see its log, or stop it and call again") from None
        if status == 200:
            return answer
        meaning = str(answer.get("meaning", status))
        if status == 409:
            raise NotYet(f"not yet: {meaning}")
        if status == 403:
            raise Refused(f"refused: {meaning}", code="device-refuses")
        if status == 507:
            raise StorageFailed(f"the device that is up could not keep this: {meaning}")
        if status >= 500:
            raise NotYet(f"the device that is up cannot answer: {meaning}")
        wrong = "; ".join(f"{field['field']}: {field['rule']}" for field in answer.get("fields", []))
        raise Misconfigured(f"the device did not take this: {wrong or meaning}; change it and call again")

    def _exchange(
        self, method: str, path: str, content: object, seconds: float, token: bool = True
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            headers = {"Authorization": f"Bearer {self._token}"} if token else {}
            body = None
            if content is not None:
                headers["Content-Type"] = "application/json"
                body = json.dumps(content, ensure_ascii=False).encode()
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            if not isinstance(answer, dict):
                raise ValueError("expected a JSON object")
            return response.status, answer
        finally:
            connection.close()


def _query(ids: Sequence[int]) -> str:
    return urlencode({"ids": list(ids)}, doseq=True)
