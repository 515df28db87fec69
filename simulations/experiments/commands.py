"""One command of the command line as values: how it is typed, what data it needs, and what it finds when it is run."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from shared.errors import Misconfigured
from simulations.report import Progress

DATA_VARIABLE = "HUSHREC_DATA"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Command:
    """A command that an experiment runs.

    Attributes:
        verb: `run`, `compare` or `bench`.
        name: of the comparison or benchmark; empty for `run`.
        data: a made world such as "demo?people=1000", or LAYOUT:FOLDER, the folder below that of `HUSHREC_DATA`; empty
            for the default, and where the command takes no data.
        options: as they are typed, with underscores: {"privacy": "none", "set": ("model.popularity=false",)}.
        seed: of everything that is drawn.
        reads: a folder below that of `HUSHREC_DATA` which a benchmark reads by itself.

    Example:
        >>> command = Command("compare", "privacy", "movielens:ml-100k", {"epsilon": (8.0, 2.0)})
        >>> command.typed()
        'hushrec-simulate compare privacy --data movielens:$HUSHREC_DATA/ml-100k --epsilon 8 --epsilon 2'
    """

    verb: Literal["run", "compare", "bench"]
    name: str = ""
    data: str = ""
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    seed: int = 0
    reads: str = ""

    @property
    def folder(self) -> str | None:
        """The folder of real data below that of `HUSHREC_DATA`; None for a made world."""
        return self.data.partition(":")[2] or self.reads or None

    def arguments(self, root: str = f"${DATA_VARIABLE}") -> list[str]:
        """What is typed after the program's name, with the data below `root`."""
        words = [self.verb, *([self.name] if self.name else [])]
        if self.data:
            words += ["--data", self._spec(root)]
        for option, value in self.options.items():
            for one in value if isinstance(value, tuple) else (value,):
                words += [f"--{option.replace('_', '-')}", f"{one:g}" if isinstance(one, float) else str(one)]
        return words + (["--seed", str(self.seed)] if self.seed else [])

    def typed(self) -> str:
        """The whole line, for a shell."""
        root = f"${DATA_VARIABLE}"
        words = (word if root in word else shlex.quote(word) for word in self.arguments(root))
        return " ".join(["hushrec-simulate", *words])

    def run(self, root: Path | None, progress: Progress) -> dict[str, Any]:
        """What the command finds, as it prints with `--json`; of a run, its table by model as "rows" besides."""
        if self.verb == "bench":
            from simulations.benchmarks import BENCHMARKS

            return BENCHMARKS[self.name].measure(progress)
        data: dict[str, Any] = {"data": self._spec(str(root))} if self.data else {}
        if self.verb == "compare":
            from simulations.studies import run_comparison

            options = {"epsilons" if name == "epsilon" else name: value for name, value in self.options.items()}
            return run_comparison(self.name, **data, **options, seed=self.seed, progress=progress)
        from simulations.run import simulate

        result = simulate(**data, **self.options, seed=self.seed, progress=progress)
        return {**result.to_record(), "rows": list(_with_learnt(result.table(), result.learnt))}

    def _spec(self, root: str) -> str:
        layout, colon, folder = self.data.partition(":")
        return f"{layout}:{root}/{folder}" if colon else self.data


def check_folder(command: Command, root: Path | None) -> None:
    """See that the data of a command is on this machine.

    Raises:
        Misconfigured: it is not.
    """
    if command.folder is None:
        return
    if root is None:
        raise Misconfigured(
            f"{DATA_VARIABLE}: expected the folder that holds {command.folder}, got none; set it, and see "
            "simulations/README.md for what each layout is"
        )
    if not (root / command.folder).is_dir():
        raise Misconfigured(
            f"{DATA_VARIABLE}: expected {command.folder} in {root}, found none; fetch the data set into that folder"
        )


def _with_learnt(rows: list[dict[str, Any]], learnt: Mapping[str, Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    """The rows, the first of them with what training brought, question by question, and the interval of that."""
    for place, row in enumerate(rows):
        gains = {
            name: value
            for way, gain in (learnt.items() if place == 0 else ())
            for name, value in (
                (f"{way} learnt", gain["ndcg@10"]),
                (f"{way} learnt interval", f"{gain['low']:+.4f} to {gain['high']:+.4f}"),
            )
        }
        yield row | gains
