"""The cache of catalogue embeddings: read back as written, and never for a catalogue that the encoder cannot read."""

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
from simulations.engine.embedding_cache import embed_catalogue
from tests.support.tiny import Tiny, catalogue


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_catalogue_is_encoded_and_checked_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model, done = tiny.model(), []
    first = embed_catalogue(model, catalogue(), 16)
    monkeypatch.setattr(Encoder, "embed", lambda *_, **__: pytest.fail("encoded again"))
    monkeypatch.setattr(Encoder, "unknown_shares", lambda *_: pytest.fail("checked again"))
    assert np.array_equal(embed_catalogue(model, catalogue(), 16, done.append), first)
    assert done == [24]


def test_what_was_encoded_in_another_precision_or_elsewhere_is_not_taken(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, half = tiny.model(), tiny.model()
    half.encoder.encode_on(torch.device("cpu"), torch.bfloat16)
    one, other = (embed_catalogue(model, catalogue(), 16) for model in (plain, half))
    assert not np.array_equal(one, other)
    elsewhere = build_model(tiny.file(), trainable=False)
    elsewhere.encoder.encode_on(torch.device("meta"), torch.float32)
    with pytest.raises(NotImplementedError):  # it encodes anew, where there is nothing to bring back
        embed_catalogue(elsewhere, catalogue(), 16)
    monkeypatch.setattr(Encoder, "embed", lambda *_, **__: pytest.fail("encoded again"))
    assert np.array_equal(embed_catalogue(plain, catalogue(), 16), one)
    assert np.array_equal(embed_catalogue(half, catalogue(), 16), other)


def test_a_run_that_is_stopped_in_the_midst_goes_on_there(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model, done, embed = tiny.model(), [], Encoder.embed
    monkeypatch.setattr(embedding_slabs, "_SLAB", 8)

    def stopped(self: Encoder, *given: Any, **named: Any) -> Any:
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return embed(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "embed", stopped)
        with pytest.raises(KeyboardInterrupt):
            embed_catalogue(model, catalogue(), 16)
    done.clear()
    embeddings = embed_catalogue(model, catalogue(), 16, done.append)
    assert (done[0], sum(done)) == (16, 24)
    assert embeddings == pytest.approx(model.encoder.embed(catalogue().texts), abs=1e-5)


def test_catalogues_unused_for_longest_go_and_never_the_one_in_use(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model()
    first, second = (Catalogue(list(catalogue())[start:]) for start in (0, 1))
    embed_catalogue(model, first, 16)
    monkeypatch.setattr(embedding_cache, "_LIMIT_BYTES", 1)
    embed_catalogue(model, second, 16)
    embed = Encoder.embed
    encoded: list[str] = []

    def embedding(self: Encoder, texts: list[str], *given: Any, **named: Any) -> Any:
        encoded.extend(texts)
        return embed(self, texts, *given, **named)

    monkeypatch.setattr(Encoder, "embed", embedding)
    embed_catalogue(model, second, 16)
    assert encoded == []
    embed_catalogue(model, first, 16)
    assert len(encoded) == 24


def test_a_catalogue_that_cannot_be_read_is_refused_each_time(tiny: Tiny, tmp_path: Path) -> None:
    strange = Catalogue(Item(f"n{n}", f"伊麗莎白{n}", "女王") for n in range(9))
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"set backbone\.name"):
            embed_catalogue(tiny.model(), strange, 16)
    assert list(tmp_path.rglob("*.safetensors")) == []
