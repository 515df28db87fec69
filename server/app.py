"""The Flower ServerApps: each opens what is to be trained and lets it run, nothing else."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from server.flower import hold_serverapp
from server.home import Home
from server.training import Federation, RoundObserver, pending_job, run_training
from shared.errors import Misconfigured
from shared.model import build_model
from shared.release import Release

OpenFederation = Callable[[Context], Federation]


def make_server_app(open_federation: OpenFederation, observers: Sequence[RoundObserver] = ()) -> ServerApp:
    """A ServerApp that runs the federation which `open_federation` gives, to its last round."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        for _ in open_federation(context).run(grid, observers):
            pass

    return app


def open_from_folders(context: Context) -> Federation:
    """The federation of a release on disk.

    The run configuration has `release` and `folder` (paths), `registry` (public key, hexadecimal) and `seed` (0).
    """
    settings = context.run_config
    release_path, folder, seed = settings.get("release"), settings.get("folder"), settings.get("seed", 0)
    registry = settings.get("registry")
    if not (
        isinstance(release_path, str)
        and isinstance(folder, str)
        and isinstance(seed, int)
        and isinstance(registry, str)
        and re.fullmatch("[0-9a-f]{64}", registry)
    ):
        raise Misconfigured(
            'run configuration: expected release="FOLDER", folder="FOLDER", registry="64 HEXADECIMAL DIGITS" and a '
            "whole seed, got others"
        )
    release = Release.load(Path(release_path))

    def publish(statistics: object) -> str:
        del statistics  # devices have the release they installed; popularity enters with the next one
        return release.digest()

    return Federation(
        release.federation,
        build_model(release.federation, light=True).layout,
        release.vector,
        items=len(release.catalogue),
        folder=Path(folder),
        publish=publish,
        seed=seed,
        resume=True,
        registry=bytes.fromhex(registry),
    )


def make_home_app() -> ServerApp:
    """A ServerApp that trains as far as the operator of the server in `home` (a path) has ordered."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        home = open_from_home(context)
        hold_serverapp(home)
        order = pending_job(home)
        if order is not None:
            run_training(home, grid, order.until)

    return app


def open_from_home(context: Context) -> Home:
    """The server that a run configuration names.

    Raises:
        Misconfigured: it names none.
    """
    directory = context.run_config.get("home")
    if not isinstance(directory, str) or not directory:
        raise Misconfigured('run configuration: expected home="FOLDER" of a server, got none; start it with `up`')
    return Home.open(Path(directory))


app = make_home_app()
