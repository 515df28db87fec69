"""Orders: what may be asked for, and when it is done."""

import threading
import time
from pathlib import Path

import pytest

from server.home import Home, create_server
from server.instance_lock import instance_lock, is_up
from server.training.jobs import (
    TrainingJob,
    TrainingProgress,
    complete_job,
    current_job,
    pending_job,
    read_progress,
    submit_job,
    wait_for_job,
)
from server.training.progress import write_progress
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.files import write_atomically
from tests.support.asking_gateway import Person


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = create_server(tmp_path / "server")
    made.chain.write_bytes(b"a link\n")
    return made


def trained(home: Home, rounds: int) -> None:
    content = f'{{"round": {rounds}, "more": "than is read"}}'.encode()
    write_atomically(home.training / "progress.json", content)  # as trainings do: it is read all the while


def test_a_server_is_up_as_long_as_one_holds_its_lock(home: Home) -> None:
    assert not is_up(home)
    with instance_lock(home):
        assert is_up(home)
        with pytest.raises(NotYet, match="stop it first"), instance_lock(home):
            pass
        assert is_up(home)
    assert not is_up(home)


def test_rounds_are_asked_for_of_a_server_that_is_up_and_has_a_release(home: Home) -> None:
    with pytest.raises(NotYet, match="hushrec-server up"):
        submit_job(home, 1)
    with instance_lock(home):
        order = submit_job(home, 2)
        assert (order.until, current_job(home), pending_job(home)) == (2, order, order)
        home.chain.unlink()
        with pytest.raises(NotYet, match="hushrec-server catalogue"):
            submit_job(home, 1)


def test_orders_add_up_from_what_is_done_or_ordered(home: Home) -> None:
    allowed = home.federation().training.rounds
    with instance_lock(home):
        first = submit_job(home, 2)
        second = submit_job(home, 3)
        assert (second.until, pending_job(home)) == (5, second)
        complete_job(home, first)
        assert pending_job(home) == second
        complete_job(home, second)
        assert pending_job(home) is None
        trained(home, 5)
        assert submit_job(home, 1).until == 6
        with pytest.raises(
            Misconfigured, match=rf"at most {allowed - 6} more.*or raise it: hushrec-server amend .*rounds=106"
        ):
            submit_job(home, allowed)
        assert submit_job(home, allowed - 6).until == allowed
        with pytest.raises(Misconfigured, match="at most 0 more"):
            submit_job(home, 1)
        with pytest.raises(Misconfigured, match="count of 1"):
            submit_job(home, 0)


def test_an_order_counts_from_what_devices_have_answered_where_the_training_was_put_back(home: Home) -> None:
    person, now = Person(), time.time()
    with home.registry() as registry:
        request = person.request(registry.invite(now, 1))
        registry.join(request.code, request.device_key, request.node_key, now, 1, home.certify)
        registry.take_answers(person.device, {"update": (3, 7)})
    trained(home, 5)
    with instance_lock(home):
        assert submit_job(home, 2).until == 9


def test_a_training_that_evaluations_ended_takes_no_further_order(home: Home) -> None:
    with instance_lock(home):
        write_progress(home, [], 4, 10, "a release", worse=2)
        with pytest.raises(Misconfigured, match=r"stopped after round 4: 2 evaluations in a row.*patience=3 --publish"):
            submit_job(home, 1)
        text = home.federation_path.read_text()
        home.federation_path.write_text(text.replace("\npatience = 2", "\npatience = 3"))
        assert submit_job(home, 1).until == 5


def test_following_tells_each_round_and_ends_with_the_order(home: Home) -> None:
    heard: list[int] = []
    with instance_lock(home):
        order = submit_job(home, 2)

        def train() -> None:
            for rounds in (1, 2):
                trained(home, rounds)
                time.sleep(1.2)
            complete_job(home, order)

        training = threading.Thread(target=train)
        training.start()
        assert wait_for_job(home, order, lambda now: heard.append(now.round)) == TrainingProgress(round=2)
        training.join()
    assert [rounds for rounds in heard if rounds] == [1, 2]


def test_following_a_server_that_goes_down_says_how_far_it_came(home: Home) -> None:
    with instance_lock(home):
        order = submit_job(home, 3)
        trained(home, 1)
    with pytest.raises(NotYet, match="after 1 of 3 rounds"):
        wait_for_job(home, order)
    assert pending_job(home) == order


def test_a_later_order_includes_an_earlier_one(home: Home) -> None:
    with instance_lock(home):
        first = submit_job(home, 1)
        complete_job(home, TrainingJob(until=5, ordered_seconds=first.ordered_seconds + 1))
        wait_for_job(home, first)


def test_a_damaged_file_is_named(home: Home) -> None:
    (home.training / "order.json").write_text("{}")
    with pytest.raises(Corrupt, match=r"order\.json: expected until, ordered_seconds"):
        pending_job(home)
    trained(home, -1)
    with pytest.raises(Corrupt, match=r"progress\.json"):
        read_progress(home)
