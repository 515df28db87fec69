"""A federation whose terms are changed while it trains: the chain and the training go on, and devices choose."""

import json
from dataclasses import dataclass, field

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp
from typer.testing import CliRunner

from server.cli import app
from server.doctor.replay import check_replay
from server.releases import terms_path
from server.training import prepare_amendment, publish_amendment, read_rounds
from server.training.checkpoint import TrainingId, load_checkpoint
from shared.errors import Misconfigured, NotYet
from shared.federation import read_federation, write_toml
from tests.integration.federation.training.test_runner import Operated, device, operate, operated

__all__ = ["operated"]  # the fixture


def amend(operated, *settings):
    return publish_amendment(operated.home, prepare_amendment(operated.home, settings))


def vectors(operated):
    return [operated.releases.load(link.release).vector.tobytes() for link in operated.releases.all()]


@dataclass
class Choosing(Operated):
    """The same server, with devices of which each has accepted the terms of some digests only."""

    accepted: dict = field(default_factory=dict)

    def app(self):
        inner, app = super().app(), ClientApp()

        @app.query("hello")
        def hello(message, context):
            return inner(message, context)

        @app.train("plain")
        def plain(message, context):
            if message.content["round"]["federation"] in self.accepted.get(device(context), ()):
                return inner(message, context)
            return Message(RecordDict({"answer": ConfigRecord({"status": "refused"})}), reply_to=message)

        return app


def test_a_federation_amended_twice_goes_on_with_devices_on_all_three_versions(tiny, tmp_path):
    operated = operate(tiny, tmp_path, "training.clients_per_round=5")
    choosing = Choosing(operated.home, operated.layout, operated.file, operated.asked)
    names = [device(Context(place)) for place in range(5)]
    first = operated.file.digest()
    choosing.accepted = {name: {first} for name in names}
    choosing.train(2)
    amend(operated, "windows.negatives=7", "training.rounds=8")
    second = operated.home.federation().digest()
    for name in names[1:]:  # the first device never accepts anything
        choosing.accepted[name].add(second)
    choosing.train(4)
    amend(operated, "training.local_learning_rate=0.5")
    third = operated.home.federation().digest()
    for name in names[2:]:
        choosing.accepted[name].add(third)
    choosing.train(8)
    rows = [row for row in read_rounds(operated.home) if row["task"] == "update"]
    assert [row["number"] for row in rows] == list(range(1, 9))
    assert [(row["answered"], row["refused"]) for row in rows] == [(5, 0)] * 2 + [(4, 1)] * 2 + [(3, 2)] * 4
    assert operated.whys() == [
        "release zero",
        "popularity",
        "after round 2",
        "amended: training.rounds, windows.negatives",
        "after round 4",
        "amended: training.local_learning_rate",
        "after round 8",
    ]
    made = vectors(operated)
    assert made[2] == made[3] != made[4] == made[5] != made[6]
    assert check_replay(operated.home) == ""


class Context:
    """What tells a device its place."""

    def __init__(self, place):
        self.node_config = {"partition-id": place}


def test_the_server_s_own_step_is_taken_under_the_new_terms_and_replayed_so(operated, tmp_path):
    operated.train(2)
    before = vectors(operated)[-1]
    amend(operated, "optimizer.learning_rate=1e-30")
    operated.train(3)
    assert operated.releases.load(operated.releases.head().release).vector.tobytes() == before
    assert check_replay(operated.home) == ""
    amend(operated, "optimizer.learning_rate=0.5")
    operated.train(4)
    assert operated.releases.load(operated.releases.head().release).vector.tobytes() != before
    assert check_replay(operated.home) == ""


def test_a_checkpoint_goes_on_under_terms_that_came_after_its_own_and_under_no_others(operated):
    operated.train(1)
    path, zero = operated.home.training / "checkpoint.safetensors", operated.releases.start()
    later = TrainingId("ab" * 32, zero, 0, operated.layout.size)
    for earlier in ((), {"cd" * 32}):
        with pytest.raises(Misconfigured, match="belongs to another training"):
            load_checkpoint(path, later, earlier)
    assert load_checkpoint(path, later, {"cd" * 32, operated.file.digest()}).identity == later


def test_broken_off_between_file_and_publication_it_is_done_again(operated, monkeypatch):
    operated.train(1)
    links = operated.releases.all()
    amendment = prepare_amendment(operated.home, ["training.rounds=9"])
    assert [(change.key, change.before, change.after) for change in amendment.changes] == [("training.rounds", 4, 9)]
    assert amendment.asked == ()
    with monkeypatch.context() as patch:
        patch.setattr("server.releases.releases.ChainFile.append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_amendment(operated.home, amendment)
    assert operated.releases.all() == links
    with pytest.raises(Misconfigured, match=r"got a changed file; publish it with `hushrec-server amend"):
        operated.train(2)
    amend(operated)
    assert operated.releases.head().federation == operated.home.federation().digest()
    operated.train(2)
    assert prepare_amendment(operated.home).changes == ()


def test_what_would_break_the_training_or_a_promise_is_refused_and_nothing_is_written(operated):
    operated.train(1)
    file, links = operated.home.federation_path.read_bytes(), operated.releases.all()
    for setting, words in (
        ("model.concepts=5", "shape"),
        ("windows.events=5", "promised"),
        ("privacy.local_noise=off", "promised"),
        ("name=another", "joined"),
        ("sum.corrupt_share=0.05", "promised"),
    ):
        with pytest.raises(Misconfigured, match=rf"^{setting.partition('=')[0]}: expected .*{words}"):
            prepare_amendment(operated.home, [setting])
    assert (operated.home.federation_path.read_bytes(), operated.releases.all()) == (file, links)


def test_a_second_publisher_is_noticed_before_anything_is_written(operated):
    operated.train(1)
    amendment = prepare_amendment(operated.home, ["training.rounds=9"])
    operated.train(2)
    file = operated.home.federation_path.read_bytes()
    with pytest.raises(NotYet, match="got a newer one; look again"):
        publish_amendment(operated.home, amendment)
    assert operated.home.federation_path.read_bytes() == file
    operated.train(3)


@pytest.mark.parametrize("kept", ["update-2", "update-2-2", "evaluation-2", "statistics-0"])
def test_what_devices_have_answered_is_not_asked_again_under_other_terms(operated, kept):
    """A sum that is recorded, and from which training has not gone on, when the server is ended between the two."""
    sums = operated.home.training / "sums"
    if kept.startswith("statistics"):
        sums.mkdir()
    else:
        operated.train(1)
    (sums / f"{kept}.safetensors").write_bytes(b"a sum")
    amendment = prepare_amendment(operated.home, ["training.rounds=9"])
    with pytest.raises(NotYet, match=rf"got {kept}.safetensors, which waits for it"):
        publish_amendment(operated.home, amendment)
    (sums / f"{kept}.safetensors").unlink()
    publish_amendment(operated.home, amendment)


def test_the_terms_that_count_are_those_of_the_newest_release(operated):
    operated.home.federation_path.write_text("a draft")
    assert terms_path(operated.home).read_bytes() == write_toml(operated.file).encode()
    operated.home.chain.unlink()
    assert terms_path(operated.home) == operated.home.federation_path


def test_a_card_goes_on_telling_what_was_promised_to_those_who_taught_it(operated):
    operated.train(2)
    amend(operated, "training.rounds=6", "round.minimum_answers=3")
    amended = operated.releases.load(operated.releases.head().release).card
    assert "## Terms from here on" in amended
    assert amended.index("## What was promised") < amended.index("## Terms from here on")
    operated.train(4)
    amend(operated, "training.rounds=8")
    operated.train(6)
    card = operated.releases.load(operated.releases.head().release).card
    assert "## Terms from here on" not in card
    assert card.count("## Earlier terms") == 1
    assert card.count("Some of what it learnt was promised by these:") == 2


def test_an_abandoned_release_does_not_come_back_by_an_amendment(operated):
    operated.train(1)
    good = operated.releases.all()[-1].release
    operated.train(2)
    operated.releases.rollback(good)
    amend(operated, "training.rounds=9")
    operated.train(2)
    assert operated.whys()[-1] == "amended: training.rounds"
    assert vectors(operated)[-1] == operated.releases.load(good).vector.tobytes()


def test_a_release_of_the_terms_before_counts_again_only_once_its_terms_do(operated):
    operated.train(1)
    old = operated.releases.all()[-1]
    amend(operated, "training.rounds=9")
    with pytest.raises(Misconfigured, match="one of the terms before"):
        operated.releases.rollback(old.release)
    terms = operated.home.releases / old.release / "federation.toml"
    operated.home.federation_path.write_bytes(terms.read_bytes())
    amend(operated)
    assert operated.home.federation() == read_federation(terms)
    assert operated.releases.rollback(old.release).sequence == old.sequence + 3
    amend(operated, "training.rounds=9")  # a release that was published before counts once more
    assert operated.releases.head().sequence == old.sequence + 4
    assert operated.releases.head().release == operated.releases.all()[old.sequence].release


def test_terms_are_shown_before_they_are_published(operated):
    def call(*given):
        return CliRunner().invoke(app, ["amend", str(operated.home.directory), *given])

    change = ("--set", "training.rounds=7", "--set", "windows.negatives=9")
    shown = call(*change)
    rows = [line.split() for line in shown.stdout.splitlines()[1:]]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("training.rounds", "7", "no"),
        ("windows.negatives", "9", "yes"),
    ]
    assert "add --publish" in shown.stderr
    assert operated.whys() == ["release zero"]
    done = json.loads(call(*change, "--publish", "--json").stdout.splitlines()[-1])
    assert (done["sequence"], [one["asked"] for one in done["changes"]]) == (2, [False, True])
    assert operated.whys() == ["release zero", "amended: training.rounds, windows.negatives"]
    assert operated.home.federation().training.rounds == 7
    assert "nothing to publish" in call().stdout
    assert call("--set", "model.concepts=3").exit_code == 2
