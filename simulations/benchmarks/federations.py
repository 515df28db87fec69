"""The federation that benchmarks of rounds run: the demo's people under steady terms, trained in many ways."""

from dataclasses import dataclass
from pathlib import Path

from client import LoadedRelease, load_release, make_client_app
from server import Aggregator, Clock, Federation
from server.aggregation import Directory
from shared.federation import FederationFile
from shared.model import GlobalModel, build_model
from shared.release import Release, first_release
from simulations.cohort import COLUMNS, write_own_words, write_windows
from simulations.datasets import Dataset, load
from simulations.devices import (
    DeviceStates,
    InProcessGrid,
    OpenSimulatedDevice,
    Population,
    SimulatedDirectory,
    registry_key,
    write_population,
)
from simulations.engine import RunFolder, read_catalogue, simulated_clock
from simulations.evaluation import World
from simulations.settings import facts_of, resolve

SEED = 0
# What is measured stays the same whatever the recipe makes of so many people.
_STEADY = (
    "model.concepts=32",
    "model.dense_width=384",
    "model.dense_trained=32",
    "model.popularity=false",
    "windows.events=16",
    "windows.per_device=4",
    "windows.negatives=48",
    'training.groups=["dense", "forgetting", "scales"]',
)


@dataclass(frozen=True)
class BenchmarkWorld:
    """Devices of the demo with all that they share, in a work folder.

    Attributes:
        home: the work folder.
        settings: the terms of the federation.
        model: of the federation.
        release: release zero.
        digest: of it, in the work folder.
        devices: how many there are.
    """

    home: Path
    settings: FederationFile
    model: GlobalModel
    release: Release
    digest: str
    devices: int

    @classmethod
    def make(
        cls,
        place: Path,
        settings: tuple[str, ...],
        privacy: str = "user",
        aggregation: str = "ideal",
        *,
        data: Dataset,
        kind: str = "demo",
    ) -> "BenchmarkWorld":
        """Write the devices of all people of a data set to a folder; rounds ask all, unless settings say otherwise.

        Args:
            place: the folder.
            settings: single ones, "section.key=value".
            privacy: level of the promise.
            aggregation: how summands are added.
            data: the people.
            kind: of data, whose format holds.
        """
        world = World.of(data, SEED, strangers_share=0.0)
        devices = len(world.members)
        wishes = (f"training.clients_per_round={devices}", "evaluation.every_rounds=0")
        file = resolve(kind, facts_of(world), None, (*_STEADY, *wishes, *settings), None, None, privacy, aggregation)
        folder = RunFolder.open(place, {"federation": file.digest()}, resume=False)
        model, catalogue = build_model(file), world.dataset.catalogue
        embeddings = read_catalogue(model, catalogue, file.backbone.max_tokens)
        release = first_release(file, catalogue, model, embeddings)
        numbers = world.dataset.people.own_texts()
        write_population(folder.work, world.dataset.people, world.devices)
        with model.at(release.vector):
            write_own_words(folder.work / COLUMNS, numbers, model.encoder.read(list(numbers)))
        write_windows(folder.work / COLUMNS, Population(folder.work), catalogue, file.windows.events, numbers)
        return cls(folder.work, file, model, release, folder.publish(release), devices)

    @classmethod
    def demo(
        cls, place: Path, devices: int, settings: tuple[str, ...], privacy: str = "user", aggregation: str = "ideal"
    ) -> "BenchmarkWorld":
        """The same of so many people of the demo."""
        data = load(f"demo?people={devices}", SEED)
        return cls.make(place, settings, privacy, aggregation, data=data)

    def federation(
        self,
        name: str,
        states: DeviceStates,
        aggregator: Aggregator | None = None,
        clock: Clock | None = None,
        directory: Directory | None = None,
    ) -> tuple[Federation, InProcessGrid]:
        """A training of its own over these devices, and the grid that reaches them."""
        federation = Federation(
            self.settings,
            self.model.layout,
            self.release.vector,
            items=len(self.release.catalogue),
            folder=self.home / name,
            publish=lambda statistics: self.digest,
            registry=self.registry,
            clock=clock or simulated_clock(),
            aggregator=aggregator,
            directory=directory or SimulatedDirectory(SEED, self.devices),
        )
        return federation, InProcessGrid(make_client_app(self.opener()), self.devices, states=states)

    def opener(self) -> OpenSimulatedDevice:
        """Opens its devices, each computing for itself."""
        return OpenSimulatedDevice(self.home, SEED)

    def installed(self) -> LoadedRelease:
        """Its release as devices have it."""
        return load_release(self.home / "releases" / self.digest)

    @property
    def registry(self) -> bytes:
        """Ed25519 public key that certifies its devices."""
        return registry_key(SEED).public_key().public_bytes_raw()
