"""How long the phases of private sums took, as a server's logs have it."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

_PHASE = re.compile(r"\bphase round=(\d+) task=(\w+) name=([\w.]+) asked=(\d+) through=(\d+) seconds=([\d.e+-]+)")


def phase_seconds(server: Path, counts: Callable[[int], bool]) -> dict[str, list[float]]:
    """Seconds from the first message of each phase to its last answer, by name; training is in `train.join`.

    Args:
        server: its folder.
        counts: whether a round of this number counts.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for file in sorted((server / "run" / "logs").glob("*.log")):
        for match in _PHASE.finditer(file.read_text(errors="replace")):
            if counts(int(match[1])):
                found[match[3]].append(float(match[6]))
    return dict(found)
