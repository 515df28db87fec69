"""The one training of a server: opens it where it stands, runs it as far as was ordered, and releases what came of it.

Whatever it is killed between, the next start goes on from the last finished round, and publishes nothing twice: what
was published is read from the chain, never remembered.
"""

from collections.abc import Callable

import numpy as np
from flwr.serverapp import Grid

from server.aggregation import Clock, NodeDirectory
from server.disk import check_room
from server.home import Home
from server.logs import log_line
from server.registry import Registry
from server.releases import Releases
from server.training.federation import Federation
from server.training.progress import PhaseReport, WaitingReport, write_progress
from shared.errors import Misconfigured
from shared.item_statistics import ItemStatistics
from shared.model import GlobalModel, build_model
from shared.release import Release, model_of, next_release

SUMS = "sums"
POPULARITY = "popularity"


def run_training(home: Home, grid: Grid, until: int, clock: Clock | None = None) -> None:
    """Train until so many rounds of the line are done, and publish what they gave.

    Raises:
        NotYet: there is no release zero, or the operator published at the very same moment: do it again.
        Misconfigured: the federation file is no longer that of the line, or a file cannot be written.
        StorageFailed: there is too little room for a further round; no device was asked for it.
        Corrupt: the chain, the head's files, the checkpoint or a recorded sum is damaged.
    """
    releases = Releases(home)
    head = releases.load(_head(releases)[1])
    _check_federation(home, head)
    model = model_of(head, build_model(head.federation))
    with home.registry() as registry:
        line = _TrainingRunner(home, releases, registry, model, clock)
        while not line.run(grid, until):
            line = _TrainingRunner(home, releases, registry, model, clock)
        line.publish()


class _TrainingRunner:
    """The training under one head of the chain."""

    def __init__(
        self, home: Home, releases: Releases, registry: Registry, model: GlobalModel, clock: Clock | None
    ) -> None:
        self._home, self._releases, self._model = home, releases, model
        self._number, self._digest = _head(releases)
        self._head = releases.load(self._digest)
        self._federation = Federation(
            self._head.federation,
            model.layout,
            self._head.vector,
            items=len(self._head.catalogue),
            folder=home.training,
            publish=self._release,
            resume=True,
            registry=home.registry_key().public_key().public_bytes_raw(),
            clock=clock,
            line=releases.start(),
            earlier_terms={link.federation for link in releases.all()},
            revoked=_revoked(registry),
            answered=registry.count_answers,
            on_phase=PhaseReport(home),
            last_answered=registry.last_answered,
            check_room=lambda: check_room(home),
            directory=NodeDirectory(WaitingReport(home)),
            sums=home.training / SUMS,
        )
        self._write_journal()

    def run(self, grid: Grid, until: int) -> bool:
        """Whether the rounds are done. They are not when the operator has published meanwhile: then open it anew."""
        for _ in self._federation.run(grid, until=until):
            self._write_journal()
            if _head(self._releases) != (self._number, self._digest):
                log_line("head-changed", round=self._federation.round_number)
                return False
        return True

    def publish(self) -> None:
        """Publish the parameters, unless the newest release has them already, whichever counts now."""
        vector, number = self._federation.released
        if np.array_equal(self._releases.load(self._releases.newest().release).vector, vector):
            return
        after, digest = _head(self._releases)
        head = self._releases.load(digest)  # it may have more items than when this was opened
        last = self._federation.reports[-1]
        metrics = last.metrics if last.task == "evaluation" and last.number == number else {}
        following = next_release(head, self._model, vector, number, metrics=metrics)
        self._releases.publish(following, f"after round {number}", after)
        self._write_journal()

    def _release(self, statistics: ItemStatistics | None) -> str:
        """The release that devices work under, which has popularity once it was counted: see `Federation`."""
        if statistics is not None and all(link.why != POPULARITY for link in self._releases.all()):
            counted = self._head.with_statistics(statistics)
            link = self._releases.publish(counted, POPULARITY, self._number)
            self._number, self._digest = link.sequence, link.release
        return self._digest

    def _write_journal(self) -> None:
        done, (_, head) = self._federation, _head(self._releases)
        write_progress(self._home, done.reports, done.round_number, done.file.training.rounds, head, done.worse)


def _head(releases: Releases) -> tuple[int, str]:
    """Number and release of the publication that counts.

    Raises:
        NotYet: there is none.
    """
    releases.start()
    links = releases.all()
    return links[-1].sequence, links[-1].release


def _revoked(registry: Registry) -> Callable[[], frozenset[str]]:
    return lambda: frozenset(device.hex() for device in registry.revocations()[1])


def _check_federation(home: Home, head: Release) -> None:
    if home.federation().digest() != head.federation.digest():
        raise Misconfigured(
            f"{home.federation_path}: expected the terms of the release that counts, got a changed file; publish it "
            f"with `hushrec-server amend {home.directory} --publish`, or put "
            f"{home.releases / head.digest() / 'federation.toml'} back in its place"
        )
