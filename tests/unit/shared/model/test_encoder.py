"""The encoder against the whole model of Hugging Face; what it remembers; what is refused."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import shared.model.encoder as encoder_module
from shared.errors import Corrupt, Misconfigured
from tests.support.docstrings import run_examples
from tests.support.tiny import FAMILIES, LAYERS, WIDTH, catalogue, put

RANK = 2
TEXTS = ["a rose", "guitar string chord for the music with amp and drum", "oven", "pedal for a wheel"]
LONG = " ".join(["rose drum oven"] * 20)
WITHOUT = 'training.groups=["dense"]'


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


def fitted(tiny, *settings, family="bert"):
    """An encoder whose A is fitted to the catalogue."""
    encoder = tiny.model(*settings, family=family).encoder
    encoder.fit_down(catalogue().texts)
    return encoder


def move(encoder, seed=1, by=1.0):
    """Add random numbers of this deviation to B."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for matrix in encoder.adapters.values():
            matrix.add_(by * torch.randn(matrix.shape, generator=generator))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("settings", [(), (WITHOUT,)])
def test_an_untrained_encoder_gives_the_mean_of_the_plain_model(tiny, family, settings):
    encoder = tiny.model(*settings, family=family).encoder
    expected = plain(tiny.folders[family], [*TEXTS, LONG])
    encoder.read_catalogue(catalogue().texts)
    embeddings = encoder.embed([*TEXTS, LONG])
    assert embeddings.shape == (5, WIDTH)
    assert np.allclose(embeddings, expected, atol=1e-5)
    assert np.array_equal(encoder.read([*TEXTS, LONG])[:, :WIDTH], embeddings)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_company_change_neither_an_embedding_nor_what_enters(tiny, family):
    encoder = fitted(tiny, family=family)
    move(encoder)
    texts = [*TEXTS, LONG]
    together = encoder.read(texts)
    assert together.shape == (5, WIDTH + RANK)
    assert np.ptp(together[:, WIDTH:], axis=0).min() > 0.1
    # Sums of another length round otherwise, by how much the processor decides; a token of padding would move tenths.
    assert np.allclose(together, np.concatenate([encoder.read([text]) for text in texts]), atol=1e-4)


def test_repeated_texts_keep_their_places(tiny):
    encoder = fitted(tiny)
    a, b = encoder.read(["a rose", "oven"])
    assert np.array_equal(encoder.read(["oven", "a rose", "oven"]), np.stack([b, a, b]))
    assert encoder.read([]).shape == (0, WIDTH + RANK)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_adapter_sits_on_the_last_map_of_the_top_layer_and_only_b_is_trainable(tiny, family):
    model = tiny.model(family=family)
    ((name, up),) = model.encoder.adapters.items()
    assert ("ffn.lin2" if family == "distilbert" else "output.dense") in name
    assert f"layer.{LAYERS - 1}." in name
    assert "attention" not in name
    assert (up.shape, up.any().item()) == ((WIDTH, RANK), False)
    assert model.encoder.adapter_up.weight is up
    model.train_only(["adapters"])
    assert [parameter for parameter in model.encoder._reader.parameters() if parameter.requires_grad] == [up]


def test_where_no_adapter_is_trained_there_is_none(tiny):
    model = tiny.model(WITHOUT)
    encoder = model.encoder
    assert (encoder.rank, encoder.adapters, encoder.adapter_up, encoder.adapter_down.shape) == (0, {}, None, (0, 0))
    assert "adapters" not in model.layout.groups
    assert encoder.read(TEXTS).shape == (4, WIDTH)
    with pytest.raises(Misconfigured, match="expected no adapter"):
        encoder.take_down(np.zeros((2, 64), np.float32))


@pytest.mark.parametrize("family", FAMILIES)
def test_b_changes_embeddings_and_not_what_enters(tiny, family):
    encoder = fitted(tiny, family=family)
    start = encoder.read(TEXTS)
    move(encoder, by=0.5)
    moved = encoder.read(TEXTS)
    assert not np.allclose(moved[:, :WIDTH], start[:, :WIDTH], atol=1e-2)
    move(encoder, by=-0.5)
    assert np.allclose(encoder.read(TEXTS), start, atol=1e-5)


def test_a_is_nothing_until_it_is_fitted_and_follows_from_the_catalogue_alone(tiny):
    one, other = (tiny.model("model.seed=3").encoder, tiny.model("model.seed=4").encoder)
    assert one.adapter_down.shape == (RANK, 64)
    assert not one.adapter_down.any()
    one.read_catalogue(catalogue().texts)
    move(other)  # B is behind A
    other.read_catalogue([*reversed(catalogue().texts), catalogue().texts[3]])  # neither order nor repetition counts
    assert np.allclose(one.adapter_down, other.adapter_down, atol=1e-4)
    assert not np.allclose(one.adapter_down, fitted_to(tiny, catalogue().texts[:12]).adapter_down, atol=1e-2)


def fitted_to(tiny, texts, *settings):
    encoder = tiny.model(*settings).encoder
    encoder.fit_down(texts)
    return encoder


def test_of_many_texts_the_seed_draws_those_that_a_is_fitted_to(tiny, monkeypatch):
    monkeypatch.setattr(encoder_module, "_FITTED_TO", 12)
    first, same, other = (fitted_to(tiny, catalogue().texts, f"model.seed={seed}").adapter_down for seed in (3, 3, 4))
    assert np.array_equal(first, same)
    assert not np.allclose(first, other, atol=1e-2)


def test_an_a_of_another_rank_or_encoder_is_refused(tiny):
    encoder = fitted(tiny)
    held = encoder.adapter_down
    for shape in ((3, 64), (RANK, 32)):
        with pytest.raises(Misconfigured, match=r"adapter: expected A of shape \[2, 64\], got shape"):
            encoder.take_down(np.ones(shape, np.float32))
    assert np.array_equal(encoder.adapter_down, held)


def test_a_catalogue_whose_texts_are_all_alike_is_refused(tiny):
    encoder = tiny.model("model.lora_rank=9").encoder
    with pytest.raises(Misconfigured, match=r"model\.lora_rank: expected a catalogue whose texts differ in 9 ways"):
        encoder.read_catalogue(["a rose"] * 5)


def test_a_model_vector_holds_every_parameter_and_goes_in_as_it_came_out(tiny):
    model = tiny.model()
    vector = np.random.default_rng(0).normal(size=model.layout.size).astype(np.float32)
    put(model, vector)
    assert np.array_equal(model.vector(), vector)
    (up,) = model.encoder.adapters.values()
    assert np.array_equal(model.layout.extract(vector, ["adapters"]), up.detach().numpy().ravel())
    with pytest.raises(Misconfigured, match="parameter vector: expected"), model.at(vector[1:]):
        pass
    assert np.array_equal(model.vector(), vector)


def test_only_the_groups_asked_for_take_gradients(tiny):
    model = tiny.model()
    (up,) = model.encoder.adapters.values()
    trained = model.train_only(["adapters", "dense"])
    assert trained == [model.heads.dense.change.weight, up]
    assert all(parameter.requires_grad for parameter in trained)
    assert not model.heads.concepts.weight.requires_grad
    assert model.train_only(["bias"]) == [model.heads.bias.weight]
    assert not up.requires_grad


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


def test_an_encoder_without_a_known_last_map_is_read_without_an_adapter_alone(tiny, tmp_path):
    from transformers import ModernBertConfig, ModernBertModel

    folder = shutil.copytree(tiny.folders["bert"], tmp_path / "modern")
    words = len(AutoTokenizer.from_pretrained(folder))
    shape = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    special = {"pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    ModernBertModel(ModernBertConfig(vocab_size=words, **shape, **special)).save_pretrained(folder)
    with pytest.raises(Misconfigured, match=r"training\.groups: expected an encoder .*; leave adapters out$"):
        tiny.model(f"backbone.name={folder}")
    embeddings = tiny.model(f"backbone.name={folder}", WITHOUT).encoder.embed(TEXTS)
    assert np.allclose(embeddings, plain(folder, TEXTS), atol=1e-5)


def test_the_print_of_a_model_is_its_size(tiny):
    model = tiny.model()
    assert repr(model) == f"GlobalModel(d={model.layout.size})"
    assert repr(model.encoder) == "Encoder(width=32, rank=2)"
    assert repr(model.encoder._reader) == "ReadingTransformer(rank=2)"


def test_readings_that_are_remembered_serve_instead_of_the_encoder(tiny):
    encoder = fitted(tiny)
    made = np.arange(2 * (WIDTH + RANK), dtype=np.float32).reshape(2, -1)
    fresh = encoder.read(TEXTS)
    told = []
    encoder.remember({TEXTS[2]: 0, "not asked": 1}, made)
    known = encoder.read([TEXTS[2], TEXTS[0], TEXTS[2]], progress=told.append)
    np.testing.assert_array_equal(known[[0, 2]], made[[0, 0]])
    np.testing.assert_allclose(known[1], fresh[0], atol=1e-5)
    assert sum(told) == 2
    assert np.array_equal(encoder.embed([TEXTS[2]])[0], made[0, :WIDTH])
    encoder.forget()
    np.testing.assert_allclose(encoder.read([TEXTS[2]])[0], fresh[2], atol=1e-5)


def test_what_is_remembered_moves_along_with_b_to_first_order_and_what_is_not_is_read(tiny):
    encoder = fitted(tiny)
    move(encoder, seed=5)
    made = encoder.read(TEXTS[:2])
    encoder.remember({text: row for row, text in enumerate(TEXTS[:2])}, made)
    ((_, up),) = encoder.adapters.items()
    before = up.detach().numpy().copy()
    move(encoder, by=0.1)
    change = up.detach().numpy() - before
    moved = encoder.embed(TEXTS)
    assert moved[:2] == pytest.approx(made[:, :WIDTH] + encoder.shift(made[:, WIDTH:], change), abs=1e-6)
    assert np.abs(moved[:2] - made[:, :WIDTH]).max() > 0.01
    assert np.array_equal(made, encoder.read(TEXTS[:2]))  # what was given stays
    encoder.forget()
    fresh = encoder.embed(TEXTS)
    assert np.allclose(moved[2:], fresh[2:], atol=1e-5)
    assert not np.array_equal(moved[:2], fresh[:2])


def test_another_a_is_not_what_was_remembered_under(tiny):
    encoder = fitted(tiny)
    encoder.remember({TEXTS[0]: 0}, np.zeros((1, WIDTH + RANK), np.float32))
    encoder.take_down(2 * encoder.adapter_down)
    assert encoder.read(TEXTS[:1]).any()


def test_the_example_runs(tiny):
    assert run_examples(encoder_module.Encoder, {"encoder": tiny.model().encoder})


def test_batches_are_as_large_in_a_script_without_blanks(tiny):
    """A character is a token there, four letters are elsewhere: else a batch would hold several times what is meant."""
    encoder = tiny.model().encoder
    for text in ("rose " * 12, "玫瑰花園裡的鼓聲與琴聲一起"):  # both are cut at sixteen tokens
        batches = encoder._batches([f"{text}{number}" for number in range(300)], 1600)
        assert [len(batch) for batch in batches] == [100, 100, 100]
