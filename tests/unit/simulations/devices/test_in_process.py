"""The in-process grid: it behaves as Flower's own, gives the same numbers every time, and costs little."""

import time
import tracemalloc

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from server import make_server_app
from shared.errors import Corrupt, Misconfigured
from simulations.devices import DeviceStates, Dropouts, InProcessGrid, StateJournal
from simulations.engine import run_local, simulated_clock


def questions(grid, kind="train.plain", group_id="1", content=None):
    return [Message(content or RecordDict(), node, kind, group_id=group_id) for node in grid.get_node_ids()]


def ask(grid, **choices):
    return grid.send_and_receive(questions(grid, **choices))


@pytest.mark.parametrize("fidelity", ["copy", "wire"])
def test_each_reply_names_its_question_and_its_node(toy, fidelity):
    grid = InProcessGrid(toy.client_app(), 3, fidelity=fidelity)
    asked = questions(grid)
    ids = grid.push_messages(asked)
    replies = grid.pull_messages(ids) + grid.pull_messages(ids) + grid.pull_messages(ids)
    assert [reply.metadata.reply_to_message_id for reply in replies] == ids
    assert [reply.metadata.src_node_id for reply in replies] == grid.get_node_ids()
    assert {reply.metadata.dst_node_id for reply in replies} == {1}
    assert grid.pull_messages(ids) == []


def test_a_pull_runs_one_device_and_only_of_those_asked_for(toy):
    ran = []
    grid = InProcessGrid(toy.client_app(lambda device, kind: ran.append(device) or "answer"), 4)
    ids = grid.push_messages(questions(grid))
    assert ran == []
    grid.pull_messages(ids[2:])
    assert ran == [2]
    grid.pull_messages(ids)
    assert ran == [2, 0]


def test_devices_whose_reply_nobody_pulls_still_finish(toy):
    ran = []
    grid = InProcessGrid(toy.client_app(lambda device, kind: ran.append(device) or "answer"), 4)
    first = grid.push_messages(questions(grid))
    grid.pull_messages(first)
    grid.push_messages(questions(grid)[:1])
    assert ran == [0, 1, 2, 3]
    assert grid.pull_messages(first) == []


def test_both_fidelities_give_the_same_numbers(toy):
    vectors = []
    for fidelity in ("copy", "wire"):
        federation = toy.federation(folder=toy.folder / fidelity, clock=simulated_clock())
        run_local(make_server_app(lambda context, f=federation: f), toy.client_app(), 10, fidelity=fidelity)
        vectors.append(federation.vector.tobytes())
    assert vectors[0] == vectors[1]


@pytest.mark.parametrize("fidelity", ["copy", "wire"])
def test_what_a_device_changes_in_a_message_is_not_seen_by_others(fidelity):
    app, seen = ClientApp(), []

    @app.query("look")
    def look(message, context):
        seen.append(list(message.content["config"]["values"]))
        message.content["config"]["values"].append(9)
        message.content["config"]["new"] = 1
        message.content["metrics"]["loss"] = 5.0
        message.content["arrays"]["more"] = Array(np.zeros(1))
        message.content["extra"] = ConfigRecord()
        return Message(message.content, reply_to=message)

    content = RecordDict(
        {
            "config": ConfigRecord({"values": [1, 2]}),
            "metrics": MetricRecord({"loss": 1.0}),
            "arrays": ArrayRecord({"vector": Array(np.ones(2))}),
        }
    )
    grid = InProcessGrid(app, 3, fidelity=fidelity)
    replies = ask(grid, kind="query.look", content=content)
    assert seen == [[1, 2]] * 3
    assert set(content) == {"config", "metrics", "arrays"}
    assert dict(content["config"]) == {"values": [1, 2]}
    assert dict(content["metrics"]) == {"loss": 1.0}
    assert list(content["arrays"]) == ["vector"]
    assert replies[0].content["config"]["values"] == [1, 2, 9]


@pytest.mark.parametrize("fidelity", ["copy", "wire"])
def test_a_device_that_raises_gives_flowers_error_and_its_words_stay_out_of_the_log(toy, fidelity, caplog):
    grid = InProcessGrid(toy.client_app(lambda device, kind: "raise"), 1, fidelity=fidelity)
    (reply,) = ask(grid)
    assert reply.error.code == 2
    assert "ValueError" in caplog.text
    assert "secret words" not in caplog.text


def test_a_gone_node_is_answered_for_by_the_server(toy):
    grid = InProcessGrid(toy.client_app(), 2, dropouts=Dropouts(unavailable=1.0))
    for reply in ask(grid):
        assert reply.error.code == 5
        assert reply.metadata.src_node_id == 1
    stranger = Message(RecordDict(), 12345, "train.plain")
    assert grid.send_and_receive([stranger])[0].error.code == 5


def test_the_schedule_of_dropouts_is_fixed_by_seed_round_and_device(toy):
    def gone(seed, group_id):
        grid = InProcessGrid(toy.client_app(), 400, dropouts=Dropouts(0.2, 0.1, seed))
        replies = ask(grid, group_id=group_id)
        errors = [reply.metadata.reply_to_message_id for reply in replies if reply.has_error()]
        return len(errors), 400 - len(replies), errors

    first = gone(1, "1")
    assert first == gone(1, "1")
    assert first[2] != gone(1, "2")[2]
    assert first[2] != gone(2, "1")[2]
    # binomial: 80 expected with standard deviation 8, 40 with 6
    assert 56 < first[0] < 104
    assert 22 < first[1] < 58


def test_a_hello_never_drops_out(toy):
    grid = InProcessGrid(toy.client_app(), 20, dropouts=Dropouts(unavailable=1.0))
    assert not any(reply.has_error() for reply in ask(grid, kind="query.hello"))


@pytest.mark.parametrize("shares", [(-0.1, 0), (0.6, 0.6), (0, 1.5)])
def test_impossible_shares_of_dropouts_are_refused(shares):
    with pytest.raises(Misconfigured, match="add up to at most 1"):
        Dropouts(*shares)


def test_an_unknown_fidelity_is_refused(toy):
    with pytest.raises(Misconfigured, match='"copy" or "wire"'):
        InProcessGrid(toy.client_app(), 1, fidelity="shared")


def test_node_ids_are_fixed_by_the_seed_and_never_flowers_own(toy):
    ids = InProcessGrid(toy.client_app(), 100, seed=1).get_node_ids()
    assert ids == InProcessGrid(toy.client_app(), 100, seed=1).get_node_ids()
    assert not set(ids) & set(InProcessGrid(toy.client_app(), 100, seed=2).get_node_ids())
    assert len(set(ids)) == 100
    assert min(ids) > 2**62


@pytest.mark.parametrize("fidelity", ["copy", "wire"])
def test_devices_keep_their_state_between_messages_and_over_an_export(toy, fidelity):
    states = DeviceStates()
    grid = InProcessGrid(toy.client_app(), 3, fidelity=fidelity, states=states)
    ask(grid)
    ask(grid)
    exported = states.export_changes()
    assert sorted(exported) == [0, 1, 2]
    assert states.export_changes() == {}
    ask(grid)
    assert states.take(1)["device"]["answers"] == 3
    other = DeviceStates()
    other.load(exported)
    again = InProcessGrid(toy.client_app(), 3, fidelity=fidelity, states=other)
    ask(again)
    assert other.take(1)["device"]["answers"] == 3


def test_only_states_that_hold_something_are_exported():
    app = ClientApp()

    @app.query("keep")
    def keep(message, context):
        device = context.node_config["partition-id"]
        if "record" in context.state:
            del context.state["record"]
        elif device == 1:
            context.state["record"] = ConfigRecord({"spent": 0.5})
        return Message(RecordDict(), reply_to=message)

    states = DeviceStates()
    grid = InProcessGrid(app, 3, states=states)
    ask(grid, kind="query.keep")
    exported = states.export_changes()
    assert list(exported) == [1]
    ask(grid, kind="query.keep")
    assert states.export_changes() == {1: b""}
    assert repr(states) == "DeviceStates(0 devices)"


def test_late_devices_are_in_the_export_of_their_round(toy):
    states = DeviceStates()
    grid = InProcessGrid(toy.client_app(), 3, states=states)
    grid.pull_messages(grid.push_messages(questions(grid)))
    assert sorted(states.export_changes()) == [0, 1, 2]


class Report:
    def __init__(self, number):
        self.number = number


def test_the_journal_gives_back_the_states_of_a_round_and_forgets_later_ones(toy):
    states = DeviceStates()
    journal = StateJournal(toy.folder, states)
    grid = InProcessGrid(toy.client_app(), 2, states=states)
    for number in range(4):
        ask(grid)
        journal.on_round(Report(number), None)
    restored = DeviceStates()
    StateJournal(toy.folder, restored).restore(2)
    assert restored.take(0)["device"]["answers"] == 3
    assert sorted(path.name for path in toy.folder.iterdir()) == [f"round-00000{n}.states" for n in range(3)]


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1], lambda c: c + b"x", lambda c: b"", lambda c: c[:30] + b"?" + c[31:]]
)
def test_a_damaged_journal_is_corrupt(toy, damage):
    states = DeviceStates()
    journal = StateJournal(toy.folder, states)
    ask(InProcessGrid(toy.client_app(), 2, states=states))
    journal.on_round(Report(1), None)
    (path,) = toy.folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Corrupt, match="start anew"):
        StateJournal(toy.folder, DeviceStates()).restore(1)


def test_a_journal_with_a_gap_is_corrupt(toy):
    with pytest.raises(Corrupt, match="got no file"):
        StateJournal(toy.folder, DeviceStates()).restore(1)


def test_the_grid_costs_little_time_per_device(toy):
    grid = InProcessGrid(toy.client_app(), 2000)
    content = RecordDict({"round": ConfigRecord({"round": 1}), "model": ArrayRecord({"v": Array(np.zeros(60_000))})})
    fastest = min(timed(lambda: ask(grid, kind="query.hello", content=content)) for _ in range(3))
    assert fastest / 2000 < 0.0003  # about 0.1 ms, the toy device's own answer included


def timed(call):
    start = time.process_time()  # whatever else the machine is doing
    call()
    return time.process_time() - start


def test_replies_of_a_large_cohort_never_lie_in_memory_together():
    from server.aggregation.aggregator import PlainSum
    from server.aggregation.cohort import KnownMember
    from server.aggregation.exchange import Clock
    from server.training.round import request_for
    from shared.federation import read_federation

    length = 50_000
    app = ClientApp()

    @app.train("plain")
    def plain(message, context):
        summand = np.ones(length, np.float32)
        return Message(RecordDict({"summand": ArrayRecord({"vector": Array(summand)})}), reply_to=message)

    grid = InProcessGrid(app, 200)
    cohort = [KnownMember(f"{node:016x}", node) for node in grid.get_node_ids()]
    file = read_federation(settings=["privacy.level=none", "sum.mode=plain"])
    request = request_for(file, "update", "release", 1, length, bytes(32), 200, np.zeros(length, np.float32))
    tracemalloc.start()
    try:
        result = PlainSum().sum(grid, cohort, request, Clock())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.total.tolist() == [200.0] * length
    assert peak < 15 * 4 * length  # 200 replies together would take 200 times 4 bytes each
