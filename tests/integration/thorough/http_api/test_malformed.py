"""Five thousand malformed requests: the local API neither falls over nor says a word of its own or of the person's.

An error body holds fixed words, names of documented fields and rules, and nothing else. A marker text lies in the store
and in the requests; it must stand in no error.
"""

import json
import re
from collections import Counter
from contextlib import suppress

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from client.facade import DeviceFacade
from client.facade.records import EventRecord, FeedbackRecord, RecommendRequest, SearchRequest
from client.http_api import make_api
from client.http_api.errors import MEANING, STATUS
from client.store import Store
from shared.behaviour import Event, EventKind
from tests.support.asking_device import HOST, NEEDED, TOKEN, Asking
from tests.support.fakes import FakeRanking

IN_STORE, SENT = "zebra-crossing-in-the-store", "violet-umbrella-that-was-sent"
FIELDS = {"events", "feedback", "action", "ids", "request", *(
    name for record in (EventRecord, FeedbackRecord, RecommendRequest, SearchRequest) for name in record.model_fields
)}  # fmt: skip
QUIET = {"database": None, "deadline": None, "derandomize": True, "phases": (Phase.generate,)}
NO_CHECKS = list(HealthCheck)


class Watched:
    """The API, and the statuses that it answered."""

    def __init__(self, asking):
        self.asking, self.statuses = asking, Counter()

    @property
    def refused(self):
        return sum(count for status, count in self.statuses.items() if status >= 400)

    def ask(self, method, target, content, headers):
        answer = self.asking.ask(method, target, content, headers)
        self.statuses[answer.status] += 1
        assert answer.status < 500, f"{method}: {answer.status}"
        if answer.status != 200:
            said_in_fixed_words(answer.status, answer.body)
        return answer


def said_in_fixed_words(status, body):
    text = body.decode("ascii")
    for word in (IN_STORE, SENT, "Traceback", ".py", "/v1", "/"):
        assert word not in text.replace("HTTP/1.1", ""), text
    said = json.loads(text)
    assert set(said) <= {"error", "meaning", "fields"}
    assert said["meaning"] == MEANING[said["error"]]
    assert STATUS[said["error"]] == status
    for field in said.get("fields", ()):
        assert set(field) == {"field", "rule"}
        assert all(part.isdigit() or part in FIELDS for part in field["field"].split(".")), field
        assert re.fullmatch("[a-z_]+", field["rule"])


@pytest.fixture
def api(tmp_path):
    with Store.open(tmp_path / "store.sqlite", b"k" * 32) as store:
        facade = DeviceFacade(store, FakeRanking(store), lambda: {"note": IN_STORE}, lambda: 1_800_000_000.0)
        store.append([Event(1.0, EventKind.SEARCH, IN_STORE, IN_STORE)])
        store.controls["interests"] = IN_STORE
        asking = Asking(make_api(facade, TOKEN, {HOST}))
        yield Watched(asking)
        asking.close()


texts = st.one_of(
    st.just(SENT),
    st.just(IN_STORE),
    st.text(max_size=20),
    st.sampled_from(["click", "shown", "mute", "music-0", "garden", "", "\x00", "\ud800", "..", "%", "a" * 300]),
)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, -1, 10**400, 2**63, 1e308, 1_800_000_000, 1_900_000_000])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
names = st.one_of(st.sampled_from(sorted(FIELDS)), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6)),
    max_leaves=5,
)
near_events = st.fixed_dictionaries(
    {"kind": st.one_of(st.just("click"), values), "item": st.one_of(st.just(SENT), values)},
    optional={name: values for name in EventRecord.model_fields if name not in ("kind", "item")},
)
near_feedback = st.fixed_dictionaries(
    {"action": st.one_of(st.just("rated"), values), "item": st.one_of(st.just(SENT), values)},
    optional={name: values for name in FeedbackRecord.model_fields if name not in ("action", "item")},
)
near_bodies = st.one_of(
    values,
    st.fixed_dictionaries({"events": st.one_of(values, st.lists(near_events, max_size=3))}),
    st.fixed_dictionaries({"feedback": st.one_of(values, st.lists(near_feedback, max_size=3))}),
    st.fixed_dictionaries({"action": values}),
)


def as_json(value):
    return json.dumps(value).encode()


@st.composite
def cut(draw):
    """JSON that breaks off, or has a byte changed."""
    whole = draw(near_bodies.map(as_json))
    place = draw(st.integers(0, len(whole)))
    return whole[:place] + draw(st.one_of(st.just(b""), st.binary(max_size=3).map(lambda other: other + whole[place:])))


bodies = st.one_of(
    near_bodies.map(as_json),
    cut(),
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"[" * 50_000, b'{"events":' * 5_000, b"1" * 10_000, b'{"events":[NaN]}', SENT.encode(), b"\xff\xfe"]
    ),
    st.lists(st.binary(max_size=20), min_size=2, max_size=4),
)
octets = st.binary(max_size=30)
segments = st.one_of(
    octets.map(lambda raw: "".join(f"%{byte:02x}" for byte in raw).encode()),
    st.sampled_from(
        [b"v1", b"events", b"items", b"explanation", b"interests", b"..", b"", SENT.encode(), IN_STORE.encode()]
    ),
)
places = st.one_of(
    st.sampled_from(
        [
            b"/v1/events",
            b"/v1/recommendations",
            b"/v1/feedback",
            b"/v1/interests",
            b"/v1/privacy",
            b"/v1/export",
            b"/v1/health",
            b"/openapi.json",
            b"/",
            b"*",
            b"//",
            b"/v1/items//explanation",
        ]
    ),
    segments.map(lambda item: b"/v1/items/" + item + b"/explanation"),
    segments.map(lambda name: b"/v1/interests/" + name),
    st.lists(segments, max_size=5).map(lambda parts: b"/" + b"/".join(parts)),
)
pairs = st.tuples(
    st.one_of(
        st.sampled_from([name.encode() for name in RecommendRequest.model_fields] + [b"ids", b"token"]), segments
    ),
    st.one_of(segments, st.sampled_from([b"1", b"-1", b"nan", b"1e999", b"hour:08", b"true", b"hybrid", b"9" * 5_000])),
).map(b"=".join)
queries = st.one_of(st.just(b""), st.lists(pairs, max_size=5).map(b"&".join), octets)
field_values = st.one_of(
    st.sampled_from([b"application/json", b"text/plain", b"application/json; charset=utf-16", b"*/*"]), octets
)
extra_headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"content-type",
                b"content-length",
                b"content-encoding",
                b"transfer-encoding",
                b"accept",
                b"cookie",
                b"origin",
                b"x-forwarded-host",
                b"forwarded",
                b"range",
                b"if-none-match",
                b"expect",
                b"x-http-method-override",
            ]
        ),
        field_values,
    ),
    max_size=3,
)
identities = st.one_of(
    st.just(NEEDED),
    st.just(NEEDED),
    st.just(NEEDED),
    st.lists(
        st.one_of(
            st.sampled_from(NEEDED),
            st.tuples(st.sampled_from([b"host", b"authorization"]), st.one_of(octets, st.just(SENT.encode()))),
        ),
        max_size=4,
    ),
)
METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", SENT)


def test_bodies_that_are_nearly_right_or_far_from_it(api):
    typed = [*NEEDED, (b"content-type", b"application/json")]

    @settings(max_examples=600, suppress_health_check=NO_CHECKS, **QUIET)
    @given(bodies)
    def send(body):
        for path in ("/v1/events", "/v1/feedback", "/v1/interests/garden"):
            api.ask("POST", path, body, typed)
        api.ask("POST", "/v1/events", body, NEEDED)

    send()
    assert api.refused >= 2_300
    assert {400, 422} <= set(api.statuses)


def test_paths_queries_headers_and_methods_of_any_kind(api):
    @settings(max_examples=500, suppress_health_check=NO_CHECKS, **QUIET)
    @given(places, queries, identities, extra_headers, bodies)
    def send(place, query, identity, headers, body):
        for method in METHODS:
            api.ask(method, place + b"?" + query, body, [*identity, *headers])

    send()
    assert api.refused >= 2_700
    assert {200, 401, 404, 405, 421, 422} <= set(api.statuses)


@pytest.mark.filterwarnings("ignore")  # of the generator
def test_whatever_can_be_made_of_the_openapi_document(api):
    schema = schemathesis.openapi.from_dict(api.ask("GET", "/openapi.json", b"", NEEDED).json())
    for result in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            with suppress(Unsatisfiable):  # nothing can be wrong about a place that takes nothing
                _exchange_many(api, result.ok(), mode)
    assert api.refused >= 100
    assert {200, 404, 422} <= set(api.statuses)


def _exchange_many(api, operation, mode):
    @settings(max_examples=15, suppress_health_check=NO_CHECKS, **QUIET)
    @given(operation.as_strategy(generation_mode=mode))
    def send(case):
        sent = requests.Request(**case.as_transport_kwargs(base_url=f"http://{HOST}")).prepare()
        content = sent.body or b""
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        headers = [
            (name.lower().encode("latin-1", "replace"), str(value).encode("latin-1", "replace"))
            for name, value in sent.headers.items()
            if name.lower() != "authorization"
        ]
        api.ask(sent.method, sent.path_url, content, [*NEEDED, *headers])

    send()
