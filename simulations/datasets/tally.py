"""Counts every record read, kept and left out, and refuses a load whose counts do not balance."""

from dataclasses import dataclass, field
from pathlib import Path

from simulations.datasets.dataset import LoadReport, SkippedRows

EXAMPLES_PER_LOSS = 5


@dataclass
class LoadCounter:
    """The open account of one load; counts may be added to directly where a loop is hot."""

    read: int = 0
    kept: int = 0
    _lost: dict[str, int] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    def note(self, said: str) -> None:
        """Say in the report what was read in another way than it stands there."""
        self._notes.append(said)

    def skip(self, reason: str, path: Path, line: int, count: int = 1) -> None:
        """Report `count` records of one line as left out."""
        if count == 0:
            return
        self._lost[reason] = self._lost.get(reason, 0) + count
        examples = self._examples.setdefault(reason, [])
        place = f"{path.name}:{line}"
        if len(examples) < EXAMPLES_PER_LOSS and place not in examples:
            examples.append(place)

    def report(self) -> LoadReport:
        """The closed account."""
        lost = sum(self._lost.values())
        if self.read != self.kept + lost:
            raise AssertionError(f"a loader lost count: {self.read} read, {self.kept} kept, {lost} reported")
        losses = tuple(
            SkippedRows(reason, count, tuple(self._examples[reason])) for reason, count in self._lost.items()
        )
        return LoadReport(self.read, self.kept, losses, tuple(self._notes))
