"""Reading a federation file: the shipped default, then a file of one's own, then single settings."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.errors import Corrupt, Misconfigured
from shared.federation.encoders import PACKAGED_ENCODERS
from shared.federation.schema import FederationFile

_EXPECTED = {
    "extra_forbidden": "a known key",
    "missing": "a value",
    "int_type": "a whole number",
    "float_type": "a number (the unit stands in the key's name)",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
}


def default_federation_text() -> str:
    """The shipped default, with a comment per key."""
    return resources.files("shared.federation").joinpath("default.toml").read_text(encoding="utf-8")


def read_federation(
    path: Path | None = None, settings: Iterable[str] = (), overlays: Iterable[Mapping[str, Any]] = ()
) -> FederationFile:
    """Resolve a federation file.

    Each source overrides the one before, key by key: the shipped default, `overlays` (parsed TOML), the file at `path`,
    `settings` ("section.key=value", the value in TOML, bare words taken as text). A source that names an encoder of
    `PACKAGED_ENCODERS`, and no digest, gets that encoder's digests with it.

    Raises:
        Misconfigured: an unknown key, a wrong type or an impossible mix, naming the key.
        Corrupt: `path` is not TOML.
    """
    content = tomllib.loads(default_federation_text())
    asked: dict[str, Any] = {}
    for setting in settings:
        _merge(asked, _setting(setting))
    for source in (*overlays, {} if path is None else _parse(path), asked):
        _merge(content, _pinned(source))
    return _validate(content)


def write_toml(federation: FederationFile) -> str:
    """The resolved file as TOML, section by section; reading it gives an equal federation file."""
    content = federation.model_dump(mode="json")
    lines = [f"{key} = {_toml(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for section, values in content.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"federation file {path}: could not be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"federation file {path}: expected TOML, {error}") from None


def _setting(setting: str) -> dict[str, Any]:
    key, equals, value = setting.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise Misconfigured(f"--set {setting!r}: expected section.key=value, for example training.rounds=50")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for name in reversed(names):
        parsed = {name: parsed}
    return dict(parsed)


def _pinned(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with the digests of the packaged encoder that it names, where it gives none itself."""
    backbone = source.get("backbone")
    name = backbone.get("name") if isinstance(backbone, Mapping) else None
    digests = PACKAGED_ENCODERS.get(name, {}) if isinstance(name, str) else {}
    if not isinstance(backbone, Mapping) or not digests or digests.keys() & backbone.keys():
        return source
    return {**source, "backbone": {**digests, **backbone}}


def _merge(content: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(content.get(key), dict):
            _merge(content[key], value)
        else:
            content[key] = value


def _validate(content: dict[str, Any]) -> FederationFile:
    try:
        return FederationFile.model_validate(content)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"] if part != "[key]") or "file"
            said = _EXPECTED.get(problem["type"], problem["msg"].removeprefix("Value error, "))
            expected = said.format(**problem.get("ctx", {})) if problem["type"] in _EXPECTED else said
            got = "" if problem["type"] in ("missing", "value_error") else f", got {problem['input']!r}"
            if problem["type"] == "extra_forbidden":
                got = f", got another{_nearest([str(part) for part in problem['loc']])}"
            lines.append(f"federation file: {key}: expected {expected}{got}".replace("expected expected", "expected"))
        raise Misconfigured("\n".join(lines)) from None


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are TOML's
    if isinstance(value, list):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items()) + "}"
    return repr(value)


def _nearest(names: Sequence[str]) -> str:
    """The known keys that look most like an unknown one, as the end of a message."""
    known: dict[str, Any] = FederationFile.model_validate(tomllib.loads(default_federation_text())).model_dump()
    for name in names[:-1]:
        known = known[name] if isinstance(known.get(name), dict) else {}
    found = difflib.get_close_matches(names[-1], list(known), n=2) or sorted(known)
    return (
        f"; its keys here are {', '.join(found)}"
        if len(found) > 2
        else f"; did you mean {' or '.join(found)}?"
        if found
        else ""
    )
