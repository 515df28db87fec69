"""The site of documents: built strictly, without a warning, of all there is, and with nothing from elsewhere."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = (".github", "client", "server", "shared", "simulations", "tests")

if missing := [name for name in ("material", "mkdocs", "mkdocstrings") if importlib.util.find_spec(name) is None]:
    pytest.skip(f"needs the docs extra: {', '.join(missing)} not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", ".docs/mkdocs.yml", "-d", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not re.search("warning", done.stdout + done.stderr, re.IGNORECASE), done.stderr
    return folder


def page_of(site: Path, document: Path) -> Path:
    path = document.relative_to(ROOT).as_posix().removeprefix(".")
    return site / re.sub(r"README\.md$", "index.md", path).replace(".md", ".html")


def test_every_document_is_a_page(site):
    documents = [ROOT / "README.md", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    assert len(documents) > len(FOLDERS)
    assert [str(path) for path in documents if not page_of(site, path).is_file()] == []


@pytest.mark.parametrize(
    ("page", "anchor"),
    [
        ("api/client.html", "client.Recommender.recommend"),
        ("api/server.html", "server.Federation.run"),
        ("api/shared.html", "shared.behaviour.EventKind.VIEW"),
        ("api/simulations.html", "simulations.simulate"),
        ("settings/device.html", "a-devices-settings"),
        ("settings/federation.html", "start-here"),
        ("settings/policy.html", "pins"),
        ("settings/server.html", "limits"),
    ],
)
def test_the_references_are_pages(site, page, anchor):
    assert f'id="{anchor}"' in (site / page).read_text(encoding="utf-8")


def test_a_link_to_a_file_leads_to_a_page_that_shows_it(site):
    assert 'href="policy.toml.html"' in (site / "client/index.html").read_text(encoding="utf-8")
    assert "smallest_cohort" in (site / "client/policy.toml.html").read_text(encoding="utf-8")
    assert "movielens.json" in (site / "simulations/presets/graphs.html").read_text(encoding="utf-8")


def test_a_page_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    fetched = re.compile(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")
    assert pages
    assert {str(page): found for page in pages if (found := fetched.findall(page.read_text(encoding="utf-8")))} == {}
    assert not any('class="mermaid"' in page.read_text(encoding="utf-8") for page in pages)  # fetched where it is drawn
