"""The documents hold: links lead somewhere, commands and options exist, Python examples import what is there."""

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import typer

from client.cli.commands import app as device
from server.cli import app as server
from simulations.cli import app as simulate

ROOT = Path(__file__).parents[2]
FOLDERS = (".docs", ".github", "client", "server", "shared", "simulations", "tests")
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(found for folder in FOLDERS for found in (ROOT / folder).rglob("*.md")))
)
PROGRAMS: Mapping[str, click.Group] = {
    f"hushrec-{name}": group
    for name, app in (("device", device), ("server", server), ("simulate", simulate))
    if isinstance(group := typer.main.get_command(app), click.Group)
}
MOST_README_BYTES = 7_000
START = ("pip install -e . && hushrec-simulate run", "pip install -e '.[test]' && pytest -n auto")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_SUBSTITUTION = re.compile(r"\$\(([^)]*)\)")
_COMMAND = re.compile(r"\bhushrec-(?:device|server|simulate)\b(?!/)(?:[^\S\n][^\n;&|`]*)?")


def text_of(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """What headings may be linked by, as hosts make it: small letters, hyphens, a number where it is taken."""
    found: Counter[str] = Counter()
    names = set()
    for heading in _HEADING.findall(_BLOCK.sub("", text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def broken_links(document: Path, text: str) -> Iterator[str]:
    """Relative links of a document that lead to no file, no folder or no heading."""
    for match in _LINK.finditer(_SPAN.sub("", _BLOCK.sub("", text))):
        link = match[1] or match[2]
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / document.parent / path).resolve() if path else ROOT / document
        if not target.exists() or not target.is_relative_to(ROOT):
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors(text if not path else target.read_text(encoding="utf-8")):
            yield f"{link}: no such heading"


def command_lines(text: str) -> Iterator[str]:
    """Every call of ours in code blocks, and in code spans that are one, without the shell around it."""
    shells = [block for language, block in _BLOCK.findall(text) if language != "python"]
    shells += [span for span in _SPAN.findall(_BLOCK.sub("", text)) if span.startswith("hushrec-")]
    for shell in shells:
        shell = _COMMENT.sub("", shell.replace("\\\n", " "))
        for part in (_SUBSTITUTION.sub("VALUE", shell), *_SUBSTITUTION.findall(shell)):
            yield from (call.strip() for call in _COMMAND.findall(part))


def faults(line: str) -> Iterator[str]:
    """What of a command line does not exist. Values may be placeholders, but for those of a fixed choice."""
    program, *words = shlex.split(line)
    if program not in PROGRAMS:
        yield f"{program}: no such program"
        return
    command: click.Command = PROGRAMS[program]
    if words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in PROGRAMS[program].commands:
            yield f"{name}: no such command"
            return
        command = PROGRAMS[program].commands[name]
    options = {opt: param for param in command.params for opt in (*param.opts, *param.secondary_opts)}
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    given = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            given += 1
            continue
        name, equals, value = word.partition("=")
        if name == "--help":
            continue
        if name not in options:
            yield f"{name}: no such option"
        elif not getattr(options[name], "is_flag", False):
            if not equals and not words:
                yield f"{name}: no value"
                return
            value = value if equals else words.pop(0)
            kind = options[name].type
            if isinstance(kind, click.Choice) and value not in map(str, kind.choices):
                yield f"{name}: no such choice as {value}"
    if given > len(arguments) and all(argument.nargs > 0 for argument in arguments):
        yield f"{given} arguments, of which {len(arguments)} exist"


def missing_imports(source: str) -> Iterator[str]:
    """What a Python example imports of ours that is not there; read from the files, so that nothing is loaded."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _PACKAGES:
            path = ROOT.joinpath(*node.module.split("."))
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            held = _names(path) if path.is_file() else set()
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in held)


_PACKAGES = ("client", "server", "shared", "simulations")


def _names(path: Path) -> set[str]:
    """What a module offers: its `__all__` if it has one, else its own classes, functions and values."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "__all__":
                return set(ast.literal_eval(node.value))
            names.add(node.targets[0].id)
    return names


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(document):
    assert list(broken_links(document, text_of(document))) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_command_line_names_commands_and_options_that_exist(document):
    wrong = {line: found for line in command_lines(text_of(document)) if (found := list(faults(line)))}
    assert wrong == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_python_example_imports_what_is_there(document):
    blocks = [block for language, block in _BLOCK.findall(text_of(document)) if language == "python"]
    assert [name for block in blocks for name in missing_imports(block)] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= MOST_README_BYTES


def test_the_readme_starts_with_one_command_that_runs_and_one_that_tests():
    _, _, rest = text_of(Path("README.md")).partition("\n## Start\n")
    blocks = [block.strip() for language, block in _BLOCK.findall(rest.partition("\n## ")[0]) if language == "sh"]
    assert blocks == list(START)


def test_the_documents_hold_links_commands_and_examples_to_look_at():
    texts = [text_of(document) for document in DOCUMENTS]
    assert Path("README.md") in DOCUMENTS
    assert len(PROGRAMS) == 3
    assert all(any(pattern in text for text in texts) for pattern in ("```python", "](../"))
    assert {shlex.split(line)[0] for text in texts for line in command_lines(text)} == set(PROGRAMS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](nowhere.md)", "nowhere.md: no such file"),
        ("[a](#nothing)", "#nothing: no such heading"),
        ("# Here\n[a](README.md#not-there)", "README.md#not-there: no such heading"),
        ("[a](../outside.md)", "../outside.md: no such file"),
        ("[a]: gone.md", "gone.md: no such file"),
    ],
)
def test_a_broken_link_is_noticed(text, fault):
    assert list(broken_links(Path("README.md"), text)) == [fault]


@pytest.mark.parametrize(
    "text",
    [
        "# One `thing`, *twice*\n[a](#one-thing-twice)",
        "# A\n# A\n[b](#a-1)",
        "[a](https://example.org/x.md) [b](LICENSE) [c](client)",
        "```sh\n[a](nowhere.md)\n```\n`[b](nowhere.md)`",
    ],
)
def test_a_link_that_holds_is_let_pass(text):
    assert list(broken_links(Path("README.md"), text)) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("hushrec-nothing run", "hushrec-nothing: no such program"),
        ("hushrec-simulate walk", "walk: no such command"),
        ("hushrec-simulate run --speed 3", "--speed: no such option"),
        ("hushrec-simulate run --privacy much", "--privacy: no such choice as much"),
        ("hushrec-device up dev --json --port 3", "--port: no such option"),
        ("hushrec-simulate run --seed", "--seed: no value"),
        ("hushrec-server up srv again", "2 arguments, of which 1 exist"),
    ],
)
def test_a_command_line_that_does_not_exist_is_noticed(line, fault):
    assert fault in list(faults(line))


def test_commands_are_found_between_what_belongs_to_the_shell():
    block = 'a && hushrec-server up srv &  # hushrec-note\nhushrec-device join d "$(hushrec-server enrol srv)" --yes; b'
    assert list(command_lines(f"```sh\n{block}\n```\nsee `hushrec-device up DIR`")) == [
        "hushrec-server up srv",
        'hushrec-device join d "VALUE" --yes',
        "hushrec-server enrol srv",
        "hushrec-device up DIR",
    ]


def test_an_example_that_imports_what_is_gone_is_noticed():
    source = "import time\nfrom client import install, load_release\nfrom shared.nowhere import x\n"
    assert list(missing_imports(source)) == ["client.install", "shared.nowhere.x"]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=str)
def test_every_file_of_ours_that_is_named_is_there(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:client|server|shared|simulations|tests)/[\w/.-]+\.(?:py|toml|md|json|csv))`", text))
    examples = {name for name in named if "NAME" in name or "NEW" in name}
    assert sorted(name for name in named - examples if not (ROOT / name).is_file()) == []
