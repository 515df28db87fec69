"""The encoder cut in two, against the whole model of Hugging Face; its adapters; what is refused."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from shared.errors import Corrupt, Misconfigured
from shared.model import build_model
from tests.support.tiny import FAMILIES, LAYERS, WIDTH, catalogue, put

TEXTS = ["a rose", "guitar string chord for the music with amp and drum", "oven", "pedal for a wheel"]
LONG = " ".join(["rose drum oven"] * 20)


def plain(folder, texts, max_tokens=16):
    """Mean of the last hidden states under the attention mask, one text at a time, by the untouched library."""
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    means = []
    for text in texts:
        tokens = tokenizer([text], truncation=True, max_length=max_tokens, return_tensors="pt")
        with torch.no_grad():
            states = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
        means.append(states[0].mean(0).numpy())
    return np.stack(means)


def move(encoder, seed=1):
    """Put random numbers into every B."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for matrix in encoder.adapters.values():
            matrix.copy_(torch.randn(matrix.shape, generator=generator))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layers", [1, 2, LAYERS])
def test_every_path_gives_the_mean_of_the_plain_model(tiny, family, layers):
    encoder = tiny.model(f"model.lora_layers={layers}", family=family).encoder
    expected = plain(tiny.folders[family], [*TEXTS, LONG])
    uncached = encoder.embed([*TEXTS, LONG])
    assert len(encoder.store) == 0
    cached = encoder.embed([*TEXTS, LONG], keep=True)
    assert len(encoder.store) == len(TEXTS) + 1
    again = encoder.embed([*TEXTS, LONG])
    for embeddings in (uncached, cached, again):
        assert embeddings.shape == (5, WIDTH)
        assert np.allclose(embeddings, expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_company_do_not_matter(tiny, family):
    encoder = tiny.model(family=family).encoder
    move(encoder)
    together = encoder.embed_kept(encoder.lower(TEXTS)).detach().numpy()
    alone = np.concatenate([encoder.embed_kept(encoder.lower([text])).detach().numpy() for text in TEXTS])
    fresh = np.concatenate([tiny_fresh(tiny, family).embed([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(together, fresh, atol=1e-5)


def tiny_fresh(tiny, family):
    encoder = tiny.model(family=family).encoder
    move(encoder)
    return encoder


def test_repeated_texts_keep_their_places(tiny):
    encoder = tiny.model().encoder
    a, b = encoder.embed(["a rose", "oven"])
    assert np.array_equal(encoder.embed(["oven", "a rose", "oven"]), np.stack([b, a, b]))


def test_activations_from_the_map_give_the_same_embeddings(tiny):
    kept, mapped = tiny.model().encoder, build_model(tiny.file(), memory_bytes=0).encoder
    texts = catalogue().texts
    assert np.array_equal(kept.embed(texts, keep=True), mapped.embed(texts, keep=True))
    assert np.array_equal(kept.embed(texts), mapped.embed(texts))


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_sit_on_query_and_value_of_the_top_layers_and_only_b_is_trainable(tiny, family):
    encoder = tiny.model("model.lora_layers=2", family=family).encoder
    assert len(encoder.adapters) == 4
    assert all(matrix.shape == (WIDTH, 2) and not matrix.any() for matrix in encoder.adapters.values())
    trainable = {name for name, parameter in encoder.upper.named_parameters() if parameter.requires_grad}
    assert trainable == set(encoder.adapters)
    query = ("q_lin", "v_lin") if family == "distilbert" else ("query", "value")
    assert all(any(part in name for part in query) for name in trainable)


@pytest.mark.parametrize("family", FAMILIES)
def test_changing_any_b_changes_the_embeddings_and_a_gradient_reaches_it(tiny, family):
    encoder = tiny.model(family=family).encoder
    start = encoder.embed(TEXTS, keep=True)
    padded = encoder.lower(TEXTS)
    encoder.embed_kept(padded).square().sum().backward()
    for matrix in encoder.adapters.values():
        assert matrix.grad is not None
        assert matrix.grad.any()
        with torch.no_grad():
            matrix.fill_(0.5)
            assert not np.allclose(encoder.embed(TEXTS), start, atol=1e-4)
            matrix.zero_()
    assert np.array_equal(encoder.embed(TEXTS), start)


def drawn_a(model):
    return [p.detach().numpy() for name, p in model.encoder.upper.named_parameters() if "lora_A" in name]


def test_a_is_drawn_from_the_public_seed_and_nothing_else(tiny):
    torch.manual_seed(1)
    first = drawn_a(tiny.model("model.seed=3"))
    torch.manual_seed(2)
    same, other = drawn_a(tiny.model("model.seed=3")), drawn_a(tiny.model("model.seed=4"))
    assert len(first) == 4
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    # Uniform on +-1/sqrt(fan in): standard deviation 1/sqrt(3 * 32) = 0.102.
    assert max(np.abs(a).max() for a in first) <= WIDTH**-0.5
    assert np.std(np.stack(first)) == pytest.approx((3 * WIDTH) ** -0.5, rel=0.1)


def test_a_model_vector_holds_every_parameter_and_goes_in_as_it_came_out(tiny):
    model = tiny.model()
    vector = np.random.default_rng(0).normal(size=model.layout.size).astype(np.float32)
    put(model, vector)
    assert np.array_equal(model.vector(), vector)
    part = model.layout.extract(vector, ["adapters"])
    held = np.concatenate(
        [model.encoder.adapters[name].detach().numpy().ravel() for name in sorted(model.encoder.adapters)]
    )
    assert np.array_equal(part, held)
    with pytest.raises(Misconfigured, match="parameter vector: expected"), model.at(vector[1:]):
        pass
    assert np.array_equal(model.vector(), vector)


def test_only_the_groups_asked_for_take_gradients(tiny):
    model = tiny.model()
    trained = model.train_only(["adapters", "dense"])
    assert trained[0] is model.heads.dense.change.weight
    assert len(trained) == 1 + 4
    assert all(parameter.requires_grad for parameter in trained)
    assert not model.heads.concepts.weight.requires_grad
    assert model.train_only(["bias"]) == [model.heads.bias.weight]
    assert not any(matrix.requires_grad for matrix in model.encoder.adapters.values())


def test_more_adapted_layers_than_the_encoder_has_are_refused(tiny):
    with pytest.raises(Misconfigured, match=r"model\.lora_layers: expected at most the encoder's 4 layers, got 5"):
        tiny.model("model.lora_layers=5")


@pytest.mark.parametrize(
    ("key", "name"), [("model_sha256", "model.safetensors"), ("tokenizer_sha256", "tokenizer.json")]
)
def test_weights_and_tokenizer_are_the_pinned_ones_or_refused(tiny, key, name):
    digest = hashlib.sha256((tiny.folders["bert"] / name).read_bytes()).hexdigest()
    tiny.model(f"backbone.{key}={digest}")
    wrong = ("0" if digest[0] != "0" else "1") + digest[1:]
    with pytest.raises(Corrupt, match=f"{name}: expected SHA-256 {wrong}, got {digest}"):
        tiny.model(f"backbone.{key}={wrong}")


def test_pickled_weights_are_never_loaded(tiny, tmp_path):
    folder = shutil.copytree(tiny.folders["bert"], tmp_path / "pickled")
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(Misconfigured, match="only safetensors are loaded"):
        tiny.model(f"backbone.name={folder}")


def test_an_encoder_that_is_nowhere_is_refused_with_what_was_tried(tiny, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Misconfigured, match="expected a folder, a model in the Hugging Face cache"):
        tiny.model("backbone.name=no-such-encoder")


def test_the_print_of_a_model_is_its_size(tiny):
    model = tiny.model()
    assert repr(model) == f"GlobalModel(d={model.layout.size})"
    assert repr(model.encoder) == "Encoder(width=32, adapters=4, kept=0)"


def test_embeddings_that_are_remembered_serve_until_the_adapters_move(tiny):
    encoder = tiny.model().encoder
    made = np.arange(2 * WIDTH, dtype=np.float32).reshape(2, WIDTH)
    fresh = encoder.embed(TEXTS)
    told = []
    encoder.remember({TEXTS[2]: 0, "not asked": 1}, made)
    known = encoder.embed([TEXTS[2], TEXTS[0], TEXTS[2]], progress=told.append)
    np.testing.assert_array_equal(known[[0, 2]], made[[0, 0]])
    np.testing.assert_allclose(known[1], fresh[0], atol=1e-6)
    assert sum(told) == 2
    move(encoder)
    assert not np.array_equal(encoder.embed([TEXTS[2]])[0], made[0])


def test_a_text_to_train_on_is_read_by_itself_whatever_was_met_before(tiny, monkeypatch):
    encoder, read = tiny.model().encoder, []
    run = encoder._run_lower
    monkeypatch.setattr(encoder, "_run_lower", lambda texts: read.append(list(texts)) or run(texts))
    encoder.lower(TEXTS[:2])
    encoder.lower(TEXTS)
    assert read == [[text] for text in TEXTS]
