"""Whether a release is what the recorded sums give: training done again from release zero, without any device."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from server.aggregation import read_sum, request_digest, sum_file_name
from server.home import Home
from server.releases import Releases
from server.training import SUMS, TrainingState, advance, optimizer_for
from shared.errors import Corrupt
from shared.federation import FederationFile, read_federation
from shared.model import Layout, Vector, build_model
from shared.release import Release
from shared.round_parameters import derive_round_parameters


@dataclass(frozen=True, slots=True)
class Replayed:
    """Where the recorded sums lead.

    Attributes:
        vector: float32 [d].
        round_number: rounds done again, skipped ones included.
        sums: rounds of those that had a sum.
    """

    vector: Vector
    round_number: int
    sums: int


def replay(
    start: Release,
    training: Path,
    rounds: int | None = None,
    layout: Layout | None = None,
    amended: Mapping[str, FederationFile] = MappingProxyType({}),
) -> Replayed:
    """Take every optimiser step again, each under the terms of its sum.

    Args:
        start: release zero.
        training: folder of a training, with its recorded sums.
        rounds: how many; a round without a recorded sum was skipped. None for all up to the last recorded one.
        layout: of the parameters, where it is at hand.
        amended: federation files by digest, beside that of release zero.

    Raises:
        Corrupt: a sum is damaged, or was over other parameters than the sums before it give.
    """
    known = {start.federation.digest(): start.federation, **amended}
    if layout is None:
        layout = build_model(start.federation, light=True).layout
    first = optimizer_for(start.federation).init(layout)
    state = TrainingState(0, start.vector, first, start.federation.clipping.update_norm)
    last = _last_recorded(training / SUMS) if rounds is None else rounds
    sums = 0
    while state.round_number < last:
        number = state.round_number + 1
        path = training / SUMS / sum_file_name("update", number)
        if not path.exists():
            state = TrainingState(number, state.vector, state.optimizer, state.clip_norm)
            continue
        recorded = read_sum(path)
        federation = known.get(recorded.federation)
        if federation is None:
            raise Corrupt(
                f"{path}: expected a sum under terms that were published, got {recorded.federation[:12]}; it is of "
                "another training"
            )
        optimizer = optimizer_for(federation)
        dimension = layout.select(federation.trained_groups).size
        terms = derive_round_parameters(federation, "update", number, dimension, bytes(32), b"", state.clip_norm)
        if recorded.question != request_digest(terms.configuration, state.vector.tobytes()):
            raise Corrupt(
                f"{path}: expected a sum over the parameters that the sums before it give, got one over others; one of "
                "them was changed, or is of another training"
            )
        state, _ = advance(federation, layout, optimizer, state, recorded.result)
        sums += 1
    return Replayed(state.vector, state.round_number, sums)


def check_replay(home: Home) -> str:
    """What is wrong with the parameters of the release that counts; "" when they are what the recorded sums give.

    Raises:
        NotYet: there is no release.
        Corrupt: the chain or a release is damaged.
    """
    releases = Releases(home)
    start = releases.load(releases.start())
    link = releases.head()
    head = start if link is None else releases.load(link.release)
    try:
        replayed = replay(start, home.training, head.round_number, amended=_terms(home, releases))
    except Corrupt as reason:
        return str(reason)
    if replayed.vector.tobytes() != head.vector.tobytes():
        differing = int(np.sum(replayed.vector != head.vector))
        return f"{differing} of {len(head.vector)} parameters differ from what the recorded sums give"
    return ""


def _terms(home: Home, releases: Releases) -> dict[str, FederationFile]:
    """All federation files that were published, by digest."""
    places = {link.federation: home.releases / link.release / "federation.toml" for link in releases.all()}
    return {digest: read_federation(place) for digest, place in places.items()}


def _last_recorded(folder: Path) -> int:
    return max((int(path.stem.removeprefix("update-")) for path in folder.glob("update-*.safetensors")), default=0)
