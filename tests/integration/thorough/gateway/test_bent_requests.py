"""Thousands of bent requests: each gets fixed words and reaches nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.asking_gateway import Person, ask, said
from tests.support.house import House, make_house

PATHS = [
    "/health", "/v1/authority", "/v1/join", "/v1/join/offer", "/v1/renew", "/v1/revocations", "/v1/releases/chain",
    f"/v1/releases/{'a' * 64}/manifest.json", "/v1/fleet/pull-messages", "/v1/fleet/push-object",
    "/v1/control/start-run", "/v1/rejoin", "/v1/receipt", "/v1/held/publication", "/v1/held/revocations",
    "/v1/held/receipt",
]  # fmt: skip
NAMES = [
    b"authorization", b"content-length", b"content-type", b"transfer-encoding", b"flwr-public-key", b"flwr-signature",
    b"flwr-timestamp", b"host", b"cookie", b"range", b"expect",
]  # fmt: skip
some_bytes = st.binary(max_size=200)
paths = st.one_of(
    st.sampled_from(PATHS).map(str.encode),
    st.tuples(st.sampled_from(PATHS).map(str.encode), some_bytes).map(b"".join),
    some_bytes,
)
jsons = st.recursive(st.none() | st.integers() | st.text(max_size=30), lambda inner: st.lists(inner, max_size=3)).map(
    lambda value: str({"code": value}).replace("'", '"').encode("utf-8", "replace")
)


@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    path=paths,
    query=st.just(b"") | some_bytes,
    headers=st.lists(st.tuples(st.sampled_from(NAMES), some_bytes), max_size=4),
    known=st.booleans(),
    body=st.binary(max_size=300) | jsons,
)
def test_bent_requests_get_fixed_words_and_reach_nothing(
    bent_house: tuple[House, Person], method, path, query, headers, known, body
) -> None:
    house, member = bent_house
    reached, registered = len(house.superlink.seen), len(house.control.registered)
    if known:
        headers = [*headers, *member.fleet()[:3], member.signed(method, path.decode("latin-1"))]
    answer = ask(house.app, method, path, headers, body, query=query)
    assert answer.status < 500
    assert answer.status == 200 or said(answer)
    assert len(house.control.registered) == registered
    if not known or (b"content-type", b"application/protobuf") not in headers:
        assert len(house.superlink.seen) == reached


@pytest.fixture(scope="module")
def bent_house(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Person]:
    house = make_house(tmp_path_factory.mktemp("bent"))
    return house, house.joined()
