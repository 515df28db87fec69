"""Receipts: only the operator's word on this device counts, and a smaller one takes nothing back."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.receipts import Receipts
from shared.enrolment import Receipt, sign_receipt
from shared.errors import Corrupt, NotYet
from tests.unit.client.test_budget_guard import federation, membership

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
DEVICE = b"\x03" * 16


class Server:
    def __init__(self):
        self.receipt = sign_receipt(KEY, DEVICE, {}, 5)
        self.given = []
        self.takes_back = None

    def get(self, path, largest_bytes):
        assert path == "/v1/receipt"
        return self.receipt.encode()

    def post(self, path, content, largest_bytes):
        assert path == "/v1/held/receipt"
        self.given.append(Receipt.decode(content))
        if self.takes_back is None:
            raise NotYet("away")
        return self.takes_back.encode()

    def has(self, **answers):
        self.receipt = sign_receipt(KEY, DEVICE, answers, 5)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def receipts(tmp_path):
    operator = KEY.public_key().public_bytes_raw().hex()
    held = membership(federation()).model_copy(update={"operator": operator, "answers_before": {"update": 4}})
    return Receipts(tmp_path / "receipt.json", held)


def test_the_largest_receipt_is_kept(receipts, server):
    assert receipts.known() == {}
    for had, expected in (
        ({"update": (2, 9)}, {"update": (6, 9)}),
        ({"update": (3, 11), "statistics": (1, 0)}, {"update": (7, 11), "statistics": (1, 0)}),
        ({"update": (1, 2)}, {"update": (7, 11), "statistics": (1, 0)}),
        ({}, {"update": (7, 11), "statistics": (1, 0)}),
    ):
        server.has(**had)
        receipts.update(server)
        assert receipts.known() == expected


def test_a_server_that_says_less_is_given_back_what_it_signed(receipts, server):
    server.has(update=(3, 11), statistics=(1, 0))
    receipts.update(server)
    mine = receipts.kept()
    assert server.given == []
    server.has(update=(4, 7))  # restored, and asked since: a count grew, another is lost
    server.takes_back = sign_receipt(KEY, DEVICE, {"update": (4, 11), "statistics": (1, 0)}, 6)
    receipts.update(server)
    assert server.given == [mine]
    assert receipts.kept() == server.takes_back


def test_a_receipt_that_cannot_be_given_back_goes_on_to_count(receipts, server):
    server.has(update=(3, 11))
    receipts.update(server)
    server.has(update=(2, 9))
    receipts.update(server)
    server.takes_back = sign_receipt(Ed25519PrivateKey.generate(), DEVICE, {"update": (9, 12)}, 6)
    receipts.update(server)
    assert receipts.known() == {"update": (7, 11)}


@pytest.mark.parametrize("evil", ["another operator", "another device", "more than was signed", "a task less"])
def test_what_the_operator_did_not_sign_for_this_device_is_refused_and_changes_nothing(receipts, server, evil):
    server.has(update=(2, 9))
    receipts.update(server)
    good = sign_receipt(KEY, DEVICE, {"update": (5, 12), "evaluation": (1, 10)}, 6)
    server.receipt = {
        "another operator": sign_receipt(Ed25519PrivateKey.generate(), DEVICE, good.answers, 6),
        "another device": sign_receipt(KEY, bytes(16), good.answers, 6),
        "more than was signed": good.model_copy(update={"answers": good.answers | {"update": (6, 12)}}),
        "a task less": good.model_copy(update={"answers": {"update": (5, 12)}}),
    }[evil]
    with pytest.raises(Corrupt, match="expected the operator's word on this device"):
        receipts.update(server)
    assert receipts.known() == {"update": (6, 9)}


def test_a_damaged_receipt_is_none_and_the_next_one_takes_its_place(receipts, server, tmp_path):
    (tmp_path / "receipt.json").write_bytes(b"{}")
    assert receipts.kept() is None
    server.has(update=(1, 1))
    receipts.update(server)
    assert receipts.kept() == server.receipt
    assert Receipt.decode((tmp_path / "receipt.json").read_bytes()) == server.receipt


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"device":"","answers":{},"seconds":0,"signature":""}', b"x" * 2000]
)
def test_what_is_no_receipt_is_corrupt(content):
    with pytest.raises(Corrupt, match="receipt: expected"):
        Receipt.decode(content)
