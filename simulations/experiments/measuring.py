"""Runs an experiment and writes what it found: tables, commands, commit, versions and machine in one folder."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from shared.errors import Misconfigured
from shared.files import write_atomically
from simulations.benchmarks import numbers_of
from simulations.experiments.commands import DATA_VARIABLE, Command, check_folder
from simulations.experiments.frontier import draw_frontier
from simulations.experiments.published import published_figures
from simulations.experiments.registry import Experiment
from simulations.experiments.tables import ALL_SEEDS, OTHER, PROTOCOLS, markdown, tables_by_protocol, with_means
from simulations.machine import machine_facts
from simulations.report import Progress, plain_values

_PACKAGES = ("torch", "numpy", "transformers", "opacus", "peft", "flwr", "scipy", "dp-accounting", "cryptography")
_HOW = "Each protocol has a table of its own; figures of two protocols do not compare."


@dataclass(frozen=True)
class Measured:
    """What an experiment found.

    Attributes:
        name: of the experiment.
        tables: protocol to rows.
        record: what `result.json` holds.
    """

    name: str
    tables: Mapping[str, list[dict[str, Any]]]
    record: Mapping[str, Any]


def data_root() -> Path | None:
    """The folder of the real data sets, if the environment names one."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else None


def measure_experiment(
    name: str, experiment: Experiment, out: Path | None = None, progress: Progress | None = None
) -> Measured:
    """Run all commands of an experiment, and write a folder if one is given.

    Args:
        name: under which it is registered.
        experiment: of `EXPERIMENTS`.
        out: gets `tables.md`, `result.json`, and `picture.png` where the experiment is drawn.
        progress: where stages are shown.

    Raises:
        Misconfigured: its data is not on this machine; nothing was run.
    """
    root, shown = data_root(), progress or Progress()
    for command in experiment.commands:
        check_folder(command, root)
    ran = [_ran(command, root, shown) for command in experiment.commands]
    rows = [row for command in ran for row in _rows(command)]
    if not experiment.commands:
        rows = [figure.to_row() for figure in published_figures()]
    tables = {way: with_means(found) for way, found in tables_by_protocol(rows).items()}
    record = plain_values(
        {
            "experiment": name,
            "summary": experiment.summary,
            "commit": commit(),
            "machine": machine_facts(),
            "packages": dict(_versions()),
            "commands": [{key: value for key, value in one.items() if key != "of"} for one in ran],
            "tables": tables,
        }
    )
    measured = Measured(name, tables, record)
    if out is not None:
        _write(measured, experiment, out)
    return measured


def commit() -> str | None:
    """The commit that this code stands at, with `+` where files differ from it; None outside a checkout."""
    git, here = shutil.which("git"), Path(__file__).parent
    if git is None:
        return None
    told = [
        subprocess.run(  # noqa: S603 - git of this machine, words of our own
            [git, "-C", str(here), *words], capture_output=True, text=True, check=False
        )
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    if any(answer.returncode for answer in told):
        return None
    return told[0].stdout.strip() + ("+" if told[1].stdout.strip() else "")


def _ran(command: Command, root: Path | None, progress: Progress) -> dict[str, Any]:
    started = time.perf_counter()
    with progress.stage(command.typed()):
        found = command.run(root, progress)
    return {"of": command, "command": command.typed(), "seconds": time.perf_counter() - started, "found": found}


def _rows(ran: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one command, each with the data and the seed that it is of."""
    command, found = ran["of"], ran["found"]
    if command.verb == "bench":
        yield from ({"what": f"{command.name}: {name}", "figure": value} for name, value in numbers_of(found))
        return
    about = {"data": command.data or found["data"], "seed": command.seed}
    if chosen := command.options.get("set"):
        about["settings"] = ", ".join(chosen)
    promised = {"epsilon": found["privacy"]["user"]["epsilon"] or "none"} if command.verb == "run" else {}
    for place, row in enumerate(found["rows"]):
        yield {**about, **(promised if place == 0 else {}), **row}
    for epsilon, kept in found.get("kept", {}).items():
        yield {
            **about,
            "seed": ALL_SEEDS,
            "epsilon": epsilon,
            "sampled kept": kept["mean"],
            "sampled kept interval": f"{kept['low']:.4f} to {kept['high']:.4f}",
        }


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("hushrec", *_PACKAGES):
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def _write(measured: Measured, experiment: Experiment, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise Misconfigured(f"--out: expected a folder, got {out}, which is a file; choose another")
    lines = [f"# {measured.name}\n\n{experiment.summary}. {_HOW}\n"]
    if experiment.commands:
        typed = "\n".join(command.typed() for command in experiment.commands)
        lines.append(f"```sh\n{typed}\n```\n")
    else:
        lines.append("Published by other people; none of it was measured here.\n")
    for way, rows in measured.tables.items():
        lines.append(f"{PROTOCOLS.get(way, OTHER)}\n\n{markdown(rows)}")
    if experiment.drawn:
        write_atomically(out / "picture.png", draw_frontier(measured.tables["sampled"]))
        lines.append("![quality over epsilon](picture.png)\n")
    write_atomically(out / "tables.md", "\n".join(lines).encode())
    text = json.dumps(measured.record, ensure_ascii=False, allow_nan=False, indent=1)
    write_atomically(out / "result.json", f"{text}\n".encode())
