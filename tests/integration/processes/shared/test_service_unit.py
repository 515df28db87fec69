"""Units of systemd: it can read them, whatever the folder is called."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client.cli.commands import app as device_app
from client.home import create_home
from server.cli import app as server_app
from server.home import create_server
from shared.errors import Misconfigured
from shared.service_unit import write_unit

NAMES = ["plain", "two words", 'percent % dollar $HOME quote " back\\slash', "目录"]
analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine")


def verify(path: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if path.name in line]
    assert (done.returncode, said) == (0, []), done.stderr


@analyze
@pytest.mark.parametrize("name", NAMES)
def test_systemd_reads_the_unit_of_any_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    verify(write_unit("hushrec-server", tmp_path / name, f"Hushrec server {name}", "root"))


@analyze
def test_both_commands_write_one_and_say_where(tmp_path: Path) -> None:
    server, device = tmp_path / "srv", tmp_path / "dev"
    create_server(server)
    create_home(device, keyring=False)
    for app, folder, unit in ((server_app, server, "hushrec-server"), (device_app, device, "hushrec-device")):
        result = CliRunner().invoke(app, ["service", str(folder), "--user", "root"])
        assert result.exit_code == 0
        assert f"systemctl enable --now {unit}.service" in result.stdout
        verify(folder / f"{unit}.service")
        text = (folder / f"{unit}.service").read_text()
        assert f'up" "{folder}"' in text
        assert "User=root" in text
        assert f"CacheDirectory={unit}" in text


@pytest.mark.parametrize(
    ("directory", "user"), [("a\nExecStart=x", "root"), ("plain", "root\nUser=y"), ("plain", ""), ("plain\\", "root")]
)
def test_what_would_add_a_line_to_a_unit_is_refused(tmp_path: Path, directory: str, user: str) -> None:
    with pytest.raises(Misconfigured, match="expected printable characters"):
        write_unit("hushrec-server", tmp_path / directory, "Hushrec", user)
