"""A device that has joined a server, and an operator who publishes small releases there."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from client.enrolment import enroll, prepare
from client.home import Home, create_home
from client.membership import Membership
from client.releases import Releases
from shared.federation import FederationFile, read_federation, write_toml
from shared.release.publication import FileEntry, Publication
from tests.support.gateways import Asked, Gateway, Operator, Reply, serving

NOW = 1_800_000_000
TERMS = ("round.minimum_answers=60",)


@dataclass
class Publisher:
    """What a server has published, and how it hands it out."""

    operator: Operator
    links: list[Publication] = field(default_factory=list)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def files(self, model: bytes, federation: FederationFile) -> dict[str, bytes]:
        """The files of a release that differs by its model alone."""
        files = {
            "federation.toml": write_toml(federation).encode(),
            "model.safetensors": model,
            "index.safetensors": b"index" * 100,
        }
        pinned = ",".join(f'"{name}": "{FileEntry.of(content).sha256}"' for name, content in sorted(files.items()))
        text = f'{{"format": 4, "federation": "{federation.digest()}", "sha256": {{{pinned}}}}}'
        return {**files, "manifest.json": text.encode()}

    def publish(
        self, model: bytes, federation: FederationFile | None = None, previous: Publication | None = None, **changed
    ) -> Publication:
        """Publish a release after the last link, or after `previous`, with some claims changed."""
        federation = federation or read_federation(settings=TERMS)
        files = self.files(model, federation)
        entries = {name: FileEntry.of(content) for name, content in files.items()}
        before = previous or (self.links[-1] if self.links else None)
        link = Publication.after(before, entries["manifest.json"].sha256, federation.digest(), entries, NOW, "trained")
        link = link.model_copy(update=changed).sign(self.operator.operator)
        self.contents |= {(link.release, name): content for name, content in files.items()}
        self.links.append(link)
        return link

    def serve(self, gateway: Gateway) -> None:
        gateway.answers |= {"/v1/releases/": self.file, "/v1/releases/chain": self.chain}

    def chain(self, asked: Asked) -> Reply:
        after = int(asked.path.partition("after=")[2])
        return Reply(b"".join(link.encode() + b"\n" for link in self.links[after : after + 64]))

    def file(self, asked: Asked) -> Reply:
        _, _, _, release, name = asked.path.split("/")
        return Reply(self.contents[release, name])


@pytest.fixture
def operator() -> Operator:
    return Operator(write_toml(read_federation(settings=TERMS)))


@pytest.fixture
def gateway(tmp_path: Path, operator: Operator):
    with serving(tmp_path / "gateway", operator) as gateway:
        yield gateway


@pytest.fixture
def publisher(operator: Operator, gateway: Gateway) -> Publisher:
    publisher = Publisher(operator)
    publisher.serve(gateway)
    return publisher


@pytest.fixture
def home(tmp_path: Path, operator: Operator, gateway: Gateway) -> Home:
    home = create_home(tmp_path / "device", keyring=False)
    enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    gateway.asked.clear()
    return home


@pytest.fixture
def tried() -> list[str]:
    """Digests of the releases that were tried out."""
    return []


@pytest.fixture
def releases(home: Home, tried: list[str]):
    membership = Membership.load(home.membership)
    with membership.gateway(home.keys.identity()) as link:
        yield Releases(home, membership, link, lambda folder, release: tried.append(release))
