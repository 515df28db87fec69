"""A server and devices of made-up people on this machine, started by the commands that people use."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulations.datasets import export_dataset, load
from simulations.deployment import Deployment, free_port
from simulations.report import Progress

_OFFERED = 5


def start_federation(
    there: Deployment, devices: int, settings: Sequence[str], advance: Callable[[], None]
) -> tuple[list[Path], list[str]]:
    """A server and devices of the busiest people of the demo, all online.

    Args:
        there: where they run.
        devices: how many; sums of half of them are agreed to.
        settings: of the federation file, as `--set` takes them.
        advance: called as each device is up.

    Returns:
        Folders of the devices, and their names in `there`.

    Raises:
        Unexpected: one does not come up; the message holds the logs.
    """
    export_dataset(load("demo"), there.folder / "data", devices)
    options = [word for setting in settings for word in ("--set", setting)]
    ports = ("--port", there.port, "--superlink-port", free_port())
    there.call("server", "init", there.server, *ports, *options)
    there.call("server", "catalogue", there.server, there.folder / "data" / "items.jsonl")
    there.start("server", "server", "up", there.server)
    there.wait(lambda: there.port in {port for _, port in there.listening()}, 120, "the gateway to listen")
    homes, parts = [], []
    for number in range(1, devices + 1):
        home = there.device(number)
        there.call("device", "init", home, "--no-keyring", "--port", 0, "--policy", f"smallest_cohort={devices // 2}")
        invitation = there.json("server", "enrol", there.server)["invitation"]
        there.call("device", "join", home, invitation, "--yes")
        there.call("device", "log", home, "--file", there.folder / "data" / "people" / f"{number}.jsonl")
        parts.append(f"device-{number}")
        there.start(parts[-1], "device", "up", home)
        homes.append(home)
        advance()
    logs = [home / "run" / "logs" / "executor.log" for home in homes]
    there.wait(lambda: all(log.exists() and "connected" in log.read_text() for log in logs), 300, "all devices")
    return homes, parts


def show_federation(
    folder: Path, devices: int, rounds: int, progress: Progress, ready: Callable[[dict[str, Any]], None]
) -> None:
    """Found a federation in a folder, let it train, and show what came of it; every process ends with this call.

    Args:
        folder: a new one.
        devices: of as many people, at least 4.
        rounds: to train.
        progress: where stages are shown.
        ready: told {"url", "console", "devices", "rounds", "release", "sums", "offers", "spent"} while all of it is up:
            where devices reach the server, a link to its console for the operator, folders of the devices, rounds done,
            the release that counts, what became of each sum, what the first device offers, and what it has spent.

    Raises:
        Unexpected: something does not go as it must; the message holds the logs.
    """
    settings = (
        f"round.minimum_answers={devices // 2}",
        f"training.clients_per_round={devices}",
        f"evaluation.clients={devices}",
        f"evaluation.every_rounds={rounds}",
        "sum.dropout_share=0.3",
    )
    folder.mkdir(parents=True, mode=0o700)  # the console's token stands in a log
    with Deployment(folder) as there:
        with progress.stage("starting a server and devices", total=devices) as stage:
            homes, _ = start_federation(there, devices, settings, stage.advance)
            there.start("console", "server", "console", there.server, "--port", 0, "--json")
        with progress.stage("rounds under masks"):
            done = there.json("server", "rounds", there.server, "--count", rounds)
        with progress.stage("a list on the first device"):
            offers = there.json("device", "recommend", homes[0], "-n", _OFFERED)["recommendations"]
            spent = there.json("device", "privacy", homes[0])["spent"]
        status = there.json("server", "status", there.server)
        ready(
            {
                "url": status["url"],
                "console": _console_link(there),
                "devices": [str(home) for home in homes],
                "rounds": done["rounds"],
                "release": status["release"],
                "sums": done["sums"],
                "offers": offers,
                "spent": spent,
            }
        )


def print_shown(found: dict[str, Any], console: Any) -> None:
    """What `show_federation` tells, for a person.

    Args:
        found: what `ready` is told.
        console: of rich.
    """
    from rich.table import Table

    console.print(f"server    {found['url']}, console {found['console']}", soft_wrap=True)
    release = found["release"]
    console.print(f"rounds    {found['rounds']}; release number {release['sequence']}, {release['why']}")
    table = Table("round", "sum", "asked", "in the sum", "seconds")
    for row in found["sums"]:
        cells = (row["number"], row["task"], row["selected"], row["answered"], f"{row['seconds']:.0f}")
        table.add_row(*map(str, cells))
    console.print(table)
    console.print(f"what {found['devices'][0]} offers its person, whom nobody else knows:", soft_wrap=True)
    for place, offer in enumerate(found["offers"], 1):
        console.print(f"  {place}. {offer['title']}", markup=False)
    spent = ", ".join(f"{name} {value:.2f}" for name, value in found["spent"].items() if value is not None)
    console.print(f"it has spent of its budget (epsilon): {spent}", markup=False)
    console.print("Noise hides so few people: this shows that all parts work, not that anything is learnt.")


def _console_link(there: Deployment) -> str:
    log = there.folder / "logs" / "console.log"
    there.wait(lambda: "operator" in log.read_text(), 60, "the console")
    link: str = json.loads(log.read_text().splitlines()[0])["operator"]
    return link
