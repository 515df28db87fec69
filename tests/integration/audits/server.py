"""An active server against one person's device: it makes whatever releases it likes, and looks at all that comes back.

What it sees of an answer is everything but the bytes of the protocol's messages themselves, which are random.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.common.serde import recorddict_to_proto
from flwr.supercore.task_identity import TaskIdentity

from client import BehaviourLog, Device, LoadedRelease, RoundRequest, make_client_app
from client.secagg import Contribution
from client.training import LocalTraining
from server.aggregation import SecAggServer
from shared.catalogue import Catalogue, Item
from shared.companions import Companions
from shared.model import Vector
from shared.privacy import read_charges
from shared.release.release import Release
from shared.round_parameters import RoundParameters, derive_round_parameters, round_binding
from shared.secure_sum import RoundConfiguration
from shared.tasks import TASK_ROWS
from tests.support.persons import persons
from tests.support.private_round import Party, party
from tests.support.tiny import Tiny, membership

NOW = 1000.0
COHORT = 4  # the victim and three devices of the server's own
SETTINGS = (
    "sum.mode=secure",
    f"round.minimum_answers={COHORT}",
    f"training.clients_per_round={COHORT}",
    "windows.sampling_probability=1.0",
    "privacy.participations.update=100",
    "privacy.participations.statistics=100",
    "privacy.participations.evaluation=100",
    "privacy.event_epsilon=1000.0",
    'training.groups=["dense"]',
    "training.rounds=100",
    "evaluation.every_rounds=1",
    "statistics.pairs_of=8",
)
GROUPS = ("dense",)

# What is seen of one answer: the phase, the kind of error or the fields of each record, and the size in bytes.
Seen = tuple[str, str | tuple[tuple[str, tuple[str, ...]], ...], int]


@dataclass
class Server:
    """Release zero, from which others are made, and the training that is shared by all devices here.

    Attributes:
        release: with decoys in its catalogue, which nobody ever met.
        items: ids of the others.
    """

    release: Release
    items: tuple[str, ...]
    training: LocalTraining
    model: Any

    @classmethod
    def of(cls, tiny: Tiny, level: str, decoys: int = 24) -> "Server":
        """A server whose federation promises privacy at this level."""
        release, model = tiny.moved(f"privacy.level={level}", *SETTINGS)
        made_up = [Item(f"decoy-{number}", "decoy", f"decoy {number}") for number in range(decoys)]
        rng = np.random.default_rng(0)
        rows = rng.normal(0, release.index.std(), (decoys, release.index.shape[1])).astype(np.float32)
        with_decoys = replace(
            release,
            catalogue=Catalogue([*release.catalogue, *made_up]),
            index=np.concatenate([release.index, rows]),
            log_popularity=np.concatenate([release.log_popularity, np.zeros(decoys, np.float32)]),
            companions=release.companions.followed_by(decoys),
        )
        return cls(with_decoys, tuple(item.id for item in release.catalogue), LocalTraining(model), model)

    def with_catalogue_of(self, items: Sequence[str]) -> Release:
        """A release that knows these items and the decoys, and no others."""
        kept = [row for row, item in enumerate(self.release.catalogue) if item.id in items or self._is_decoy(item.id)]
        return replace(
            self.release,
            catalogue=Catalogue([self.release.catalogue[row] for row in kept]),
            index=self.release.index[kept],
            log_popularity=self.release.log_popularity[kept],
            companions=Companions.none(len(kept)),
        )

    def with_index_of(self, items: Sequence[str]) -> Release:
        """A release in which all items but these and the decoys are nothing but zeros to the model."""
        seen = [item.id in items or self._is_decoy(item.id) for item in self.release.catalogue]
        return replace(self.release, index=self.release.index * np.array(seen, np.float32)[:, None])

    def _is_decoy(self, item: str) -> bool:
        return item not in self.items


@dataclass
class Victim:
    """A person's device, with its files, and the server that asks it."""

    server: Server
    folder: Path
    log: BehaviourLog
    rounds: int = 0
    _session: dict[str, Any] = field(default_factory=dict)
    _installed: dict[str, LoadedRelease] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folders: list[Path] = []
        self._begin()

    def _begin(self) -> None:
        """A device with files of its own and the same log: a federation asks for some things but once."""
        self._folders.append(self.folder / str(len(self._folders)))
        self._folders[-1].mkdir(parents=True, exist_ok=True)
        self._session.clear()
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
        self.member = membership("victim")
        device = Device(
            self.member,
            self.log,
            self._installed.__getitem__,
            session=self._session,
            now_seconds=lambda: NOW,
            **persons(self._folders[-1]),
        )
        self._app = make_client_app(lambda _: device)

    def advertise(self, release: Release, task: str) -> Seen:
        """What is seen of the answer to phase 0 of a new round."""
        content, _ = self._question(release, task)
        return self._ask("train.join", content)[0]

    def whole_round(self, release: Release, task: str) -> list[Seen]:
        """What is seen of the answers to all phases of a new round, in a cohort with devices of the server alone."""
        content, terms = self._question(release, task)
        seen, advert = self._ask("train.join", content)
        configuration = terms.configuration
        ch, device = configuration.digest(), self.member.identity.device
        collector = SecAggServer(configuration, self.member.registry, NOW, terms.local_noise_over_clip)
        others = [_own(number, configuration, terms.local_noise_over_clip) for number in range(COHORT - 1)]
        collector.advert(advert)
        for one in others:
            sent, one.state = one.role.advertise(configuration, Contribution(one.vector))
            collector.advert(sent)
        roster = collector.close_advertising()
        looks = [seen]

        def ask(phase: str, take: Callable[[bytes, bytes], object], **parts: bytes) -> None:
            look, sent = self._ask(f"query.{phase}", RecordDict({"sum": ConfigRecord({"round": ch, **parts})}))
            looks.append(look)
            take(device, sent)

        ask("share", collector.envelopes, roster=roster)
        for one in others:
            sent, one.state = one.role.share(one.state, roster)
            collector.envelopes(one.device, sent)
        u1 = collector.close_sharing()
        ask("mask", collector.vector, u1=u1, inbox=collector.inbox(device))
        for one in others:
            sent, one.state = one.role.mask(one.state, u1, collector.inbox(one.device), one.charge)
            collector.vector(one.device, sent)
        u2, signatures = collector.close_masking()
        ask("agree", collector.agreement, u2=u2, signatures=signatures)
        for one in others:
            sent, one.state = one.role.agree(one.state, u2, signatures)
            collector.agreement(one.device, sent)
        agreements = collector.close_agreeing()
        ask("unmask", collector.shares, agreements=agreements)
        return looks

    def charges(self) -> list[tuple[str, int, object]]:
        """Every charge in the ledger: task, round, and what was released."""
        ledgers = [ledger for folder in self._folders if (ledger := folder / "ledger.jsonl").exists()]
        return [(one.task, one.round_number, one.event) for ledger in ledgers for one in read_charges(ledger)]

    def _question(self, release: Release, task: str) -> tuple[RecordDict, RoundParameters]:
        self.rounds += 1
        rounds = TASK_ROWS[task].rounds(release.federation)  # type: ignore[index]
        if len(rounds) == 1 and self.rounds > 1:
            self._begin()
        number = rounds[min(self.rounds, len(rounds)) - 1]
        name = hashlib.sha256(f"release {len(self._installed)}".encode()).hexdigest()
        self._installed[name] = LoadedRelease(release, name, self.server.model, self.server.training)
        groups = GROUPS if task == "update" else ()
        file = release.federation
        vector: Vector | None = None if task == "statistics" else release.vector
        request = RoundRequest(task, file.digest(), name, number, groups)  # type: ignore[arg-type]
        sent = b"" if vector is None else vector.tobytes()
        subject = round_binding(request.task, request.federation, name, number, groups, sent)
        trained = self.server.model.layout.select(groups).size
        dimension = TASK_ROWS[request.task].dimension(file, len(release.catalogue), trained)
        terms = derive_round_parameters(file, request.task, number, dimension, subject, self.member.registry)
        record = {
            "task": task,
            "federation": file.digest(),
            "release": name,
            "round": number,
            "groups": list(groups),
        }
        content = RecordDict({"round": ConfigRecord(record)})  # type: ignore[arg-type]
        if vector is not None:
            content["model"] = ArrayRecord({"vector": Array(vector)})
        content["sum"] = ConfigRecord({"configuration": terms.configuration.encode()})
        return content, terms

    def _ask(self, kind: str, content: RecordDict) -> tuple[Seen, bytes]:
        context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})
        try:
            reply = self._app(Message(content, dst_node_id=1, message_type=kind), context)
        except Exception as error:  # Flower makes an error reply of its kind and text
            return (kind, f"{type(error).__name__}: {error}", 0), b""
        fields = tuple((name, tuple(sorted(record))) for name, record in reply.content.items())
        size = len(recorddict_to_proto(reply.content).SerializeToString(deterministic=True))
        message = reply.content["sum"]["message"] if "sum" in reply.content else b""
        return (kind, fields, size), message  # type: ignore[return-value]


def found_by_halving(ask: Callable[[Sequence[str]], object], items: Sequence[str]) -> str | None:
    """The one item that the person met, if answers tell releases with it from those without it; in log2(items) rounds.

    Args:
        ask: what is seen of the answer under a release that shows these items only.
    """
    there = ask(items)
    if ask([]) == there:
        return None
    suspects = list(items)
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        suspects = half if ask(half) == there else suspects[len(half) :]
    return suspects[0]


def _own(number: int, configuration: RoundConfiguration, local_noise_over_clip: float) -> Party:
    """A device of the server's own, which adds nothing."""
    nothing = np.zeros(configuration.dimension, np.float32)
    return party(
        membership(f"own {number}"),
        f"chance {number}".encode(),
        nothing,
        local_noise_over_clip=local_noise_over_clip,
        now_seconds=NOW,
    )
