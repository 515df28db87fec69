"""Slabs of readings: read back to the bit, gone on with after a kill, encoded anew where one is damaged."""

import os
import shutil

import numpy as np
import pytest

import shared.model.embedding_slabs as embedding_slabs
from shared.model import Encoder, read_and_keep
from tests.support.docstrings import run_examples
from tests.support.tiny import WIDTH, catalogue, put

TEXTS = catalogue().texts
SLAB = 5  # so that twenty-four texts are four slabs and four texts more


@pytest.fixture(autouse=True)
def encoded(monkeypatch):
    """Texts that went through the encoder."""
    texts, read = [], Encoder.read

    def reading(self, given, *rest, **named):
        texts.extend(given)
        return read(self, given, *rest, **named)

    monkeypatch.setattr(Encoder, "read", reading)
    monkeypatch.setattr(embedding_slabs, "_SLAB", SLAB)
    return texts


@pytest.fixture(scope="module")
def kept(tiny, tmp_path_factory):
    """Slabs of all texts, what they hold, and the encoder; to be copied."""
    folder, model = tmp_path_factory.mktemp("slabs") / "kept", tiny.model()
    model.encoder.fit_down(TEXTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding_slabs, "_SLAB", SLAB)
        readings, count = read_and_keep(folder, model.encoder, TEXTS)
    assert count == len(TEXTS)
    return folder, readings, model.encoder


@pytest.fixture
def folder(kept, tmp_path):
    return shutil.copytree(kept[0], tmp_path / "slabs")


def slabs(folder):
    return sorted(folder.rglob("*.safetensors"))


def test_what_is_kept_is_what_the_encoder_gives(kept):
    _, readings, encoder = kept
    assert readings.shape == (len(TEXTS), WIDTH + 2)
    assert readings == pytest.approx(encoder.read(TEXTS), abs=1e-5)


def test_texts_that_are_kept_are_not_encoded_again_in_whatever_order_and_number(folder, kept, encoded):
    rows, done = [7, 3, 3, 23, 0, 7], []
    readings, count = read_and_keep(folder, kept[2], [TEXTS[row] for row in rows], done.append)
    assert np.array_equal(readings, kept[1][rows])
    assert (count, done, encoded) == (0, [4], [])


def test_new_texts_alone_are_encoded_and_no_slab_is_written_again(folder, kept, encoded):
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in slabs(folder)}
    done = []
    readings, count = read_and_keep(folder, kept[2], [*TEXTS, "a drum", "a rose", "a drum"], done.append)
    assert (count, encoded, done[0], sum(done)) == (2, ["a drum", "a rose"], 24, 26)
    assert np.array_equal(readings[:24], kept[1])
    assert np.array_equal(readings[24], readings[26])
    assert len(slabs(folder)) == len(before) + 1
    assert all((path.read_bytes(), path.stat().st_ino) == was for path, was in before.items())


@pytest.mark.parametrize("whole", [0, 1, 3])
def test_what_is_killed_loses_one_slab_at_most_and_ends_as_if_it_had_not_been(
    tmp_path, kept, encoded, monkeypatch, whole
):
    replace, renamed = os.replace, []

    def killed(source, target):
        if len(renamed) == whole:
            raise KeyboardInterrupt
        renamed.append(replace(source, target))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            read_and_keep(tmp_path, kept[2], TEXTS)
    assert len(slabs(tmp_path)) == whole
    encoded.clear()
    readings, count = read_and_keep(tmp_path, kept[2], TEXTS)
    assert np.array_equal(readings, kept[1])
    assert encoded == TEXTS[whole * SLAB :]
    assert count == len(encoded)


def damaged(content, how):
    return {
        "empty": b"",
        "garbage": b"garbage",
        "cut": content[:-7],
        "flipped": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    }[how]


@pytest.mark.parametrize("how", ["empty", "garbage", "cut", "flipped"])
def test_a_damaged_slab_is_encoded_anew_and_told_of_once(folder, kept, encoded, caplog, how):
    path = slabs(folder)[1]
    path.write_bytes(damaged(path.read_bytes(), how))
    readings, count = read_and_keep(folder, kept[2], TEXTS)
    assert np.array_equal(readings, kept[1])
    assert 0 < count <= SLAB
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [f"slab {path} is damaged"]
    caplog.clear()
    assert read_and_keep(folder, kept[2], TEXTS)[1] == 0
    assert caplog.records == []


def test_where_nothing_can_be_kept_all_is_encoded_and_the_log_tells_why(tmp_path, kept, caplog):
    place = tmp_path / "file"
    place.write_text("in the way")
    readings, count = read_and_keep(place, kept[2], TEXTS)
    assert np.array_equal(readings, kept[1])
    assert count == len(TEXTS)
    assert all("a slab could not be kept" in record.getMessage() for record in caplog.records)
    assert caplog.records


def test_another_adapter_starts_anew_and_what_was_kept_before_goes(folder, kept, tiny):
    before = slabs(folder)
    model = tiny.model()
    model.encoder.take_down(kept[2].adapter_down)
    put(model, np.random.default_rng(0).normal(size=model.layout.size).astype(np.float32))
    readings, count = read_and_keep(folder, model.encoder, TEXTS)
    assert count == len(TEXTS)
    assert not np.allclose(readings, kept[1], atol=1e-3)
    assert not any(path.exists() for path in before)


def test_an_encoder_is_known_by_all_that_its_readings_depend_on(tiny):
    def digests(*settings, **rest):
        """At the start, after A is fitted, and after B has moved as well."""
        model = tiny.model(*settings, **rest)
        found = [model.encoder.state_digest()]
        if model.encoder.rank:
            model.encoder.fit_down(TEXTS)
            found.append(model.encoder.state_digest())
        put(model, model.vector() + np.float32(0.1))
        return (*found, model.encoder.state_digest())

    plain = digests()
    others = [
        *digests("model.lora_rank=3"),
        *digests("backbone.max_tokens=12"),
        *digests(family="roberta"),
    ]
    without = digests('training.groups=["dense"]')
    assert without[0] == without[1]  # nothing of it moves
    assert len({*plain, *others, *without}) == 3 + 9 + 1
    assert digests("model.seed=5") == plain


def test_the_example_runs(tiny, tmp_path):
    assert run_examples(read_and_keep, {"folder": tmp_path, "model": tiny.model()})
