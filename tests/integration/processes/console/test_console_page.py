"""The console as a process: its page follows the server live, in a browser where there is one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.home import Home, create_server
from tests.unit.server.cli.test_commands import join

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_LOOKS = 5
SETTINGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=5000",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = create_server(tmp_path_factory.mktemp("console") / "server")
    text = made.settings_path.read_text()
    made.settings_path.write_text(text.replace("every_hours = 0.0", "every_hours = 6.0"))
    join(made)
    return made


@pytest.fixture(scope="module")
def said(home: Home) -> Iterator[dict[str, Any]]:
    """What the command prints while it serves."""
    command = [sys.executable, "-c", "from server.cli import main; main()", "console", str(home.directory)]
    with subprocess.Popen([*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_the_page_is_told_of_every_change_and_of_no_other(home: Home, said: dict[str, Any]) -> None:
    token = said["reader"].partition("token=")[2]
    headers = {"authorization": f"Bearer {token}"}
    with httpx.stream("GET", f"{said['url']}/v1/live", headers=headers, timeout=60) as answer:
        lines = answer.iter_lines()
        events = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
        assert next(events)["schedule"]["paused"] is False
        home.schedule_pause.touch()
        assert next(events)["schedule"]["paused"] is True
        home.schedule_pause.unlink()
        assert next(events)["schedule"]["paused"] is False


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the page itself is not looked at")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["you may look and act", "The server is not up", "every 6 h"]),
        ("zh", ["可操作", "服务器未运行", "每 6 小时"]),
    ],
)
def test_a_browser_shows_the_server_in_each_language(said: dict[str, Any], tmp_path: Path, language, words) -> None:
    where = f"{said['operator']}&language={language}"
    # As wide as a telephone.
    command = [CHROMIUM, *SETTINGS, f"--user-data-dir={tmp_path}", "--window-size=400,900", "--dump-dom", where]
    page = ""
    for _ in range(_LOOKS):  # the browser looks once, at a moment of its own choice
        page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        if all(word in page for word in words):
            break
    assert all(word in page for word in words)
    assert f'lang="{language}"' in page
    assert "token=" not in page
