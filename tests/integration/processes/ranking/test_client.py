"""The side of whoever asks, with the real process that ranks: what it needs, what it survives, what it lets go of."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from client import RecommendOptions
from client.ranking import RankingClient
from client.ranking.client import DECISIONS
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured, NotYet
from tests.support.places import make_place
from tests.support.tiny import person

ROOT = Path(__file__).parents[4]
HEAVY = ("flwr", "opacus", "peft", "transformers", "dp_accounting", "scipy", "sympy", "torch._dynamo")
PLAIN = RecommendOptions()


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny):
    place = make_place(tmp_path_factory.mktemp("devices") / "device")
    place.install(tiny.moved()[0])
    return place


@pytest.fixture(scope="module")
def store(place):
    with place.store() as store:
        store.append(person(0, 6))
        yield store


@pytest.fixture(scope="module")
def shared_ranker(place, store):
    ranker = RankingClient(place.home, place.data_key, store.controls)
    yield ranker
    ranker.close()


@pytest.fixture
def ranker(shared_ranker):
    return shared_ranker


def items(ranker, count=5):
    return [offer["item"] for offer in ranker.recommend(count, PLAIN)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_process_that_ranks_answers_and_is_kept(ranker, store):
    first = items(ranker)
    pid = ranker.pid
    assert len(first) == 5
    assert ranker.explain(first[0])["rank"] == 1
    store.append([Event(100.0, EventKind.DISMISSAL, first[0])])
    assert first[0] not in items(ranker)
    assert len(ranker.rank_text("a rose for the garden", 3)) == 3
    assert ranker.pid == pid
    with pytest.raises(Misconfigured, match="not in the catalogue"):
        ranker.explain("nothing")


def test_a_decision_is_in_the_store_when_it_is_answered(ranker, store, place):
    name = ranker.interests()["concepts"][0]["name"]
    ranker.control(name, "mute")
    assert name in store.controls[DECISIONS]
    assert next(concept for concept in ranker.interests()["concepts"] if concept["name"] == name)["muted"]
    ranker.control(name, "clear")
    assert store.controls[DECISIONS] == "[]"
    with pytest.raises(Misconfigured, match="expected the store's controls"):
        RankingClient(place.home, place.data_key).control(name, "mute")


def test_a_process_that_was_killed_is_started_again_once(ranker):
    before, pid = items(ranker), ranker.pid
    os.kill(pid, signal.SIGKILL)
    assert items(ranker) == before
    assert ranker.pid != pid


def test_after_a_deletion_no_process_remembers(ranker, store):
    items(ranker)
    pid = ranker.pid
    store.delete_all()
    ranker.forget()
    assert not alive(pid)
    assert ranker.interests()["events"] == 0


def test_several_threads_may_ask_and_the_end_is_final(place, store):
    ranker = RankingClient(place.home, place.data_key, store.controls)
    told = []
    threads = [threading.Thread(target=lambda: told.append(items(ranker))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 6
    assert len({tuple(answer) for answer in told}) == 1
    pid = ranker.pid
    ranker.close()
    assert not alive(pid)
    with pytest.raises(NotYet, match="stopping"):
        items(ranker)


def test_without_a_release_no_process_is_started(tmp_path):
    empty = make_place(tmp_path / "device")
    ranker = RankingClient(empty.home, empty.data_key)
    with pytest.raises(NotYet, match="no release is installed yet"):
        items(ranker)
    assert ranker.pid is None
    assert repr(ranker) == "RankingClient(idle)"


def test_an_idle_process_ends_and_gives_its_memory_back(tmp_path, tiny):
    short = make_place(tmp_path / "device", ranker_idle_seconds=2.0)
    short.install(tiny.moved()[0])
    ranker = RankingClient(short.home, short.data_key)
    items(ranker)
    pid, until = ranker.pid, time.monotonic() + 30
    while ranker.pid is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert pid is not None
    assert not alive(pid)


RANKS = """
import sys
from pathlib import Path
from client.home import Home
from client.recommender import RecommendOptions
{ask}
print(*sorted(set(sys.modules) & set({heavy!r})))
"""


@pytest.mark.parametrize(
    ("ask", "heavy"),
    [
        (
            "from client.ranking.worker import RankingWorker\n"
            "ranking = RankingWorker(home := Home.open(Path(sys.argv[1])), home.keys.data_key())\n"
            "assert len(ranking.recommend(5, RecommendOptions(), (), None)) == 5\n"
            "assert len(ranking.rank_text('a rose', 5)) == 5\n"
            "assert ranking.explain('garden-0') and ranking.interests()",
            HEAVY,
        ),
        (
            "from client.ranking import RankingClient\n"
            "ranker = RankingClient(home := Home.open(Path(sys.argv[1])), home.keys.data_key())\n"
            "assert len(ranker.recommend(5, RecommendOptions())) == 5\n"
            "ranker.close()",
            (*HEAVY, "torch", "safetensors.torch", "tokenizers"),
        ),
    ],
    ids=["who ranks", "who asks"],
)
def test_ranking_needs_neither_flower_nor_opacus_nor_peft_and_asking_needs_no_model(place, ask, heavy):
    program = RANKS.format(ask=ask, heavy=heavy)
    run = subprocess.run(
        [sys.executable, "-c", program, str(place.home.directory)], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.stdout.strip(), run.returncode) == ("", 0), run.stderr
