"""The report in a browser, where there is one: on a desk, a phone and paper, in both colour schemes, in Chinese."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from simulations.report.comparison import render_comparison
from simulations.report.page import render
from tests.support.sample import sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SETTINGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--virtual-time-budget=2000",
)  # fmt: skip
PHONE, DESK = 390, 1200
SCHEMES = {"dark": "--blink-settings=preferredColorScheme=0", "light": "--blink-settings=preferredColorScheme=1"}

# What a person would see: measured by the browser itself, in a copy of the page that is let run this script.
LOOK = """
<script>
const seen = {wide: document.documentElement.scrollWidth, letters: [], headline: 0, cut: [], hidden: [], colours: []};
const paper = getComputedStyle(document.querySelector("figure.chart")).backgroundColor;
for (const one of document.querySelectorAll("h1, h2, .lead")) seen.headline = Math.max(seen.headline, parseFloat(getComputedStyle(one).fontSize));
for (const chart of document.querySelectorAll("svg.chart")) {
  const box = chart.getBoundingClientRect(), name = chart.getAttribute("aria-labelledby");
  const scale = box.width / chart.viewBox.baseVal.width;
  for (const text of chart.querySelectorAll("text")) {
    const at = text.getBoundingClientRect();
    seen.letters.push(parseFloat(getComputedStyle(text).fontSize) * scale);
    if (at.left < box.left - 8 || at.right > box.right + 8 || at.top < box.top - 4 || at.bottom > box.bottom + 4) seen.cut.push(name + ": " + text.textContent);
  }
  for (const mark of chart.querySelectorAll("path, use")) {
    if (mark.closest("defs, clipPath") || mark.getBoundingClientRect().width + mark.getBoundingClientRect().height === 0) continue;
    const style = getComputedStyle(mark), drawn = [style.stroke, style.fill].filter((colour) => colour !== "none");
    if (drawn.length && drawn.every((colour) => colour === paper)) seen.hidden.push(name);
    seen.colours.push(...drawn);
  }
}
seen.colours = [...new Set(seen.colours)];
parent.document.body.textContent = "SEEN" + JSON.stringify(seen) + "SEEN";
</script>
"""  # noqa: E501 - as a browser reads it

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the report is not looked at")


def browse(folder: Path, page: str, *settings: str) -> str:
    """What the browser prints of a page."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [str(CHROMIUM), *SETTINGS, f"--user-data-dir={folder}", *settings, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def look(folder: Path, page: str, width: int, scheme: str):
    """What the browser measures of a page."""
    allowed = re.sub(r"<meta http-equiv=[^>]*>", "", page).replace("</body>", f"{LOOK}</body>")
    # In a frame, as no window is as narrow as a phone.
    frame = f'<iframe style="border: 0; width: {width}px; height: 900px" srcdoc="{escape(allowed)}"></iframe>'
    printed = browse(folder, f"<!doctype html><body>{frame}</body>", SCHEMES[scheme], "--dump-dom")
    found = re.search(r"SEEN(.*?)SEEN", printed, re.DOTALL)
    assert found, printed[-500:]
    return json.loads(unescape(found[1]))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    runs = [sample(privacy={"user": {"epsilon": loss, "delta": 1e-6}, "event": None}) for loss in (2.0, 8.0)]
    return {
        "run": render(sample()),
        "run in Chinese": render(sample(), language="zh"),
        "comparison": render_comparison(runs),
    }


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("run", PHONE, "dark"), ("run", DESK, "light"), ("run in Chinese", PHONE, "light"), ("comparison", PHONE, "dark")],
)
def test_nothing_is_cut_off_hidden_or_out_of_scale(pages, tmp_path: Path, name, width, scheme) -> None:
    seen = look(tmp_path, pages[name], width, scheme)
    assert seen["wide"] <= width, "wider than the window"
    assert seen["headline"] <= 30
    assert min(seen["letters"]) >= 8.5
    assert max(seen["letters"]) <= 18
    assert seen["cut"] == []
    assert seen["hidden"] == []


def test_each_colour_scheme_has_colours_of_its_own(pages, tmp_path: Path) -> None:
    light, dark = (set(look(tmp_path, pages["run"], PHONE, scheme)["colours"]) for scheme in ("light", "dark"))
    assert len(light) == len(dark) >= 6
    assert not light & dark


@pytest.mark.parametrize(("scheme", "darkest", "brightest"), [("light", 0.8, 1.0), ("dark", 0.0, 0.3)])
def test_a_picture_shows_the_page_in_its_scheme(pages, tmp_path: Path, scheme, darkest, brightest) -> None:
    picture = tmp_path / "page.png"
    browse(tmp_path, pages["run"], f"--window-size={PHONE},3000", SCHEMES[scheme], f"--screenshot={picture}")
    shown = imread(picture)[..., :3]
    assert shown.shape[:2] == (3000, PHONE)
    assert darkest <= float(np.median(shown)) <= brightest
    # a green series is seen on it, in the colour of the scheme
    green = {"light": (0x0B, 0x6E, 0x5F), "dark": (0x5F, 0xD0, 0xBB)}[scheme]
    assert (np.abs(shown * 255 - green).max(-1) <= 2).sum() > 100


def test_it_can_be_printed(pages, tmp_path: Path) -> None:
    printed = tmp_path / "page.pdf"
    browse(tmp_path, pages["run"], SCHEMES["dark"], f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    assert printed.read_bytes().startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 12
