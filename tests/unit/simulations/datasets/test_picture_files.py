"""Pictures of items as numbers in a file of items: what is described, and which file is wrong."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from shared.errors import Corrupt, Misconfigured
from shared.records import read_items
from simulations.cli import app
from simulations.datasets import add_pictures
from simulations.features import ColourGradients

RED, BLUE = (200, 20, 20), (20, 20, 200)


@pytest.fixture
def folder(tmp_path):
    """Items a, b and c; a red and a blue picture, one of no item, and a file that is none."""
    lines = [{"id": name, "title": name, "features": {"price": 1.5}} for name in "abc"]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "pictures").mkdir()
    for name, colour in (("a.png", RED), ("b.JPG", BLUE), ("z.png", RED)):
        Image.new("RGB", (600, 300), colour).save(tmp_path / "pictures" / name)
    (tmp_path / "pictures" / "notes.txt").write_text("mine")
    return tmp_path


def test_items_with_a_picture_gain_a_block_and_keep_what_they_had(folder):
    line = ["describe-pictures", *(str(folder / name) for name in ("items.jsonl", "pictures", "out.jsonl")), "--json"]
    found = json.loads(CliRunner().invoke(app, line).stdout)
    assert found == {"items": 3, "with_picture": 2, "width": 28, "of_no_item": 1}
    red, blue, plain = read_items(folder / "out.jsonl")[0]
    expected = ColourGradients().encode([np.full((128, 256, 3), RED, np.uint8)])[0]
    assert red.features["image"] == pytest.approx(expected)
    assert np.abs(red.features["image"] - blue.features["image"]).max() > 0.5
    assert set(plain.features) == {"price"}
    assert red.features["price"].tolist() == [1.5]


def test_what_is_no_picture_or_of_no_item_is_named(folder):
    paths = [folder / name for name in ("items.jsonl", "pictures", "out.jsonl")]
    (folder / "pictures" / "c.webp").write_bytes(b"not a picture")
    with pytest.raises(Corrupt, match=r"c\.webp: expected a picture, could not be read"):
        add_pictures(*paths)
    assert not paths[2].exists()
    (folder / "pictures" / "c.webp").rename(folder / "pictures" / "a.webp")
    with pytest.raises(Misconfigured, match=r"expected one picture of item 'a', got a\.png and a\.webp"):
        add_pictures(*paths)
    (folder / "empty").mkdir()
    with pytest.raises(Misconfigured, match=r"expected pictures named as ids of items, such as a\.jpg"):
        add_pictures(paths[0], folder / "empty", paths[2])
    with pytest.raises(Misconfigured, match=r"out: expected a new file named \.jsonl"):
        add_pictures(*paths[:2], paths[0])


def test_a_picture_that_is_too_large_is_not_opened(folder, monkeypatch):
    monkeypatch.setattr("simulations.datasets.picture_files._MOST_PIXELS", 600 * 300 - 1)
    with pytest.raises(Corrupt, match="expected at most 179,999 pixels, got 600 by 300; make it smaller"):
        add_pictures(*(folder / name for name in ("items.jsonl", "pictures", "out.jsonl")))
