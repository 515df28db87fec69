"""What an operator can do in the console: no more than the commands of the same names, and by the same functions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.home import Home
from server.logs import log_line
from server.releases import Releases
from server.training import pause_schedule, resume_schedule, submit_job
from shared.errors import Misconfigured


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Nothing(_Arguments):
    pass


class _Rounds(_Arguments):
    count: Annotated[int, Field(ge=1, le=1_000_000)]


class _Device(_Arguments):
    device: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Release(_Arguments):
    release: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _rounds(home: Home, asked: Any) -> dict[str, Any]:
    return {"until": submit_job(home, asked.count).until}


def _pause(home: Home, asked: Any) -> dict[str, Any]:
    pause_schedule(home)
    return {"paused": True}


def _resume(home: Home, asked: Any) -> dict[str, Any]:
    resume_schedule(home)
    return {"paused": False}


def _revoke(home: Home, asked: Any) -> dict[str, Any]:
    with home.registry() as registry:
        return {"revoked_seconds": home.revocation_list(registry).revoke(asked.device).revoked_seconds}


def _rollback(home: Home, asked: Any) -> dict[str, Any]:
    return {"sequence": Releases(home).rollback(asked.release).sequence}


_Action = tuple[type[_Arguments], Callable[[Home, Any], dict[str, Any]]]
ACTIONS: Mapping[str, _Action] = MappingProxyType(
    {
        "rounds": (_Rounds, _rounds),
        "pause": (_Nothing, _pause),
        "resume": (_Nothing, _resume),
        "revoke": (_Device, _revoke),
        "rollback": (_Release, _rollback),
    }
)


def act(home: Home, name: str, content: bytes) -> dict[str, Any]:
    """Do one of `ACTIONS` with the arguments in this JSON, and log that it was done.

    Raises:
        Misconfigured: there is no such action, or its arguments are others.
        HushrecError: as the command of this name.
    """
    if name not in ACTIONS:
        raise Misconfigured(f"action: expected one of {', '.join(ACTIONS)}, got another")
    arguments, do = ACTIONS[name]
    try:
        asked = arguments.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "its arguments"
        raise Misconfigured(f"{name}: {key}: {first['msg']}") from None
    done = do(home, asked)
    log_line("console-action", action=name, **asked.model_dump())
    return done
