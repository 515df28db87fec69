"""What a server can see of people: all messages of whole runs, as bytes, searched for what must not be there.

Counter-tests show that the search would find it.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flwr.app import Message
from flwr.common.serde import message_to_proto, recorddict_to_proto
from scipy.stats import chisquare

import client.secagg.encode
import client.secagg.role
import simulations.engine.device_side
import simulations.engine.local_engine
from client import Recommender
from server import PlainSum, RoundReport
from server.aggregation import NodeDirectory
from shared.behaviour import Event
from shared.federation import write_toml
from shared.files import write_atomically
from shared.release import Release, candidate_release, model_of
from shared.secure_sum import MaskedVector
from simulations.datasets import load
from simulations.devices import Dropouts, InProcessGrid
from simulations.engine.run_folder import RunFolder
from simulations.engine.training import train_federation
from simulations.evaluation.world import World
from simulations.report import Progress
from simulations.settings import facts_of, resolve
from tests.integration.wire.wire_grep import Grep, Needles, of_number, of_text, of_vector, of_words
from tests.support.tiny import Tiny, catalogue

PEOPLE, COHORT, SEED = 24, 8, 3
WORDS = ("kneepain4711", "divorcelawyer", "unbearableboss")
PLACE = "hospicewing7"
ITEMS = {"garden-0": "pregnancytest-0815", "music-3": "debtcounsel-2217", "kitchen-5": "wigcatalogue-99"}

# Every record that may travel, and its fields.
QUESTIONS = {
    "query.hello": {"hello": {"version"}},
    "train.join": {"round": {"task", "federation", "release", "round", "groups"}, "sum": {"configuration"}},
    "query.share": {"sum": {"round", "roster"}},
    "query.mask": {"sum": {"round", "u1", "inbox"}},
    "query.agree": {"sum": {"round", "u2", "signatures"}},
    "query.unmask": {"sum": {"round", "agreements"}},
}
MODEL = {"model": {"vector"}}
ANSWERS = {"query.hello": {"device": {"id"}}} | {
    kind: {"sum": {"message"}} for kind in QUESTIONS if kind != "query.hello"
}
NODE_UNAVAILABLE = 5


@dataclass(frozen=True, repr=False)
class Sent:
    """One message as it went over the wire.

    Attributes:
        upward: from a device to the server.
        node: of the device.
        error: Flower's error code of an error reply.
        records: names of the fields of each record.
        content: serialised records alone.
        raw: the whole message.
    """

    upward: bool
    kind: str
    round: str
    node: int
    error: int | None
    records: dict[str, set[str]]
    content: bytes
    raw: bytes
    message: Message


@dataclass(repr=False)
class Recording:
    """All messages of one run, and what the devices knew.

    Attributes:
        contributions: vector, quantised units, draws of noise and noised words of each device and round, before masks.
        reports, start: of the training, and the release it began with.
        logs: of all devices, the events for validation and test included.
        dropouts: whether devices fell out.
    """

    dropouts: bool
    sent: list[Sent] = field(default_factory=list)
    contributions: list[dict[str, np.ndarray]] = field(default_factory=list)
    reports: tuple[RoundReport, ...] = ()
    start: Release | None = None
    logs: list[list[Event]] = field(default_factory=list)

    def upward(self, kind: str | None = None) -> list[Sent]:
        """Replies that are no errors."""
        return [s for s in self.sent if s.upward and s.error is None and kind in (None, s.kind)]

    def vectors(self) -> list[np.ndarray]:
        """Every parameter vector that devices were sent, each once."""
        sent = (s.message.content["model"]["vector"].numpy() for s in self.sent if "model" in s.records)
        return [
            np.frombuffer(content, np.float32).copy() for content in dict.fromkeys(vector.tobytes() for vector in sent)
        ]


class RecordingGrid(InProcessGrid):
    """Serialises whatever passes in either direction, and keeps the bytes."""

    def __init__(self, recording: Recording, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._recording = recording
        self._asked: dict[str, Message] = {}

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        questions = list(messages)
        pushed = super().push_messages(questions)
        for question in questions:
            self._asked[question.metadata.message_id] = question
            self._record(False, question, question)
        return pushed

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        replies = super().pull_messages(message_ids)
        for reply in replies:
            self._record(True, self._asked[reply.metadata.reply_to_message_id], reply)
        return replies

    def _record(self, upward: bool, question: Message, message: Message) -> None:
        failed = message.has_error()
        content = b"" if failed else recorddict_to_proto(message.content).SerializeToString(deterministic=True)
        self._recording.sent.append(
            Sent(
                upward,
                question.metadata.message_type,
                question.metadata.group_id,
                question.metadata.dst_node_id,
                message.error.code if failed else None,
                {} if failed else {name: set(record) for name, record in message.content.items()},
                content,
                message_to_proto(message).SerializeToString(),
                message,
            )
        )


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Many small steps: more threads would slow them down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def canary_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People whose words, items, places, ratings and times would be known again anywhere."""
    folder = tmp_path_factory.mktemp("canaries")
    items = [replace(item, id=ITEMS.get(item.id, f"listed-{item.id}")) for item in catalogue()]
    rows = []
    for number in range(PEOPLE):
        drawn = np.random.default_rng(number).integers(len(items), size=6 + number % 10)
        for place, row in enumerate(drawn.tolist()):
            event = {
                "person": f"personcalled{number:04d}",
                "time_seconds": 1_754_321_987.125 + 86_400.5 * place + number,
                "kind": "review",
                "item": items[row].id,
                "value": 3 + 1 / (7.3 + number + place),
                "context": {"place": PLACE},
            }
            own_words = f"a rose for the {WORDS[number % len(WORDS)]} in the garden with soil"
            rows.append(event | ({"text": own_words} if place % 3 == 1 else {}))
    listed = [{"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)} for i in items]
    write_atomically(folder / "items.jsonl", "".join(json.dumps(item) + "\n" for item in listed).encode())
    write_atomically(folder / "events.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    return folder


Record = Callable[..., Recording]


@pytest.fixture(scope="module")
def record(
    tiny: Tiny, canary_world: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Recording]]:
    """Runs a whole training over the canaries and records it: three rounds of heads and adapter."""

    def run(*settings: str, privacy: str, aggregation: str, dropouts: Dropouts | None = None) -> Recording:
        folder, recording = tmp_path_factory.mktemp("run"), Recording(dropouts is not None)
        groups = '["dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters"]'
        file = folder / "federation.toml"
        file.write_text(
            write_toml(
                tiny.file(
                    f"training.groups={groups}",
                    "training.rounds=3",
                    "model.lora_rank=4",  # so that what enters the adapter is long enough to be looked for
                    f"training.clients_per_round={COHORT}",
                    "model.popularity=true",
                    "evaluation.every_rounds=1",
                    f"evaluation.clients={COHORT}",
                    "privacy.event_epsilon=1000.0",
                )
            )
        )
        world = World.of(load(f"events:{canary_world}", SEED), SEED)
        resolved = resolve("events", facts_of(world), file, settings, None, None, privacy, aggregation)

        def grid(*arguments: Any, **options: Any) -> InProcessGrid:
            return RecordingGrid(recording, *arguments, **(options | {"fidelity": "wire", "dropouts": dropouts}))

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
            patch.setattr(simulations.engine.local_engine, "InProcessGrid", grid)
            # As in a deployment, each node is asked who it is.
            patch.setattr(simulations.engine.device_side, "SimulatedDirectory", lambda *_: NodeDirectory())
            if aggregation == "plain":  # by messages, which the engine does without
                patch.setattr(simulations.engine.device_side, "CohortSum", lambda *_: PlainSum())
            _overhear(patch, recording)
            out = RunFolder.open(folder / "run", {"data": "canaries"}, resume=False)
            trained = train_federation(world, resolved, out, "local", SEED, Progress())
        recording.reports, recording.start = trained.reports, trained.start
        recording.logs = [list(world.logs[person]) for person in world.members]
        return recording

    return run


def _overhear(patch: pytest.MonkeyPatch, recording: Recording) -> None:
    """Keep what devices compute before any mask is on it."""
    quantise, encode_contribution = client.secagg.encode.quantise_rows, client.secagg.role.encode_contribution
    sample = client.secagg.encode.sample_discrete_gaussians
    units: list[np.ndarray] = []
    noises: list[np.ndarray] = []

    def sampled(*arguments: Any) -> np.ndarray:
        drawn = sample(*arguments)
        noises.append(drawn[0])
        return drawn

    def quantised(*arguments: Any) -> np.ndarray:
        made = quantise(*arguments)
        units.append(made[0])
        return made

    def words(contribution: Any, *rest: Any) -> np.ndarray:
        units.clear()  # what was computed for a report's picture is no device's
        noises.clear()
        result = encode_contribution(contribution, *rest)
        recording.contributions.append(
            {
                "vector": contribution.vector.copy(),
                "units": units.pop().copy(),
                "noises": np.stack(noises),
                "words": result.copy(),  # masks are added to it in place
            }
        )
        return result

    patch.setattr(client.secagg.encode, "quantise_rows", quantised)
    patch.setattr(client.secagg.encode, "sample_discrete_gaussians", sampled)
    patch.setattr(client.secagg.role, "encode_contribution", words)


@pytest.fixture(scope="module", params=["both", "user with dropouts"])
def secure(request: pytest.FixtureRequest, record: Record) -> Recording:
    if request.param == "both":
        return record(privacy="both", aggregation="secure")
    return record(
        "sum.dropout_share=0.3",
        "clipping.adaptive_quantile=0.5",
        privacy="user",
        aggregation="secure",
        dropouts=Dropouts(unavailable=0.02, seed=4),
    )


def private_texts(recording: Recording) -> Needles:
    """Words, items, places, ratings and times of everybody."""
    needles: Needles = {}
    for word in (*WORDS, PLACE, "personcalled"):
        needles |= of_text("a person's words", word)
    for item in {event.item for log in recording.logs for event in log if event.item}:
        needles |= of_text("an item", item)
    for event in (event for log in recording.logs for event in log):
        needles |= of_number("a time", event.time_seconds)
        if event.value is not None:
            needles |= of_number("a rating", event.value)
    return needles


def interests(recording: Recording) -> Needles:
    """Interest vectors of everybody under every vector that was ever sent, and the vectors of their own words."""
    assert recording.start is not None
    start = recording.start
    model = model_of(start)
    needles: Needles = {}
    for vector in recording.vectors():
        recommender = Recommender(candidate_release(start, model, vector), model)
        for device, log in enumerate(recording.logs):
            for events in (log, log[:-1], log[:-2]):  # whole, without the test event, as trained on
                interest = recommender.interest(events)
                for name in ("dense", "concepts"):
                    needles |= of_vector(f"{name} interest of device {device}", getattr(interest, name), decimals=True)
        for text in {event.text for log in recording.logs for event in log if event.text}:
            with model.at(start.vector):
                read = model.encoder.read([text])
            embedded, entering = read[:, : model.encoder.width], read[0, model.encoder.width :]
            needles |= of_vector("a text's vector", embedded[0])
            needles |= of_vector("a text's vector", start.whitening.apply(embedded)[0])
            needles |= of_vector("what enters the adapter of a text", entering)
            if start.adapter is not None:
                needles |= of_vector("what enters the adapter of a text", entering - start.adapter.mean)
    return needles


def summands(recording: Recording) -> Needles:
    """What each device had before its masks: as computed, rounded, with each of its noises, with all; and these."""
    needles: Needles = {}
    for made in recording.contributions:
        needles |= of_vector("a summand", made["vector"], decimals=True)
        needles |= of_words("a rounded summand", made["units"])
        needles |= of_words("a noised summand", made["words"])
        for noise in made["noises"]:
            needles |= of_words("noise", noise)
            if len(made["noises"]) > 1:
                needles |= of_words("a summand with one noise of several", made["units"] + noise)
    return needles


def found_in(grep: Grep, sent: Iterable[Sent]) -> list[str]:
    return sorted({f"{label} in {s.kind} of {s.round}" for s in sent for label in grep.find(s.raw)})


def test_all_three_tasks_go_through_all_phases_in_these_runs(secure: Recording) -> None:
    done = [report for report in secure.reports if not report.skipped]
    assert {report.task for report in done} == {"statistics", "update", "evaluation"}
    assert any("adapters" in report.groups for report in done)
    assert {s.kind for s in secure.sent} == set(QUESTIONS)
    assert sum(s.upward for s in secure.sent) == sum(not s.upward for s in secure.sent)
    assert len(secure.upward("query.mask")) == len(secure.contributions) > 3 * COHORT
    assert any(len(s.records) == 3 for s in secure.sent if s.kind == "train.join")


def test_devices_fall_out_under_way_and_sums_come_about_without_them(secure: Recording) -> None:
    fallen = {sent.round for sent in secure.sent if sent.error is not None and sent.kind == "query.mask"}
    summed = {f"{report.task} {report.number}" for report in secure.reports if not report.skipped}
    assert bool(fallen & summed) == secure.dropouts


def test_no_words_items_places_ratings_or_times_are_in_any_message(secure: Recording) -> None:
    texts = private_texts(secure)
    assert {event.item for log in secure.logs for event in log} >= set(ITEMS.values())
    assert found_in(Grep(texts), secure.sent) == []


def test_no_interest_vector_is_in_any_message(secure: Recording) -> None:
    needles = interests(secure)
    named = {label.split(" of ")[0] for label in needles.values()}
    assert {"dense interest", "concepts interest"} <= named
    assert found_in(Grep(needles), secure.sent) == []


def test_no_summand_is_in_any_message_before_its_masks(secure: Recording) -> None:
    assert secure.start is not None
    needles = summands(secure)
    assert {label.split(" (")[0] for label in needles.values()} >= {
        "a summand",
        "a rounded summand",
        "a noised summand",
        "noise",
    }
    # with both levels each device adds noise of its own to every summand beside its share of the sum's
    own = secure.start.federation.privacy.level == "both"
    assert any(label.startswith("a summand with one noise") for label in needles.values()) == own
    assert {len(made["noises"]) for made in secure.contributions} == {2 if own else 1}
    assert found_in(Grep(needles), secure.sent) == []


def test_questions_and_answers_hold_the_fields_of_their_kind_and_no_others(secure: Recording) -> None:
    for sent in secure.sent:
        if sent.error is not None:
            assert sent.upward
            assert sent.error == NODE_UNAVAILABLE
        elif sent.upward:
            assert sent.records == ANSWERS[sent.kind]
            record = next(iter(sent.message.content.values()))
            assert all(isinstance(value, bytes) for value in record.values()) == (set(record) == {"message"})
        else:
            assert sent.records in (QUESTIONS[sent.kind], QUESTIONS[sent.kind] | MODEL)
            assert (sent.records.keys() >= MODEL.keys()) == (
                sent.kind == "train.join" and not sent.round.startswith("statistics")
            )


def test_answers_of_one_kind_are_of_one_size_in_a_round(secure: Recording) -> None:
    sizes = defaultdict(set)
    for sent in secure.upward():
        sizes[sent.kind, sent.round].add(len(sent.content))
    assert len(sizes) > 5
    assert {name: found for name, found in sizes.items() if len(found) > 1} == {}


def test_masked_vectors_are_bytes_without_a_pattern(secure: Recording) -> None:
    masked = []
    for sent in secure.upward("query.mask"):
        content = sent.message.content["sum"]["message"]
        masked.append(MaskedVector.decode(content, (len(content) - 64) // 4).words)
    assert chance_of(masked) > 1e-6
    assert chance_of([made["words"] for made in secure.contributions]) < 1e-6  # without masks there is one


def chance_of(vectors: Iterable[np.ndarray]) -> float:
    """Smallest chance, over the four bytes of a word, that uniform bytes would be spread so unevenly."""
    content = np.concatenate([vector.astype("<u4") for vector in vectors]).view(np.uint8).reshape(-1, 4)
    counted = [np.bincount(column, minlength=256) for column in content.T]
    assert min(map(sum, counted)) > 256 * 20
    return min(float(chisquare(counts).pvalue) for counts in counted)


@pytest.fixture(scope="module")
def plain(record: Record) -> Recording:
    return record(privacy="none", aggregation="plain")


def test_in_the_plain_sum_the_grep_finds_every_summand(plain: Recording) -> None:
    found = []
    for sent in plain.upward("train.plain"):
        needles = of_vector("a summand", sent.message.content["summand"]["vector"].numpy())
        if "a summand (<f4)" in needles.values():  # a few zeros and halves are no trace
            found.append(Grep(needles).find(sent.raw))
    assert len(found) > 3 * COHORT
    assert found == [{"a summand (<f4)"}] * len(found)


def test_even_in_the_plain_sum_no_words_and_no_interests_are_sent(plain: Recording) -> None:
    assert found_in(Grep(private_texts(plain) | interests(plain)), plain.sent) == []


def test_the_grep_finds_a_text_however_it_is_carried(secure: Recording) -> None:
    texts, message = Grep(private_texts(secure)), secure.sent[-1].raw
    assert not texts.find(message)
    word = WORDS[0]
    for text in (word, word.upper(), f"about my {word}, again", "debtcounsel-2217"):
        for encoding in ("ascii", "utf-8", "utf-16", "utf-16-be"):
            raw = text.encode(encoding)
            carried = [raw, raw.hex().encode(), raw.hex().upper().encode()]
            carried += [base64.b64encode(b"\x5a" * shift + raw + b"\xff") for shift in range(4)]
            for content in carried:
                assert texts.find(message + content + message), (text, encoding)
    event = secure.logs[0][0]
    assert texts.find(message + np.float64(event.time_seconds).tobytes())
    assert texts.find(message + json.dumps(event.value).encode())


def test_the_grep_finds_an_interest_and_a_summand_however_they_are_carried(secure: Recording) -> None:
    assert secure.start is not None
    recommender = Recommender(replace(secure.start, vector=secure.vectors()[0]), model_of(secure.start))
    message = secure.sent[-1].raw
    dense = recommender.interest(secure.logs[5]).dense
    assert dense is not None
    known = Grep(interests(secure))
    for content in (dense.tobytes(), dense.astype(">f4").tobytes(), dense.astype(np.float64)[2:6].tobytes()):
        assert known.find(message + content + message)
    assert known.find(message + json.dumps(dense.tolist()).encode())
    own = Grep(summands(secure))
    for made in secure.contributions[::5]:
        assert own.find(b"?" + made["words"].tobytes()), "a noised summand"
        if np.count_nonzero(made["units"]) > 4:
            assert own.find(b"?" + made["units"].astype(np.int32).tobytes()), "a rounded summand"
            assert own.find(b"?" + made["vector"].tobytes()), "a summand"
