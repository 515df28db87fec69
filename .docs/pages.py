"""What of the repository becomes a page of the site, beside those in `pages`.

Documents keep their paths, so that their links hold. A link to anything else, such as a file of settings, leads to a
page that shows it; pages about settings are made of schemas and shipped files.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from client.home import DeviceSettings
from client.policy import Policy
from client.settings_file import shipped
from server.home import ServerSettings
from server.home.settings import default_settings_text
from shared.federation import federation_reference, settings_reference

ROOT = Path(__file__).parents[1]
FOLDERS = (".github", "client", "server", "shared", "simulations", "tests")
SHOWN = {".cff": "yaml", ".json": "json", ".py": "python", ".toml": "toml"}

_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[#)])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """All pages of the site."""
    for document in documents():
        files.append(_page(config, document, (ROOT / document).read_text(encoding="utf-8")))
    for name, text in settings_pages().items():
        files.append(_page(config, f"settings/{name}.md", text))
    for source in sorted({source for document in documents() for source in linked_sources(document)}):
        files.append(_page(config, f"{source}.md", listing(source), InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A document whose links to sources lead to the pages that show them."""
    sources = set(linked_sources(page.file.src_uri))
    folder = posixpath.dirname(page.file.src_uri)
    markdown = _LINK.sub(lambda link: f"{link[0]}.md" if _target(folder, link[0]) in sources else link[0], markdown)
    markdown = _CODE.sub(lambda code: code[0].replace("\\|", "|"), markdown)  # escaped in tables for code hosts alone
    return markdown.replace("<details>", '<details markdown="1">')  # Markdown inside of it is read as such


def documents() -> list[str]:
    """The repository's Markdown files."""
    found = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def settings_pages() -> dict[str, str]:
    """Pages about files of settings, by name."""
    return {
        "federation": federation_reference(),
        "device": settings_reference("A device's settings", DeviceSettings, shipped("device.toml")),
        "policy": settings_reference("A device's policy", Policy, shipped("policy.toml")),
        "server": settings_reference("A server's settings", ServerSettings, default_settings_text()),
    }


def linked_sources(document: str) -> Iterator[str]:
    """What of the repository a document links to that is none itself: files and folders, each by its path."""
    if (ROOT / document).is_file():
        for link in _LINK.findall((ROOT / document).read_text(encoding="utf-8")):
            target = _target(posixpath.dirname(document), link)
            if not target.endswith(".md") and not target.startswith("..") and (ROOT / target).exists():
                yield target


def listing(source: str) -> str:
    """A page that shows a file, or the files of a folder."""
    path = ROOT / source
    files = sorted(file for file in path.iterdir() if file.suffix in {".json", ".toml"}) if path.is_dir() else [path]
    blocks = [f"# {source}"]
    for file in files:
        blocks += [f"## {file.name}"] * path.is_dir()
        blocks += [f"````{SHOWN.get(file.suffix, 'text')}\n{file.read_text(encoding='utf-8').rstrip()}\n````"]
    return "\n\n".join(blocks) + "\n"


def _target(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, link))


def _page(config: MkDocsConfig, path: str, text: str, inclusion: InclusionLevel = InclusionLevel.INCLUDED) -> File:
    """A page at a path; folders whose names begin with a dot lose it, as web servers tend to hide them."""
    page = File.generated(config, path, content=text, inclusion=inclusion)
    page.dest_uri = page.dest_uri.removeprefix(".")
    return page
