"""Simulated devices and whoever attacks them: the product's whole path, from a question to the words of its answer.

What an attacker gets to see of a device in a cohort is its words in the sum, under the noise of as many honest devices
as are surely there: all that colluding members know is taken off.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.common.serde import recorddict_to_proto
from flwr.supercore.task_identity import TaskIdentity
from numpy.typing import NDArray

from client import Credentials, Device, LoadedRelease, RoundRequest, make_client_app
from client.secagg import Contribution, encode_contribution
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.federation import FederationFile, read_federation
from shared.model import GlobalModel, Vector, build_model
from shared.privacy import Keystream, RandomBytes
from shared.release import Release, first_release
from shared.round_parameters import RoundParameters, derive_round_parameters, round_binding
from shared.secure_sum import Identity, SumParameters, issue_certificate
from shared.tasks import TASK_ROWS, Task
from simulations.datasets import load
from simulations.devices import SeededRandomness, registry_key
from simulations.engine import read_catalogue

Observed = Callable[[RoundRequest, str | None], None]
Whole = NDArray[np.int64]

# What is seen of an answer but for the bytes of its message: its kind, the fields of its records, its size in bytes.
Look = tuple[str, tuple[tuple[str, tuple[str, ...]], ...], int]

# Clipping binds everybody, as it does by the recipe, so that each answer is as long as it may be.
BINDING = ("clipping.update_norm=0.001", "clipping.window_norm=0.001")


@dataclass(frozen=True, eq=False)
class Ground:
    """A federation over the demo's items with the shipped encoder, at release zero."""

    release: Release
    model: GlobalModel
    training: LocalTraining
    settings: tuple[str, ...]

    @property
    def federation(self) -> FederationFile:
        """The terms."""
        return self.release.federation

    def without_privacy(self, *settings: str) -> "Ground":
        """The same federation, whose sums nobody noises: what controls attack, and what an attacker can work out."""
        openly = read_federation(settings=[*self.settings, "privacy.level=none", "sum.mode=ideal", *settings])
        return replace(self, release=replace(self.release, federation=openly))

    def log_of(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Event]:
        """One click on each of these catalogue rows, a second apart."""
        catalogue = self.release.catalogue
        return [Event(float(place), EventKind.CLICK, catalogue[int(row)].id) for place, row in enumerate(rows)]


@lru_cache(maxsize=4)
def ground_of(settings: tuple[str, ...], items: int = 10**9) -> Ground:
    """The federation of the shipped file with these settings; `items` cuts the demo's catalogue short."""
    file = read_federation(settings=list(settings))
    model = build_model(file)
    whole = load("demo", 0).catalogue
    readings = read_catalogue(model, whole, file.backbone.max_tokens)
    catalogue = type(whole)(list(whole)[:items])
    release = first_release(file, catalogue, model, readings[: len(catalogue)])
    return Ground(release, model, LocalTraining(model), settings)


@dataclass(frozen=True, eq=False)
class Question:
    """What a server asks: any release, any parameters, any groups that the terms do not rule out.

    Attributes:
        vector: float32 [d], parameters to train from or to rank with; those of the release when left out.
    """

    ground: Ground
    task: Task
    number: int = 1
    groups: tuple[str, ...] = ()
    vector: Vector | None = None
    installed: LoadedRelease = field(init=False)

    def __post_init__(self) -> None:
        release = self.ground.release
        name = hashlib.sha256(f"{id(release)}".encode()).hexdigest()
        object.__setattr__(self, "installed", LoadedRelease(release, name, self.ground.model, self.ground.training))

    def at(self, number: int) -> "Question":
        """The same in another round."""
        asked = replace(self, number=number)
        object.__setattr__(asked, "installed", self.installed)  # whose ranking is kept
        return asked

    @property
    def parameters(self) -> Vector | None:
        """What is sent; nothing for a count."""
        if not TASK_ROWS[self.task].takes_parameters:
            return None
        return self.ground.release.vector if self.vector is None else self.vector

    @property
    def request(self) -> RoundRequest:
        """The round, as a device is told it."""
        digest = self.ground.federation.digest()
        return RoundRequest(self.task, digest, self.installed.digest, self.number, self.groups)

    def terms(self, registry: bytes) -> RoundParameters:
        """What follows from the federation file."""
        sent, request = self.parameters, self.request
        subject = round_binding(
            self.task,
            request.federation,
            request.release,
            self.number,
            self.groups,
            b"" if sent is None else sent.tobytes(),
        )
        trained = self.ground.model.layout.select(self.groups).size
        dimension = TASK_ROWS[self.task].dimension(self.ground.federation, len(self.ground.release.catalogue), trained)
        return derive_round_parameters(self.ground.federation, self.task, self.number, dimension, subject, registry)

    def cohort(self, members: int) -> SumParameters:
        """What follows for a cohort of so many."""
        return self.terms(REGISTRY).configuration.for_cohort(members)

    def values(self, words: Whole, members: int) -> NDArray[np.float64]:
        """Words of a sum in the unit of what devices compute."""
        unit = self.terms(REGISTRY).configuration.clip_norm / self.cohort(members).scale
        return words.astype(np.uint32).astype(np.int32).astype(np.float64) * unit


REGISTRY = registry_key(0).public_key().public_bytes_raw()


class Respondent:
    """One person's simulated device."""

    def __init__(
        self,
        log: Sequence[Event],
        held_out: Sequence[Event] = (),
        seed: int = 0,
        number: int = 0,
        observe: Observed = lambda request, failure: None,
        run: Callable[..., Any] | None = None,
    ) -> None:
        """Make the device of a person.

        Args:
            log: what the person did, oldest first.
            held_out: what the device keeps out of training.
            seed: of all chance.
            number: of the device: each has chance of its own.
            observe: see `Device`; what it raises gets out of the device.
            run: see `Device`; at once where left out.
        """
        self._log, self._held_out = log, held_out
        self._installed: dict[str, LoadedRelease] = {}
        self.state: dict[str, str] = {}
        self._session: dict[str, Any] = {}
        self._masks = False
        self._device = Device(
            _member(number),
            self,
            self._installed.__getitem__,
            self.state,
            self._session,
            lambda asked: SeededRandomness(seed, number, asked),
            now_seconds=lambda: 0.0,
            simulated=True,
            observe=observe,
            **({} if run is None else {"run": run}),
            masks=lambda: self._masks,
        )
        self._app = make_client_app(lambda _: self._device)

    def __repr__(self) -> str:
        return f"Respondent({len(self._log)} events)"

    def events(self) -> Sequence[Event]:
        """See `BehaviourLog`."""
        return self._log

    def held_out(self) -> Sequence[Event]:
        """See `BehaviourLog`."""
        return self._held_out

    def words(self, question: Question, members: int) -> Whole:
        """What the device would add to the sum of a cohort of so many, its share of the noise included."""
        self._masks = False
        self._installed[question.installed.digest] = question.installed
        configuration = question.terms(REGISTRY).configuration
        self._device.advertise(question.request, question.parameters, configuration.encode())
        return np.frombuffer(self._device.reveal(configuration.digest(), members), "<i4").astype(np.int64)

    def look(self, question: Question) -> Look:
        """What is seen of the reply to the first question of a masked sum, as it goes over the network."""
        self._masks = True
        self._installed[question.installed.digest] = question.installed
        request, sent = question.request, question.parameters
        told = {"task": request.task, "federation": request.federation, "release": request.release}
        content = RecordDict(
            {
                "round": ConfigRecord({**told, "round": request.number, "groups": list(request.groups)}),
                "sum": ConfigRecord({"configuration": question.terms(REGISTRY).configuration.encode()}),
            }
        )
        if sent is not None:
            content["model"] = ArrayRecord({"vector": Array(sent)})
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1
        context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})
        try:
            reply = self._app(Message(content, dst_node_id=1, message_type="train.join"), context).content
        except Exception as error:  # Flower makes an error reply of its kind and text
            return f"{type(error).__name__}: {error}", (), 0
        fields = tuple(
            (name, tuple(f"{key}={_told(value)}" for key, value in sorted(record.items())))
            for name, record in reply.items()
        )
        return "reply", fields, len(recorddict_to_proto(reply).SerializeToString(deterministic=True))


def _told(value: Any) -> str:
    """A word as it is; of the bytes of a protocol message, which are random, how many there are."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def _member(number: int) -> Credentials:
    name = f"audited device {number}"
    identity = Identity(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))
    return Credentials(identity, issue_certificate(registry_key(0), identity.public_key, 2**63), REGISTRY)


def chance_of(*words: object) -> RandomBytes:
    """Bytes that these words determine."""
    return Keystream(hashlib.sha256(repr(words).encode()).digest())


def noise_of(question: Question, members: int, devices: int, chance: RandomBytes) -> Whole:
    """What so many honest devices of a cohort that have nothing to add do add: their shares of its noise."""
    configuration = question.terms(REGISTRY).configuration
    parameters = configuration.for_cohort(members)
    nothing = Contribution(np.zeros(configuration.dimension, np.float32))
    total = np.zeros(configuration.dimension, np.int64)
    for _ in range(devices if parameters.variance else 0):
        total += encode_contribution(nothing, configuration, parameters, chance).astype(np.int32)
    return total


def sum_of(question: Question, people: Sequence[Respondent], members: int, chance: RandomBytes) -> Whole:
    """The sum that an attacker is left with of a cohort in which `people` have something to add, and no others.

    Its noise is that of the honest members who are surely there, so no more people than these may be given.
    """
    total = noise_of(question, members, question.cohort(members).honest_survivors - len(people), chance)
    for person in people:
        total = total + person.words(question, members)
    return total
