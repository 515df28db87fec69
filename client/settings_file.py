"""The commented TOML files of a device: read strictly, changed value by value so that every comment stays.

Nothing is guessed: an unknown key, a missing one or another type is an error that names the key.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Corrupt, Misconfigured
from shared.files import read_bounded

Setting = bool | int | float | str | Sequence[str]

_LARGEST_BYTES = 65_536
_EXPECTED = {
    "extra_forbidden": "a known key",
    "missing": "a value",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
}
_TEXT = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*')"""
_VALUE = re.compile(rf"""^(\s*[A-Za-z0-9_]+\s*=\s*)({_TEXT}|\[(?:{_TEXT}|[^\]"'])*\]|[^#\s"'\[]+)(.*)$""")


class SettingsFile(BaseModel):
    """What a file of settings holds: strict, frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


AnySettings = TypeVar("AnySettings", bound=SettingsFile)


def shipped(name: str) -> str:
    """The text of a file of settings as it is shipped, with a comment for each key."""
    return resources.files("client").joinpath(name).read_text(encoding="utf-8")


def values_of(option: str, settings: Sequence[str]) -> dict[str, Setting]:
    """Values as a command line gives them, "key=value" with the value in TOML.

    Raises:
        Misconfigured: one is not of this form; `option` says where it came from.
    """
    values: dict[str, Setting] = {}
    for setting in settings:
        try:
            key, value = next(iter(tomllib.loads(setting).items()))
        except (tomllib.TOMLDecodeError, StopIteration):
            raise Misconfigured(f'{option}: expected KEY=VALUE, such as smallest_cohort=4, got "{setting}"') from None
        values[key] = value
    return values


def read_settings(path: Path, kind: type[AnySettings]) -> AnySettings:
    """Read a file of settings.

    Raises:
        Misconfigured: it cannot be read, or a key is unknown, missing, of another type or out of bounds.
        Corrupt: it is not TOML.
    """
    try:
        content = read_bounded(path, _LARGEST_BYTES)
    except FileNotFoundError:
        raise Misconfigured(f"{path}: expected a file of settings, could not read it (there is none)") from None
    return parse(content, kind, path)


def parse(content: bytes, kind: type[AnySettings], path: Path) -> AnySettings:
    """Read the content of a file of settings that lies, or is to lie, at `path`.

    Raises:
        Misconfigured, Corrupt: as `read_settings`.
    """
    if len(content) > _LARGEST_BYTES:
        raise Corrupt(f"{path}: expected at most {_LARGEST_BYTES} bytes, got more")
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"{path}: expected TOML, {error}; mend it or bring it back from a copy") from None
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise Misconfigured("\n".join(_problems(error, path))) from None


def with_values(text: str, values: Mapping[str, Setting]) -> str:
    """The text of a file of settings with other values; keys below a section are written `section.key`.

    Raises:
        Misconfigured: the file has no line for a key.
    """
    section, left, lines, keys = "", dict(values), [], []
    for line in text.split("\n"):
        if line.lstrip().startswith("["):
            section = line.strip().split("]")[0].removeprefix("[") + "."
        found = _VALUE.match(line)
        key = section + found[1].partition("=")[0].strip() if found else ""
        keys += [key] if found else []
        if found and key in left:
            line = f"{found[1]}{_toml(left.pop(key))}{found[3]}"
        lines.append(line)
    if left:
        raise Misconfigured("\n".join(_absent(key, keys) for key in left))
    return "\n".join(lines)


def _absent(key: str, keys: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, keys, 1)
    cure = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}; bring the line back if it was shipped"
    return f"settings: expected a line for {key}, found none; {cure}"


def _toml(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are TOML's
    if isinstance(value, int | float):
        return repr(value)
    return "[" + ", ".join(map(_toml, value)) + "]"


def _problems(error: ValidationError, path: Path) -> list[str]:
    lines = []
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"])) or "file"
        expected = _EXPECTED.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        got = "" if problem["type"] in ("missing", "value_error") else f", got {problem['input']!r}"
        lines.append(f"{path}: {key}: expected {expected}{got}".replace("expected expected", "expected"))
    return lines
