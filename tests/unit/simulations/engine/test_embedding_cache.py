"""The cache of catalogue readings: read back as written, and never for a catalogue that the encoder cannot read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shared.model.embedding_slabs as embedding_slabs
import simulations.engine.embedding_cache as embedding_cache
from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from shared.model import Encoder, build_model
from simulations.engine.embedding_cache import read_catalogue
from tests.support.tiny import Tiny, catalogue


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_catalogue_is_encoded_and_checked_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model, done = tiny.model(), []
    first = read_catalogue(model, catalogue(), 16)
    monkeypatch.setattr(Encoder, "read", lambda *_, **__: pytest.fail("encoded again"))
    monkeypatch.setattr(Encoder, "unknown_shares", lambda *_: pytest.fail("checked again"))
    assert np.array_equal(read_catalogue(model, catalogue(), 16, done.append), first)
    assert done == [24]


def test_another_model_reads_with_the_a_that_was_fitted_and_kept(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tiny.model(), build_model(tiny.file(), light=True)
    first = read_catalogue(one, catalogue(), 16)
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "fit_down", lambda *_: pytest.fail("fitted again"))
        assert np.array_equal(read_catalogue(other, catalogue(), 16), first)
    assert np.array_equal(one.encoder.adapter_down, other.encoder.adapter_down)
    without = tiny.model('training.groups=["dense"]')
    assert np.array_equal(read_catalogue(without, catalogue(), 16), first[:, :-2])


def test_a_damaged_a_is_fitted_anew(tiny: Tiny, tmp_path: Path) -> None:
    first = read_catalogue(tiny.model(), catalogue(), 16)
    (path,) = tmp_path.rglob("adapter.safetensors")
    whole = path.read_bytes()
    for damaged in (b"", whole[:-9], whole.replace(b"down", b"dawn")):
        path.write_bytes(damaged)
        assert read_catalogue(tiny.model(), catalogue(), 16) == pytest.approx(first, abs=1e-4)
        assert path.read_bytes() == whole


def test_what_was_encoded_in_another_precision_or_elsewhere_is_not_taken(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, half = tiny.model(), tiny.model()
    half.encoder.encode_on(torch.device("cpu"), torch.bfloat16)
    one, other = (read_catalogue(model, catalogue(), 16) for model in (plain, half))
    assert not np.array_equal(one, other)
    elsewhere = build_model(tiny.file(), light=True)
    elsewhere.encoder.encode_on(torch.device("meta"), torch.float32)
    with pytest.raises(NotImplementedError):  # it encodes anew, where there is nothing to bring back
        read_catalogue(elsewhere, catalogue(), 16)
    monkeypatch.setattr(Encoder, "read", lambda *_, **__: pytest.fail("encoded again"))
    assert np.array_equal(read_catalogue(plain, catalogue(), 16), one)
    assert np.array_equal(read_catalogue(half, catalogue(), 16), other)


def test_a_run_that_is_stopped_in_the_midst_goes_on_there(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model, done, read = tiny.model(), [], Encoder.read
    monkeypatch.setattr(embedding_slabs, "_SLAB", 8)

    def stopped(self: Encoder, *given: Any, **named: Any) -> Any:
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return read(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "read", stopped)
        with pytest.raises(KeyboardInterrupt):
            read_catalogue(model, catalogue(), 16)
    done.clear()
    readings = read_catalogue(model, catalogue(), 16, done.append)
    assert (done[0], sum(done)) == (16, 24)
    assert readings == pytest.approx(model.encoder.read(catalogue().texts), abs=1e-5)


def test_catalogues_unused_for_longest_go_and_never_the_one_in_use(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model()
    first, second = (Catalogue(list(catalogue())[start:]) for start in (0, 1))
    read_catalogue(model, first, 16)
    monkeypatch.setattr(embedding_cache, "_LIMIT_BYTES", 1)
    read_catalogue(model, second, 16)
    read = Encoder.read
    encoded: list[str] = []

    def reading(self: Encoder, texts: list[str], *given: Any, **named: Any) -> Any:
        encoded.extend(texts)
        return read(self, texts, *given, **named)

    monkeypatch.setattr(Encoder, "read", reading)
    read_catalogue(model, second, 16)
    assert encoded == []
    read_catalogue(model, first, 16)
    assert len(encoded) == 24


def test_a_catalogue_that_cannot_be_read_is_refused_each_time(tiny: Tiny, tmp_path: Path) -> None:
    strange = Catalogue(Item(f"n{n}", f"伊麗莎白{n}", "女王") for n in range(9))
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"set backbone\.name"):
            read_catalogue(tiny.model(), strange, 16)
    assert list(tmp_path.rglob("*.safetensors")) == []
