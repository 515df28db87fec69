"""A release: what it pins, what it notices, what it is made of."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured
from shared.release import Release, first_release, next_release
from tests.tiny import WIDTH, catalogue

FILES = ["federation.toml", "catalogue.jsonl", "index.safetensors", "model.safetensors"]


def test_a_release_comes_back_from_its_folder_as_it_went(tiny, tmp_path):
    release, _ = tiny.moved()
    release.save(tmp_path)
    back = Release.load(tmp_path)
    assert back.digest() == release.digest()
    assert back.federation == release.federation
    assert list(back.catalogue) == list(release.catalogue)
    assert (back.concept_names, back.round_number) == (release.concept_names, 1)
    for name in ("index", "log_popularity", "vector"):
        assert np.array_equal(getattr(back, name), getattr(release, name))
    assert np.array_equal(back.whitening.matrix, release.whitening.matrix)
    assert np.array_equal(back.whitening.mean, release.whitening.mean)


def test_the_digest_changes_with_anything_in_it(tiny):
    release, _ = tiny.release()
    bump = np.float32(1e-6)
    others = [
        replace(release, federation=tiny.file("name=other")),
        replace(release, catalogue=Catalogue([*list(release.catalogue)[:-1], Item("z", "z", "z")])),
        replace(release, whitening=replace(release.whitening, mean=release.whitening.mean + bump)),
        replace(release, whitening=replace(release.whitening, matrix=release.whitening.matrix + bump)),
        replace(release, index=release.index + bump),
        replace(release, log_popularity=release.log_popularity + bump),
        replace(release, vector=release.vector + np.float32(1e-3)),
        replace(release, concept_names=(*release.concept_names[:-1], "other")),
        replace(release, round_number=7),
    ]
    digests = {release.digest(), *(other.digest() for other in others)}
    assert len(digests) == 10
    assert replace(release, round_number=0).digest() == release.digest()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_in_a_pinned_file_is_corrupt(tiny, tmp_path, name):
    tiny.release()[0].save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Corrupt, match=f"{name} is not the file its manifest pins"):
        Release.load(tmp_path)


def test_a_flipped_byte_in_the_manifest_is_corrupt_or_gives_another_name(tiny, tmp_path):
    release, _ = tiny.release()
    release.save(tmp_path)
    path = tmp_path / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content), 37):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with suppress(Corrupt, Misconfigured):
            assert Release.load(tmp_path).digest() != release.digest()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_corrupt(tiny, tmp_path, name):
    tiny.release()[0].save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Corrupt):
        Release.load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_must_pin_every_file(tiny, tmp_path, name):
    tiny.release()[0].save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["sha256"][name]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Corrupt, match="pins"):
        Release.load(tmp_path)


@pytest.mark.parametrize(("key", "value"), [("format", 99), ("federation", "0" * 64), ("sha256", [])])
def test_a_manifest_that_claims_something_else_is_corrupt(tiny, tmp_path, key, value):
    tiny.release()[0].save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(Corrupt):
        Release.load(tmp_path)


def test_where_there_is_no_release_the_folder_is_named(tmp_path):
    with pytest.raises(Misconfigured, match="expected a folder with manifest"):
        Release.load(tmp_path / "nowhere")


def test_popularity_is_the_centred_logarithm_of_shrunk_counts(tiny):
    release, _ = tiny.release("statistics.shrinkage=2.0")
    counts = np.zeros(24)
    counts[:3] = [6.0, 2.0, -5.0]  # a noisy count may fall below nothing
    # With 2 added: 8, 4, 2 ... 2, logarithms 3, 2, 1 ... 1 times ln 2; their mean is (3 + 2 + 22) / 24 = 1.125.
    expected = (np.array([3.0, 2.0] + [1.0] * 22) - 1.125) * np.log(2)
    popular = release.with_popularity(counts).log_popularity
    assert np.allclose(popular, expected, atol=1e-6)
    assert popular.mean() == pytest.approx(0, abs=1e-6)
    assert not release.log_popularity.any()


def test_release_zero_is_the_whitened_catalogue_and_the_models_start(tiny):
    release, model = tiny.release()
    assert release.round_number == 0
    assert np.allclose(release.index, release.whitening.apply(model.encoder.embed(catalogue().texts)), atol=1e-5)
    assert np.array_equal(release.vector, model.vector())
    assert np.allclose(np.linalg.norm(model.heads.concepts.weight.detach().numpy(), axis=1), 1, atol=1e-5)
    assert not model.layout.extract(release.vector, ["adapters", "evolution", "bias"]).any()


def test_without_the_concept_view_there_are_no_concepts_to_name(tiny):
    release, model = tiny.release("model.views=['dense']", "model.concepts=1000")
    assert release.concept_names == ()
    assert "concepts" not in model.layout.groups


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.concepts=25", r"model\.concepts: expected at most the 24 catalogue items, got 25"),
        (f"model.dense_width={WIDTH + 1}", r"model\.dense_width: expected at most the encoder's width 32, got 33"),
    ],
)
def test_what_the_catalogue_or_the_encoder_cannot_carry_is_refused(tiny, setting, message):
    file, model = tiny.file(setting), tiny.model(setting)
    with pytest.raises(Misconfigured, match=message):
        first_release(file, catalogue(), model, model.encoder.embed(catalogue().texts))


def test_the_catalogue_is_encoded_again_only_if_the_adapters_moved(tiny, monkeypatch):
    release, model = tiny.release()
    heads = release.vector.copy()
    heads[: model.layout.select(["dense"]).size] += 1
    monkeypatch.setattr(model.encoder, "embed", None)
    following = next_release(release, model, heads, 5)
    assert following.index is release.index
    assert np.array_equal(following.vector, heads)
    assert following.round_number == 5
    monkeypatch.undo()
    ones = np.ones(model.layout.select(["adapters"]).size, np.float32)
    moved = next_release(release, model, model.layout.insert(heads, ["adapters"], ones), 6)
    assert not np.allclose(moved.index, release.index, atol=1e-3)
    assert np.allclose(moved.index, release.whitening.apply(model.encoder.embed(catalogue().texts)), atol=1e-5)
    assert np.array_equal(model.vector(), moved.vector)
