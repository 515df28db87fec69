"""Many texts encoded on an accelerator: the same embeddings within its precision, and nothing else moves there."""

from pathlib import Path

import numpy as np
import pytest
import torch

from shared.model import build_model
from tests.support.accelerators import META, THERE, OnlyOn
from tests.support.tiny import FAMILIES, WIDTH, catalogue, put

ROOT = Path(__file__).parents[4]
TEXTS = [*catalogue().texts, " ".join(["rose drum oven"] * 20)]
CPU = torch.device("cpu")


def moved(tiny, family="bert", light=False, seed=0):
    model = build_model(tiny.file(family=family), light=light)
    model.encoder.fit_down(catalogue().texts)
    put(model, np.random.default_rng(seed).normal(0, 0.3, model.layout.size).astype(np.float32))
    return model


@pytest.mark.parametrize("accelerator", THERE)
@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_in_float32_readings_are_those_of_the_encoder_itself(tiny, family, light, accelerator):
    model = moved(tiny, family, light)
    expected = model.encoder.read(TEXTS)
    model.encoder.encode_on(torch.device(accelerator), torch.float32)
    there = model.encoder.read(TEXTS)
    assert (there.dtype, there.shape) == (np.float32, (len(TEXTS), WIDTH + 2))
    np.testing.assert_allclose(there, expected, atol=1e-4 if accelerator != "cpu" else 1e-5)


@pytest.mark.parametrize("accelerator", THERE)
@pytest.mark.parametrize(("precision", "bits"), [(torch.bfloat16, 8), (torch.float16, 11)])
def test_in_another_precision_they_differ_by_its_last_bits(tiny, accelerator, precision, bits):
    model = moved(tiny)
    expected = model.encoder.embed(TEXTS)
    model.encoder.encode_on(torch.device(accelerator), precision)
    there = model.encoder.embed(TEXTS)
    assert there.dtype == np.float32
    error = np.linalg.norm(there - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert 0 < error.max() < 8 * 2.0**-bits  # four layers


def test_lists_stay_what_they_are_but_for_near_ties(tiny):
    """Texts, whitened as a release whitens them, ask for their nearest items."""
    release, model = tiny.release()
    expected = release.whitening.apply(model.encoder.embed(TEXTS))
    model.encoder.encode_on(CPU, torch.bfloat16)
    asked = release.whitening.apply(model.encoder.embed(TEXTS))
    rankings = [np.argsort(-(x @ release.index.T), axis=1, kind="stable")[:, :5] for x in (expected, asked)]
    same = [len({*one} & {*other}) / 5 for one, other in zip(*rankings, strict=True)]
    assert np.mean(same) > 0.9
    assert np.array_equal(rankings[0][:, 0], rankings[1][:, 0])


def test_it_follows_the_adapter_and_leaves_what_trains_where_it_is(tiny):
    model, plain = moved(tiny), moved(tiny)
    model.encoder.encode_on(CPU, torch.float32)
    before = model.encoder.read(TEXTS)
    for one in (model, plain):
        put(one, np.random.default_rng(1).normal(0, 0.3, one.layout.size).astype(np.float32))
        one.encoder.take_down(2 * one.encoder.adapter_down)
    after, expected = model.encoder.read(TEXTS), plain.encoder.read(TEXTS)
    for part in (slice(WIDTH), slice(WIDTH, None)):
        assert np.abs(after - before)[:, part].max() > 0.01
    np.testing.assert_allclose(after, expected, atol=1e-5)
    assert np.array_equal(model.vector(), plain.vector())
    assert [parameter.device.type for parameter in model.encoder.adapters.values()] == ["cpu"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_a_batch_lies_on_the_accelerator(tiny, family):
    encoder = build_model(tiny.file(family=family), light=True).encoder  # Hugging Face's look at values
    encoder.encode_on(META, torch.bfloat16)
    tokens = encoder._tokenizer(TEXTS)
    with OnlyOn(META) as watched, pytest.raises(NotImplementedError, match="meta tensor"):
        encoder._copy.read(tokens)  # up to the move of what came out, of which meta has nothing
    assert watched.operations > 50
    assert watched.elsewhere == []


def test_how_it_computes_is_told(tiny):
    encoder = tiny.model().encoder
    told = [encoder.arithmetic]
    for accelerator, precision in (("cpu", torch.float32), ("meta", torch.bfloat16)):
        encoder.encode_on(torch.device(accelerator), precision)
        told.append(encoder.arithmetic)
    assert told == ["float32 on cpu", "float32 on cpu", "bfloat16 on meta"]


def test_no_device_and_no_server_encodes_on_an_accelerator():
    sources = [path for package in ("client", "server") for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 100
    assert [path for path in sources if "encode_on" in path.read_text(encoding="utf-8")] == []
