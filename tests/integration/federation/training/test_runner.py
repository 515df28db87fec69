"""Training from a server's folder: what is published when, and what is left after a kill at any write."""

import hashlib
import json
import os
import time
from dataclasses import dataclass

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

import server.aggregation.recording
import server.releases.releases
import server.training.checkpoint
import server.training.progress
import server.training.runner
from server.aggregation.recording import read_sum, save_sum
from server.backup import back_up, restore
from server.catalogue import add_catalogue
from server.doctor.replay import check_replay, replay
from server.home import create_server
from server.releases import Releases
from server.training.checkpoint import TrainingId, load_checkpoint
from server.training.progress import read_rounds
from server.training.runner import run_training
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.federation import write_toml
from shared.release.publication import Publication
from simulations.devices import InProcessGrid
from simulations.engine import simulated_clock
from tests.support.asking_gateway import Person
from tests.support.tiny import catalogue

DEVICES, ROUNDS = 5, 4


@dataclass
class Operated:
    """A server with release zero, and devices that answer what a test wants of them."""

    home: object
    layout: object
    file: object
    asked: list

    @property
    def releases(self):
        return Releases(self.home)

    def whys(self):
        return [link.why for link in self.releases.all()]

    def train(self, until, devices=DEVICES):
        run_training(self.home, InProcessGrid(self.app(), devices), until, simulated_clock())

    def app(self):
        app = ClientApp()
        layout, asked = self.layout, self.asked

        @app.query("hello")
        def hello(message, context):
            return Message(RecordDict({"device": ConfigRecord({"id": device(context)})}), reply_to=message)

        @app.train("plain")
        def plain(message, context):
            record = message.content["round"]
            asked.append((record["task"], record["round"], record["release"], device(context)))
            place = int(context.node_config["partition-id"])
            length = 24 if record["task"] == "statistics" else layout.select(record["groups"]).size
            sent = message.content["model"]["vector"].numpy() if "model" in message.content else np.zeros(1)
            summand = np.sin(np.arange(length) * (1 + place) + 100 * sent.sum()).astype(np.float32)
            if record["task"] == "statistics":
                summand = np.float32(np.arange(length) % (place + 2) == 0)
            return Message(RecordDict({"summand": ArrayRecord({"vector": Array(summand)})}), reply_to=message)

        return app


def device(context):
    return hashlib.sha256(str(context.node_config["partition-id"]).encode()).hexdigest()[:32]


def items_file(folder, items):
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps({"id": i.id, "title": i.title, "text": i.text}) + "\n" for i in items))
    return path


def operate(tiny, folder, *settings):
    file = tiny.file("model.popularity=true", "privacy.level=none", f"training.rounds={ROUNDS}", *settings)
    home = create_server(folder / "server", federation=write_toml(file))
    add_catalogue(home, items_file(folder, catalogue()))
    return Operated(home, tiny.model().layout, file, [])


@pytest.fixture
def operated(tiny, tmp_path):
    return operate(tiny, tmp_path)


def vector_of(operated, link):
    return operated.releases.load(link.release).vector


def test_popularity_is_published_once_and_rounds_are_under_the_head(operated):
    operated.train(2)
    zero, popular, trained = operated.releases.all()
    assert operated.whys() == ["release zero", "popularity", "after round 2"]
    assert {(task, release) for task, _, release, _ in operated.asked} == {
        ("statistics", zero.release),
        ("update", popular.release),
    }
    assert operated.releases.load(popular.release).log_popularity.any()
    operated.train(ROUNDS)
    assert operated.whys() == ["release zero", "popularity", "after round 2", "after round 4"]
    assert {release for task, number, release, _ in operated.asked if number > 2} == {trained.release}
    assert sum(task == "statistics" for task, *_ in operated.asked) == DEVICES
    head = operated.releases.load(operated.releases.head().release)
    assert head.round_number == ROUNDS
    assert not np.array_equal(head.index, operated.releases.load(zero.release).index)  # the adapter moved
    identity = TrainingId(operated.file.digest(), zero.release, 0, operated.layout.size)
    assert load_checkpoint(operated.home.training / "checkpoint.safetensors", identity).state.round_number == ROUNDS


def test_the_head_is_what_the_recorded_sums_give_bit_for_bit(operated):
    for until in (1, 3, 4):
        operated.train(until)
    start = operated.releases.load(operated.releases.start())
    head = operated.releases.load(operated.releases.head().release)
    replayed = replay(start, operated.home.training)
    assert replayed.vector.tobytes() == head.vector.tobytes()
    assert (replayed.round_number, replayed.sums) == (4, 4)
    assert not np.array_equal(head.vector, start.vector)
    assert check_replay(operated.home) == ""
    operated.releases.rollback(operated.releases.all()[2].release)  # after round 1
    assert check_replay(operated.home) == ""
    assert replay(start, operated.home.training, 1).vector.tobytes() != head.vector.tobytes()


@pytest.mark.parametrize("change", ["last", "earlier", "missing", "bits", "swapped"])
def test_a_tampered_sum_is_noticed(operated, change):
    operated.train(3)
    sums = operated.home.training / "sums"
    path = sums / ("update-3.safetensors" if change == "last" else "update-2.safetensors")
    recorded = read_sum(path)
    if change in ("last", "earlier"):  # by somebody who makes the file's own digest right again
        recorded.total[0] += 1
        save_sum(path, recorded)
    elif change == "missing":
        path.unlink()
    elif change == "swapped":
        path.write_bytes((sums / "update-1.safetensors").read_bytes())
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    assert check_replay(operated.home)
    if change != "last":
        with pytest.raises(Corrupt):
            replay(operated.releases.load(operated.releases.start()), operated.home.training)


def kill_at(patch, at):
    """A process that is killed before its write of this number, counted from 1, over all files of a training."""
    writes = []

    def killed_first(write):
        def writing(*given):
            writes.append(given[0])
            if len(writes) == at:
                raise KeyboardInterrupt
            return write(*given)

        return writing

    for module in (
        server.aggregation.recording,
        server.training.checkpoint,
        server.training.progress,
        server.releases.releases,
    ):
        patch.setattr(module, "write_atomically", killed_first(module.write_atomically))
    chain = server.releases.releases.ChainFile
    patch.setattr(chain, "append", killed_first(chain.append))
    return writes


def test_killed_between_any_two_writes_the_next_start_goes_on_and_publishes_nothing_twice(
    operated, monkeypatch, tmp_path
):
    import shutil

    fresh = tmp_path / "fresh"
    shutil.copytree(operated.home.directory, fresh)
    with monkeypatch.context() as patch:
        total = len(kill_at(patch, 0))
        writes = kill_at(patch, 0)
        operated.train(2)
        total = len(writes)
    vector = vector_of(operated, operated.releases.head())
    assert total > 20
    for at in range(1, total + 1):
        shutil.rmtree(operated.home.directory)
        shutil.copytree(fresh, operated.home.directory)
        operated.asked.clear()
        with monkeypatch.context() as patch:
            kill_at(patch, at)
            with pytest.raises(KeyboardInterrupt):
                operated.train(2)
        operated.train(2)
        assert operated.whys() == ["release zero", "popularity", "after round 2"], at
        assert vector_of(operated, operated.releases.head()).tobytes() == vector.tobytes(), at
        assert check_replay(operated.home) == ""
        assert [row["number"] for row in read_rounds(operated.home)] == [0, 1, 2]
        rounds = {(task, number, who) for task, number, _, who in operated.asked}
        # only a sum that was not written yet is asked for again: at most one round
        again = len(operated.asked) - len(rounds)
        assert again in (0, 3, DEVICES), at


def test_a_finished_order_that_is_run_again_changes_nothing(operated):
    operated.train(2)
    chain = operated.home.chain.read_bytes()
    operated.asked.clear()
    operated.train(2)
    assert operated.home.chain.read_bytes() == chain
    assert operated.asked == []


def test_items_added_between_rounds_stay_and_the_next_rounds_are_under_them(operated, tmp_path):
    operated.train(1)
    from shared.catalogue import Item

    added = add_catalogue(operated.home, items_file(tmp_path, [Item("new", "hedge", "a hedge for the pond")]))
    assert (added.items, added.new) == (25, 1)
    operated.train(2)
    assert operated.whys()[2:] == ["after round 1", "1 new items", "after round 2"]
    assert {release for _, number, release, _ in operated.asked if number == 2} == {added.release}
    head = operated.releases.load(operated.releases.head().release)
    assert len(head.catalogue) == 25
    assert head.log_popularity.any()
    assert check_replay(operated.home) == ""


def test_what_the_operator_publishes_in_the_middle_counts_from_the_next_round(operated, monkeypatch):
    operated.train(1)
    zero = operated.releases.start()
    write, rounds = server.training.runner.write_progress, []

    def journal(home, reports, round_number, *rest):
        write(home, reports, round_number, *rest)
        if round_number == 2 and not rounds:
            rounds.append(operated.releases.rollback(zero).release)

    monkeypatch.setattr(server.training.runner, "write_progress", journal)
    operated.train(3)
    under = {number: release for task, number, release, _ in operated.asked if task == "update"}
    assert under[3] == zero != under[2]
    assert operated.whys()[-2:] == ["rolled back: release zero", "after round 3"]


def test_rounds_that_were_skipped_release_nothing_and_undo_no_rollback(operated):
    operated.train(1)
    zero = operated.releases.start()
    operated.releases.rollback(zero)
    operated.train(2, devices=0)
    assert operated.releases.head().release == zero
    assert read_rounds(operated.home)[-1]["skipped"] == 1
    assert json.loads((operated.home.training / "progress.json").read_text())["round"] == 2
    assert check_replay(operated.home) == ""


def test_the_registry_says_who_is_revoked(operated):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from shared.secure_sum import Identity as DeviceIdentity

    with operated.home.registry() as registry:
        identity = DeviceIdentity(Ed25519PrivateKey.generate())
        node = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        code = registry.invite(time.time(), 1, "")
        registry.join(code, identity.public_key, node.decode(), time.time(), 30, operated.home.certify)
        registry.revoke(identity.device.hex(), time.time())
        assert server.training.runner._revoked(registry)() == {identity.device.hex()}


def test_a_revoked_device_is_asked_nothing_from_the_next_round_on(operated, monkeypatch):
    gone = {device(type("Context", (), {"node_config": {"partition-id": place}})) for place in (0, 3)}
    monkeypatch.setattr(server.training.runner, "_revoked", lambda registry: lambda: frozenset(gone))
    operated.train(3)
    asked = {who for *_, who in operated.asked}
    assert len(asked) == DEVICES - 2
    assert not asked & gone


def test_a_federation_file_that_was_changed_under_way_is_refused(operated):
    path = operated.home.federation_path
    path.write_text(path.read_text().replace("learning_rate = 0.01", "learning_rate = 0.02", 1))
    with pytest.raises(Misconfigured, match="back in its place"):
        operated.train(1)


def test_without_release_zero_there_is_nothing_to_train(tmp_path):
    home = create_server(tmp_path / "server")
    with pytest.raises(NotYet, match="hushrec-server catalogue"):
        run_training(home, None, 1)


def test_the_journal_says_where_training_is(operated):
    assert read_rounds(operated.home) == []
    assert not operated.home.waiting.exists()
    operated.train(2)
    rows = read_rounds(operated.home)
    assert [(row["task"], row["number"], row["answered"]) for row in rows] == [
        ("statistics", 0, 5), ("update", 1, 3), ("update", 2, 3),
    ]  # fmt: skip
    assert json.loads(operated.home.waiting.read_text()) == {"here": 5, "needed": None, "process": os.getpid()}
    progress = json.loads((operated.home.training / "progress.json").read_text())
    assert (progress["round"], progress["rounds"], progress["skipped"]) == (2, ROUNDS, 0)
    assert progress["release"] == Publication.decode(operated.home.chain.read_bytes().splitlines()[-1]).release


def test_the_app_of_the_bundle_trains_as_far_as_was_ordered(operated):
    from server.app import app
    from shared.files import write_atomically
    from simulations.engine import run_local

    config = {"home": str(operated.home.directory)}
    run_local(app, operated.app(), DEVICES, run_config=config)
    assert operated.whys() == ["release zero"]  # nothing was ordered
    write_atomically(operated.home.training / "order.json", b'{"until": 1, "ordered_seconds": 5.0}')
    import server.flower.serverapp as holding

    for lock in holding._held:  # as the end of the first process would
        os.close(lock)
    holding._held.clear()
    run_local(app, operated.app(), DEVICES, run_config=config)
    assert operated.whys() == ["release zero", "popularity", "after round 1"]
    with pytest.raises(Misconfigured, match='home="FOLDER"'):
        run_local(app, operated.app(), DEVICES)


def test_a_server_that_was_restored_goes_on_and_devices_with_it(operated, tmp_path):
    operated.train(2)
    back_up(operated.home, tmp_path / "saved.tar")
    operated.train(3)
    lost = operated.releases.all()[-1]
    device_id = next(iter(operated.asked))[3]

    home, _, _ = restore(tmp_path / "saved.tar", tmp_path / "restored")
    again = Operated(home, operated.layout, operated.file, [])
    assert len(again.releases.all()) == lost.sequence - 1
    assert again.releases.take_back(lost) == again.releases.head()  # as a device gives it back
    with home.registry() as registry:
        person, now = Person(), time.time()
        request = person.request(registry.invite(now, 1))
        registry.join(request.code, request.device_key, request.node_key, now, 1, home.certify)
        registry.take_answers(person.device, {"update": (3, 3)})
    again.train(ROUNDS)
    assert device_id in {asked[3] for asked in again.asked}
    assert {asked[1] for asked in again.asked} == {4}  # round 3 was answered, and is lost
    head = again.releases.head()
    assert head.why == "after round 4"
    assert [link.supersedes for link in again.releases.all()[-2:]] == [lost.digest(), ""]
    assert check_replay(home) == ""
