"""A page that explains each key of a settings file, made of its schema and of the comments in the shipped file.

Each thing is said in one place: type and limits by the pydantic model, default and meaning by the commented TOML. There
a comment belongs to the key that it stands behind or directly above; directly below a section's heading, or below the
top of the file, it belongs to the section.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from shared.federation.reading import default_federation_text
from shared.federation.schema import FederationFile

Schema = Mapping[str, Any]  # of JSON, or a part of one

# What most people change first, in the order in which they meet it.
START_HERE = (
    "training.rounds",
    "training.clients_per_round",
    "training.groups",
    "privacy.level",
    "privacy.user_epsilon",
    "privacy.event_epsilon",
    "privacy.participations",
    "windows.events",
    "windows.per_device",
    "clipping.update_norm",
    "model.concepts",
    "interest.evolution",
    "optimizer.learning_rate",
    "round.minimum_answers",
)

_BOUNDS = (
    ("exclusiveMinimum", "more than"),
    ("minimum", "at least"),
    ("exclusiveMaximum", "less than"),
    ("maximum", "at most"),
)
_KINDS = {"integer": "whole number", "number": "number", "string": "text"}


@dataclass(frozen=True, slots=True)
class DocumentedKey:
    """What a page says of one key.

    Attributes:
        key: dotted, as `--set` takes it.
        value: what may be given, in words.
        default: as the shipped file has it, in TOML; a table of its own is written on one line.
        meaning: the comments that belong to it.
    """

    key: str
    value: str
    default: str
    meaning: str


@dataclass
class _Entry:
    """What a TOML text says of a key or a section."""

    comment: str = ""
    value: str = ""


def federation_reference() -> str:
    """The page of the federation file, in Markdown."""
    return settings_reference("The federation file", FederationFile, default_federation_text(), START_HERE)


def meanings_of_keys() -> dict[str, str]:
    """What each key of the federation file means, by "section.key" as `shared.amendment` names it."""
    keys = documented_keys(FederationFile, default_federation_text())
    return {entry.key: entry.meaning for entry in keys} | {"optimizer": "the server's own step"}


def documented_keys(model: type[BaseModel], text: str) -> tuple[DocumentedKey, ...]:
    """Every key of a settings file, section by section.

    Args:
        model: what the file is read into.
        text: the shipped file, TOML with a comment for each key.

    Raises:
        ValueError: a key of the model is not in the text, or nothing says what it means.
    """
    entries, schema = _entries(text), model.model_json_schema()
    return tuple(_documented(key, field, schema, entries) for key, field in _fields(schema, schema))


def settings_reference(title: str, model: type[BaseModel], text: str, start_here: Sequence[str] = ()) -> str:
    """A page about a settings file, in Markdown: a table for each section.

    Args:
        title: of the page.
        model: what the file is read into.
        text: the shipped file, TOML with a comment for each key.
        start_here: keys that stand in a table of their own at the top, too.

    Raises:
        ValueError: a key of the model is not in the text, or nothing says what it means; `start_here` has unknown keys.
    """
    keys = {entry.key: entry for entry in documented_keys(model, text)}
    if unknown := set(start_here) - keys.keys():
        raise ValueError(f"start here: expected keys of {model.__name__}, got {', '.join(sorted(unknown))}")
    entries, schema = _entries(text), model.model_json_schema()
    parts = [f"# {title}", entries[""].comment]
    if start_here:
        parts += ["## Start here", "The keys that are changed most.", _table(keys[key] for key in start_here)]
        parts += ["All keys follow, section by section."]
    sections: dict[str, list[DocumentedKey]] = {}
    for key, entry in keys.items():
        sections.setdefault(_section_of(key, schema), []).append(entry)
    for section, rows in sections.items():
        if section:
            described = _resolved(schema["properties"][section], schema).get("description", "")
            comment = entries[section].comment
            parts += [f"## [{section}]", described, comment if comment.rstrip(".") not in described else ""]
        elif len(sections) > 1:
            parts += ["## Above all sections"]
        parts += [_table(rows)]
    parts += ["Unknown keys, and keys that do not go together, are refused by name when the file is read."]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section_of(key: str, schema: Schema) -> str:
    first = key.split(".")[0]
    return first if "properties" in _resolved(schema["properties"][first], schema) else ""


def _table(rows: Iterator[DocumentedKey] | Sequence[DocumentedKey]) -> str:
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for row in rows:
        cells = (f"`{row.key}`", row.value, f"`{row.default}`", row.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _resolved(field: Schema, schema: Schema) -> Schema:
    """A part of a JSON schema, with what it refers to in its place."""
    return schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field


def _fields(part: Schema, schema: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    """Dotted name and JSON schema of everything that has a value, sections entered."""
    for name, field in part["properties"].items():
        field = _resolved(field, schema)
        if "properties" in field:
            yield from _fields(field, schema, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


def _documented(key: str, field: Schema, schema: Schema, entries: Mapping[str, _Entry]) -> DocumentedKey:
    if key not in entries:
        raise ValueError(f"{key}: expected in the shipped file, which does not have it")
    default, comment = entries[key].value, entries[key].comment
    if not default:  # a table of its own
        inner = {name.removeprefix(f"{key}."): entry for name, entry in entries.items() if name.startswith(f"{key}.")}
        default = "{" + ", ".join(f"{name} = {entry.value}" for name, entry in inner.items()) + "}"
        comment = _sentences(comment, *(f"`{name}`: {entry.comment}" for name, entry in inner.items() if entry.comment))
    if not comment:
        raise ValueError(f"{key}: expected a comment behind it or directly above it in the shipped file, got none")
    return DocumentedKey(key, _in_words(field, schema), default, comment)


def _in_words(field: Schema, schema: Schema) -> str:
    """What a JSON schema lets pass."""
    field = _resolved(field, schema)
    if "enum" in field or "const" in field:
        choices = [f"`{choice}`" for choice in field.get("enum", [field.get("const")])]
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if field["type"] == "boolean":
        return "`true` or `false`"
    if field["type"] == "array":
        if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}, each: {_in_words(field['prefixItems'][0], schema)}"
        return _limited("list", field, "Items", "entries") + f", each: {_in_words(field['items'], schema)}"
    if field["type"] == "object":
        names, values = {"type": "string", **field.get("propertyNames", {})}, field.get("additionalProperties", {})
        if "patternProperties" in field:
            names["pattern"], values = next(iter(field["patternProperties"].items()))
        return f"table; name: {_in_words(names, schema)}; value: {_in_words(values, schema)}"
    words = _limited(_KINDS[field["type"]], field, "Length", "characters")
    bounds = [f"{bound} {field[name]:.12g}" for name, bound in _BOUNDS if name in field]
    shape = [f"of the form `{field['pattern']}`"] if "pattern" in field else []
    return " ".join([words, ", ".join(bounds + shape)]).rstrip()


def _limited(kind: str, field: Schema, of: str, what: str) -> str:
    least, most = field.get(f"min{of}"), field.get(f"max{of}")
    limits = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    return f"{kind} of {', '.join(limits)} {what}" if limits else kind


def _entries(text: str) -> dict[str, _Entry]:
    """Each section and key of a TOML text by its dotted name, with its comments; the file as a whole is ''."""
    entries = {"": _Entry()}
    section, above, at_heading = "", [""], True
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            comment = line.lstrip("# ")
            if at_heading:
                entries[section].comment = f"{entries[section].comment} {comment}".strip()
            else:
                above.append(comment)
            continue
        content, behind = _split(line)
        if content.startswith("["):
            section, at_heading = content.strip("[] "), True
            entries[section] = _Entry(_sentences(behind, " ".join(above)))
            if entries[section].comment:
                entries[section].comment += "."
        else:
            at_heading = False
        if content and not at_heading:
            name, _, value = content.partition("=")
            key = f"{section}.{name.strip()}".lstrip(".")
            entries[key] = _Entry(_sentences(behind, " ".join(above)), value.strip())
        above = [""]
    return entries


def _split(line: str) -> tuple[str, str]:
    """What a line of TOML says, and the comment behind it; a # inside of a text is none."""
    place = line.find("#")
    while place >= 0:
        try:
            tomllib.loads(line[:place])
        except tomllib.TOMLDecodeError:
            place = line.find("#", place + 1)
        else:
            return line[:place].strip(), line[place:].lstrip("# ")
    return line, ""


def _sentences(*parts: str) -> str:
    """What is said, one after the other."""
    return ". ".join(part.strip().rstrip(".") for part in parts if part.strip())
