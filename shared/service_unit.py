"""A systemd unit for a process tree of ours: started again when it fails; it can write in its folder and a cache alone.

See systemd.service(5), systemd.exec(5) for what the keys mean; `systemd-analyze security` for what they leave open.
"""

import os
import sys
from pathlib import Path

from shared.errors import Misconfigured
from shared.files import write_atomically

_UNIT = """\
# Written by {program}. To use it: copy it to /etc/systemd/system, then
#   systemctl daemon-reload && systemctl enable --now {name}
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=exec
User={user}
ExecStart={start}
WorkingDirectory={directory}
Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec=30
UMask=0077
LimitNOFILE=65536
# Each thread of its own beside the others' would slow a small machine down.
Environment=OMP_NUM_THREADS=1
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writable}
# For an encoder that is unpacked before it is first used.
CacheDirectory={program}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def write_unit(program: str, directory: Path, description: str, user: str) -> Path:
    """Write the unit of `PROGRAM up DIRECTORY` into the directory.

    Args:
        program: name of the command, such as "hushrec-server".
        directory: absolute folder of the server or device.
        description: one line, for `systemctl status`.
        user: account that it runs as.

    Returns:
        The file, `PROGRAM.service` in the directory.

    Raises:
        Misconfigured: a path or name holds what no unit can, or the file cannot be written.
    """
    command = Path(sys.executable).parent / program
    for what, text in (("folder", str(directory)), ("account", user), ("description", description)):
        if not text.isprintable() or not text or text.endswith("\\"):  # which would join the line to the next
            raise Misconfigured(
                f"{what}: expected printable characters for a unit of systemd, the last one no backslash, got {text!r}"
            )
    path = directory / f"{program}.service"
    content = _UNIT.format(
        program=program,
        name=path.name,
        description=_plain(description),
        user=_plain(user),
        start=" ".join(_word(part) for part in (str(command), "up", str(directory))),
        directory=_plain(str(directory)),
        writable=_quoted(str(directory)),
    )
    write_atomically(path, content.encode())
    os.chmod(path, 0o644)
    return path


def _word(text: str) -> str:
    """One word of a command line: quoted, so that neither blanks nor variables in it are read as such."""
    return _quoted(text).replace("$", "$$")


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """Specifiers begin with a percent sign."""
    return text.replace("%", "%%")
