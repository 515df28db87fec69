"""What the operator has asked to be trained, and how far it is. It asks; starting runs is the supervisor's part."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.home import Home
from server.instance_lock import is_up
from server.status_file import read_status
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.files import write_atomically

_ORDER, _FULFILLED, _PROGRESS = "order.json", "fulfilled.json", "progress.json"
_POLL_SECONDS = 0.5

Model = TypeVar("Model", bound=BaseModel)
Rounds = Annotated[int, Field(ge=0)]


class TrainingJob(BaseModel):
    """Train until so many rounds of this line are done.

    Attributes:
        until: rounds since release zero.
        ordered_seconds: when it was asked for, seconds since 1970 UTC; no two orders have the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    until: Annotated[int, Field(ge=1)]
    ordered_seconds: float


class TrainingProgress(BaseModel):
    """How far training is, as the ServerApp writes it after each round; it writes more than is read here.

    Attributes:
        round: rounds done or skipped since release zero.
        skipped: of these, those without a sum.
        worse: evaluations in a row that were clearly worse than the best before.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    round: Rounds = 0
    skipped: Rounds = 0
    worse: Annotated[int, Field(ge=0)] = 0


def submit_job(home: Home, count: int) -> TrainingJob:
    """Ask for so many further rounds; behind an order that is not fulfilled yet, it asks for those as well.

    Raises:
        NotYet: the server is not up, or has no release to start from.
        Misconfigured: the federation file allows fewer rounds, or evaluations have ended the training.
        Corrupt: the registry or a file of the training is damaged.
    """
    if count < 1:
        raise Misconfigured(f"rounds: expected a count of 1 and more, got {count}")
    if not is_up(home):
        raise NotYet(
            f"{home.directory}: expected a server that is up, got none; start `hushrec-server up` and ask again"
        )
    if not home.chain.is_file():
        raise NotYet(
            f"{home.directory}: expected a release to start from, got none; "
            "make release zero with `hushrec-server catalogue`"
        )
    worse, patience = read_progress(home).worse, home.federation().evaluation.patience
    if 0 < patience <= worse:
        raise Misconfigured(
            f"{home.training}: expected a training that goes on, got one that stopped after round "
            f"{read_progress(home).round}: {worse} evaluations in a row were clearly worse than the best before, and "
            f"evaluation.patience is {patience}. What was best is released; to go on all the same: hushrec-server "
            f"amend {home.directory} --set evaluation.patience={worse + 1} --publish"
        )
    pending = pending_job(home)
    with home.registry() as registry:  # what devices answered and this server has lost is not asked again
        lost = registry.last_answered("update") or 0
    done = max(read_progress(home).round, pending.until if pending else lost)
    allowed = home.federation().training.rounds
    if done + count > allowed:
        raise Misconfigured(
            f"rounds: expected at most {max(allowed - done, 0)} more, as {done} are done or ordered and "
            f"training.rounds is {allowed}, got {count}; order fewer, or raise it: hushrec-server amend "
            f"{home.directory} --set training.rounds={done + count} --publish"
        )
    order = TrainingJob(until=done + count, ordered_seconds=time.time())
    write_atomically(home.training / _ORDER, order.model_dump_json().encode())
    return order


def current_job(home: Home) -> TrainingJob | None:
    """The latest order, fulfilled or not.

    Raises:
        Corrupt: the file holds something else.
    """
    return _read(home.training / _ORDER, TrainingJob)


def pending_job(home: Home) -> TrainingJob | None:
    """The latest order, unless it is fulfilled.

    Raises:
        Corrupt: the file holds something else.
    """
    order = current_job(home)
    return None if order is None or _read(home.training / _FULFILLED, TrainingJob) == order else order


def complete_job(home: Home, order: TrainingJob) -> None:
    """Remember that an order needs no further run."""
    write_atomically(home.training / _FULFILLED, order.model_dump_json().encode())


def read_progress(home: Home) -> TrainingProgress:
    """How far training is.

    Raises:
        Corrupt: the file holds something else.
    """
    return _read(home.training / _PROGRESS, TrainingProgress) or TrainingProgress()


def wait_for_job(
    home: Home,
    order: TrainingJob,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    held_up: Callable[[str], None] = lambda _: None,
) -> TrainingProgress:
    """Wait until an order is fulfilled, or a later one that includes it.

    Args:
        home: folder of the server.
        order: what is waited for.
        progress: hears of each round.
        held_up: hears why no round goes on, whenever that changes.

    Raises:
        NotYet: the server is no longer up; the order stands, and goes on when it is.
    """
    last, said = None, ""
    while True:
        why = str((read_status(home) or {}).get("why", ""))
        if why and why != said:
            held_up(why)
        said = why
        now = read_progress(home)
        if now != last:
            progress(now)
            last = now
        fulfilled = _read(home.training / _FULFILLED, TrainingJob)
        if fulfilled is not None and fulfilled.ordered_seconds >= order.ordered_seconds:
            return read_progress(home)
        if not is_up(home):
            raise NotYet(
                f"{home.directory}: expected a server that stays up, got none after {now.round} of {order.until} "
                "rounds; start `hushrec-server up` and it goes on"
            )
        time.sleep(_POLL_SECONDS)


def _read(path: Path, model: type[Model]) -> Model | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise Corrupt(
            f"{path}: expected {', '.join(model.model_fields)}, got something else; remove the file"
        ) from None
