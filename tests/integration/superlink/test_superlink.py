"""The apps of the simulations, unchanged, over a real SuperLink with TLS and node keys: the same numbers to the bit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from client import make_client_app
from server.app import make_server_app, open_from_folders
from server.training.checkpoint import Checkpoint, TrainingId, load_checkpoint
from server.training.federation import CHECKPOINT_NAME
from shared.release.release import Release
from simulations.devices.population import OpenSimulatedDevice, registry_key, write_logs
from simulations.engine import run_local
from tests.integration.superlink.link import Link, missing_commands
from tests.support.tiny import Tiny, person

pytestmark = pytest.mark.skipif(bool(missing_commands()), reason=f"needs Flower's commands, lacks {missing_commands()}")

DEVICES, SEED = 4, 5
SETTINGS = (
    "sum.mode=secure",
    "privacy.level=both",
    "privacy.event_epsilon=4000.0",
    "privacy.user_epsilon=1000.0",
    "privacy.local_epsilon=1000.0",
    "privacy.participations.evaluation=2",
    "privacy.shares.evaluation=0.4",  # so that four devices stand clear of the noise
    "model.popularity=true",
    "training.rounds=1",
    f"training.clients_per_round={DEVICES}",
    f"round.minimum_answers={DEVICES}",
    "evaluation.every_rounds=1",
    f"evaluation.clients={DEVICES}",
    'training.groups=["dense", "concepts", "transitions", "forgetting", "bias", "scales"]',
)
RUN_SECONDS = 180


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Another order of sums would change last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def release(tiny: Tiny) -> Release:
    return tiny.release(*SETTINGS)[0]


@pytest.fixture(scope="module")
def home(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What four devices have on their disks."""
    folder = tmp_path_factory.mktemp("home")
    logs = [person(seed, 9 + seed) for seed in range(DEVICES)]
    write_logs(folder, [log[:-1] for log in logs], [log[-1:] for log in logs])
    release.save(folder / "releases" / release.digest())
    return folder


def run_settings(home: Path, release: Release, folder: Path) -> dict[str, str | int]:
    return {
        "release": str(home / "releases" / release.digest()),
        "folder": str(folder),
        "registry": registry_key(SEED).public_key().public_bytes_raw().hex(),
        "seed": SEED,
    }


def checkpoint_in(folder: Path, release: Release) -> Checkpoint | None:
    path = folder / CHECKPOINT_NAME
    identity = TrainingId(release.federation.digest(), release.digest(), SEED, len(release.vector))
    return load_checkpoint(path, identity) if path.exists() else None


def bits(checkpoint: Checkpoint) -> dict[str, object]:
    """Everything in a checkpoint but the wall clock."""
    assert checkpoint.statistics is not None
    return {
        "vector": checkpoint.state.vector.tobytes(),
        "optimizer": checkpoint.state.optimizer.momentum.tobytes(),
        "counts": checkpoint.statistics.counts.tobytes(),
        "noise": checkpoint.statistics.noise,
        "reports": [report.to_json() | {"seconds": 0} for report in checkpoint.reports],
    }


def test_a_superlink_with_four_supernodes_gives_the_numbers_of_the_grid_in_this_process(
    home: Path, release: Release, tmp_path: Path, one_thread: None
) -> None:
    run_local(
        make_server_app(open_from_folders),
        make_client_app(OpenSimulatedDevice(home, SEED)),
        DEVICES,
        run_config=run_settings(home, release, tmp_path / "here"),
    )
    here = checkpoint_in(tmp_path / "here", release)
    assert here is not None
    assert [report.task for report in here.reports] == ["statistics", "evaluation", "update", "evaluation"]
    assert all(report.selected == report.answered == DEVICES and not report.skipped for report in here.reports)
    assert not np.array_equal(here.state.vector, release.vector)
    assert here.reports[-1].metrics

    def done() -> bool:
        there = checkpoint_in(tmp_path / "there", release)
        return there is not None and there.state.round_number == release.federation.training.rounds

    with Link(tmp_path / "link") as link:
        link.start_nodes(
            [{"partition-id": place, "home": str(home), "seed": SEED} for place in range(DEVICES)],
            home / "releases" / release.digest(),
        )
        stranger = link.start_stranger({"partition-id": DEVICES, "home": str(home), "seed": SEED})
        link.run(run_settings(home, release, tmp_path / "there"), done, RUN_SECONDS)
        refused = stranger.poll()
    there = checkpoint_in(tmp_path / "there", release)
    assert there is not None
    assert bits(there) == bits(here)
    assert refused not in (None, 0)
    assert "Failed to activate" in link.log("stranger")
    assert link.alive() == []
