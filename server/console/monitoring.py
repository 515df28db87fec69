"""What other people's monitors need to know of a server: a scrape, alert rules and a dashboard."""

import json
from importlib import resources
from pathlib import Path

from server.console.access import console_tokens
from server.home import Home
from shared.errors import Misconfigured
from shared.files import write_atomically

_NAMES = ("scrape.yml", "alerts.yml", "grafana.json")


def write_monitoring(home: Home, out: Path) -> list[Path]:
    """Write the files into a folder, which is made where there is none.

    Args:
        home: folder of the server; the scrape names the file of its reader's token.
        out: folder for the files.

    Returns:
        What was written.

    Raises:
        Misconfigured: one of them is there already, or cannot be written.
        Corrupt: a token is damaged.
    """
    console_tokens(home)  # made, where the console has never run
    there = [out / name for name in _NAMES if (out / name).exists()]
    if there:
        raise Misconfigured(f"{there[0]}: expected no such file yet, got one; choose another folder, or remove it")
    token_file = json.dumps(str(home.console_tokens["reader"]))  # which YAML reads as it is, whatever the path holds
    written = []
    for name in _NAMES:
        text = resources.files("server.console").joinpath("templates", name).read_text(encoding="utf-8")
        write_atomically(out / name, text.replace("TOKEN_FILE", token_file).encode())
        written.append(out / name)
    return written
