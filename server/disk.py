"""Room on the disk for a round: for its answers, its sum, the checkpoint after it, and the release that may follow.

It is looked at before devices are asked: each is charged for its answer, whether or not the sum can be kept.
"""

import shutil
from dataclasses import dataclass

from server.home import Home
from shared.errors import StorageFailed
from shared.release import Publication

_SPARE_BYTES = 64 * 2**20  # for logs, the registry and what else grows
_MEGABYTE = 10**6


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Room where a server's folder lies.

    Attributes:
        free_bytes: that this user may still write.
        needed_bytes: for one round, at most.
    """

    free_bytes: int
    needed_bytes: int

    @property
    def shortage(self) -> str:
        """What is wrong, in words; empty where there is room."""
        if self.free_bytes >= self.needed_bytes:
            return ""
        return (
            f"disk: expected {-(-self.needed_bytes // _MEGABYTE)} MB free for a round, got "
            f"{self.free_bytes // _MEGABYTE} MB; no device is asked, and none charged, until there is room: free some "
            "space, rounds that were ordered then go on by themselves"
        )


def disk_space(home: Home) -> DiskSpace:
    """How much room there is, and how much a round may need.

    Parameters are counted by the release's model.safetensors, which holds them as float32: a device's answer is no
    longer than that, a sum holds float64, a checkpoint three vectors and what was counted.

    Raises:
        Misconfigured, Corrupt: the federation file or the chain cannot be read.
    """
    free_bytes = shutil.disk_usage(home.directory).free
    lines = home.chain.read_bytes().rpartition(b"\n")[0].splitlines() if home.chain.is_file() else []
    if not lines:
        return DiskSpace(free_bytes, _SPARE_BYTES)
    head, federation = Publication.decode(lines[-1]), home.federation()
    model = head.files.get("model.safetensors")
    vector_bytes = model.size_bytes if model is not None else head.size_bytes
    checkpoint = home.training / "checkpoint.safetensors"
    kept_bytes = max(3 * vector_bytes, checkpoint.stat().st_size if checkpoint.is_file() else 0)
    answers_bytes = int(federation.cohort_of("update") * federation.round.over_selection * vector_bytes)
    return DiskSpace(free_bytes, answers_bytes + 2 * vector_bytes + kept_bytes + head.size_bytes + _SPARE_BYTES)


def check_room(home: Home) -> None:
    """See that a round can be kept before anybody is asked.

    Raises:
        StorageFailed: there is too little room.
        Misconfigured, Corrupt: as `disk_space`.
    """
    if shortage := disk_space(home).shortage:
        raise StorageFailed(shortage)
