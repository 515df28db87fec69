"""Who takes part in a round."""

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from server.aggregation.cohort import KnownMember, NodeDirectory, sample_cohort
from simulations.devices import InProcessGrid
from simulations.devices.dropouts import Fate
from simulations.engine import simulated_clock

MEMBERS = [KnownMember(f"{index:08x}", 1000 - index) for index in range(50)]


def hello_app(identity):
    app = ClientApp()

    @app.query("hello")
    def hello(message, context):
        return Message(RecordDict({"device": ConfigRecord(identity(context))}), reply_to=message)

    return app


def test_the_cohort_depends_on_device_ids_and_not_on_nodes_or_order():
    chosen = sample_cohort(MEMBERS, 10, 1.0, "seed 3", 40)
    elsewhere = [KnownMember(member.device, member.node * 7) for member in reversed(MEMBERS)]
    assert [m.device for m in sample_cohort(elsewhere, 10, 1.0, "seed 3", 40)] == [m.device for m in chosen]
    assert len(set(chosen)) == 10


def test_another_turn_or_another_stream_asks_others():
    chosen = sample_cohort(MEMBERS, 10, 1.0, "seed 3", 10)
    assert not set(sample_cohort(MEMBERS, 10, 1.0, "seed 3", 20)) & set(chosen)
    assert sample_cohort(MEMBERS, 10, 1.0, "seed 4", 10) != chosen


def test_over_selection_asks_more_and_never_more_than_there_are():
    assert len(sample_cohort(MEMBERS, 10, 1.25, "", 0)) == 13  # 12.5 rounded up
    assert len(sample_cohort(MEMBERS, 49, 2.0, "", 0)) == 50
    assert sample_cohort([], 10, 1.0, "", 0) == []


def test_no_device_is_asked_more_often_than_the_circle_needs():
    counts, asked = dict.fromkeys(MEMBERS, 0), 0
    for _ in range(17):
        cohort = sample_cohort(MEMBERS, 12, 1.0, "", asked)
        assert len(set(cohort)) == 12
        asked += len(cohort)
        for member in cohort:
            counts[member] += 1
    # 17 rounds of 12 are 204 questions to 50 devices: four each, and a fifth to four of them
    assert sorted(counts.values()) == [4] * 46 + [5] * 4


def test_the_circle_stays_as_it_is_when_others_come_and_go():
    left = MEMBERS[:20] + MEMBERS[30:]
    order = [member for member in sample_cohort(MEMBERS, 50, 1.0, "", 0) if member in left]
    assert sample_cohort(left, 40, 1.0, "", 0) == order


def test_new_nodes_are_asked_once_and_gone_nodes_are_left_out(toy):
    grid = InProcessGrid(toy.client_app(), 6)
    all_nodes = grid.get_node_ids()
    grid.get_node_ids = lambda: all_nodes[:4]
    roster, clock = NodeDirectory(), simulated_clock()
    assert len(roster.refresh(grid, 10, clock)) == 4
    grid.get_node_ids = lambda: all_nodes[2:]
    pushed = []
    push = grid.push_messages
    grid.push_messages = lambda messages: push([pushed.append(m) or m for m in messages])
    members = roster.refresh(grid, 10, clock)
    assert {member.node for member in members} == set(all_nodes[2:])
    assert [message.metadata.dst_node_id for message in pushed] == all_nodes[4:]


def test_a_device_id_named_twice_counts_once():
    grid = InProcessGrid(hello_app(lambda context: {"id": "ab" * 16}), 3)
    members = NodeDirectory().refresh(grid, 10, simulated_clock())
    assert members == [KnownMember("ab" * 16, grid.get_node_ids()[0])]


def test_a_hello_that_is_no_id_leaves_the_node_out():
    wrong = [{"id": 5}, {"id": "not hex"}, {"name": "ab" * 16}, {"id": "ab" * 16, "age": 30}]
    grid = InProcessGrid(hello_app(lambda context: wrong[context.node_config["partition-id"]]), 4)
    assert NodeDirectory().refresh(grid, 10, simulated_clock()) == []


def test_waiting_for_devices_ends_at_the_deadline(toy):
    clock = simulated_clock()
    grid = InProcessGrid(toy.client_app(), 2)
    told = []
    directory = NodeDirectory(lambda here, needed: told.append((here, needed)))
    assert len(directory.wait_for(grid, 5, 30.0, clock)) == 2
    assert list(dict.fromkeys(told)) == [(0, 5), (2, 5), (2, None)]  # and so somebody can see what is waited for
    assert 30.0 <= clock.now() < 31.0


def test_a_node_that_never_says_hello_is_waited_for_once(toy):
    grid = InProcessGrid(toy.client_app(), 3)
    silent = grid.get_node_ids()[1]
    grid._fate = lambda question: Fate.SILENT if question.metadata.dst_node_id == silent else Fate.ANSWERS
    roster, clock = NodeDirectory(), simulated_clock()
    assert len(roster.refresh(grid, 600.0, clock)) == 2
    assert 30.0 <= clock.now() < 31.0  # not the deadline: to say who one is takes no training
    waited = clock.now()
    assert len(roster.refresh(grid, 600.0, clock)) == 2
    assert clock.now() == waited


def test_a_node_that_says_no_id_is_asked_once_a_round(toy):
    grid, asked = InProcessGrid(hello_app(lambda context: {"id": "not hex"}), 2), []
    push = grid.push_messages
    grid.push_messages = lambda messages: push([asked.append(m) or m for m in messages])
    roster, clock = NodeDirectory(), simulated_clock()
    for rounds in (1, 2):
        assert roster.wait_for(grid, 2, 5.0, clock) == []
        assert len(asked) == 2 * rounds


def test_a_node_that_was_going_away_is_asked_again_while_a_round_waits(toy):
    """After a restart Flower still takes nodes for present that are gone; they come back under the same numbers."""
    clock, grid = simulated_clock(), InProcessGrid(toy.client_app(), 3)
    grid._fate = lambda question: Fate.UNAVAILABLE if clock.now() < 40.0 else Fate.ANSWERS
    assert len(NodeDirectory().wait_for(grid, 3, 600.0, clock)) == 3
    assert 40.0 <= clock.now() < 60.0
