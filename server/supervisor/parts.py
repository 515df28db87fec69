"""The processes of a server: Flower's two on loopback, and the gateway, which alone is seen from outside."""

import sys

from server.flower import HOST, flower_environment, superlink_address
from server.home import Home
from shared.processes import Part

SUPERLINK, SUPEREXEC, GATEWAY = "superlink", "superexec", "gateway"


def server_parts(home: Home) -> tuple[Part, ...]:
    """What has to run, in the order of starting."""
    environment = flower_environment(home)
    secret = ("--superexec-auth-secret-file", str(home.superexec_secret_path))
    superlink = (
        *(sys.executable, "-m", "server.flower.superlink"),
        *("--host", HOST, "--port", str(home.settings.superlink_port)),
        *("--ssl-ca-certfile", str(home.authority_path)),
        *("--ssl-certfile", str(home.server_certificate_path)),
        *("--ssl-keyfile", str(home.server_key_path)),
        *("--database", str(home.superlink_database)),
        *("--isolation", "process", *secret),  # else whoever reaches the port is handed the ServerApp
        "--enable-supernode-auth",
        "--disable-runtime-dependency-installation",
    )
    superexec = (
        "flower-superexec",
        *("--runtime-api-address", superlink_address(home)),
        *("--root-certificates", str(home.authority_path)),
        *secret,
    )
    gateway = (sys.executable, "-m", "server.gateway", str(home.directory))
    return (
        Part(SUPERLINK, superlink, home.flower, environment),
        Part(SUPEREXEC, superexec, home.flower, environment),
        Part(GATEWAY, gateway, home.flower, environment),
    )
