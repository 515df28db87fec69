"""Checks what `simulate` is called with, before anything is read: a wrong argument is named as the caller wrote it."""

import importlib.util
import typing
from collections.abc import Iterable, Sequence

from shared.arguments import described
from shared.errors import Misconfigured
from simulations.options import AcceleratorName, Aggregation, Engine, Privacy, Which
from simulations.tracking import check_trackers


def check_arguments(
    *,
    settings: Sequence[str],
    rounds: int | None,
    clients_per_round: int | None,
    engine: str,
    device: str = "auto",
    privacy: str,
    aggregation: str,
    seed: int,
    baselines: str,
    resume: bool = False,
    out: object = None,
    processes: int | None = None,
    track: Sequence[str] = (),
) -> None:
    """See that each argument is one there is.

    Raises:
        Misconfigured: one is not.
    """
    for name, value, known in (
        ("engine", engine, Engine),
        ("device", device, AcceleratorName),
        ("privacy", privacy, Privacy),
        ("aggregation", aggregation, Aggregation),
        ("baselines", baselines, Which),
    ):
        if value not in typing.get_args(known):
            raise Misconfigured(f"{name}: expected {' or '.join(typing.get_args(known))}, got {value!r}")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise Misconfigured("engine: expected Ray for --engine ray, found none; pip install 'hushrec[ray]'")
    listed = isinstance(settings, Iterable) and not isinstance(settings, str)
    if not listed or not all(isinstance(setting, str) for setting in settings):
        raise Misconfigured(
            f'set: expected a list of settings, such as ["training.rounds=50"], got {type(settings).__name__}'
        )
    for name, number, least in (
        ("seed", seed, 0),
        ("rounds", rounds, 1),
        ("clients_per_round", clients_per_round, 2),
        ("processes", processes, 1),
    ):
        if number is None and name != "seed":
            continue
        if not isinstance(number, int) or isinstance(number, bool) or number < least:  # not numpy's: seeds are printed
            raise Misconfigured(f"{name}: expected a whole number of at least {least}, got {described(number)}")
    check_trackers(track)
    if track and out is None:
        raise Misconfigured("track: expected a folder of the run as out, where it is kept, got none; name the folder")
    if resume and out is None:
        raise Misconfigured("resume: expected the folder of an unfinished run as out, got none; name the folder")
