"""The light encoder: the same numbers under the same names as Hugging Face and PEFT give."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertForMaskedLM, BertModel

from client import Recommender
from shared.errors import Corrupt
from shared.model import Encoder, build_model
from shared.model.backbone import find_backbone, load_backbone
from shared.model.tokens import TextTokenizer
from shared.model.transformer import Transformer
from shared.release import model_of
from tests.support.tiny import FAMILIES, catalogue, person, put, write_encoder

TEXTS = ["a rose", "guitar string chord for the music with amp and drum", "oven", " ".join(["rose drum oven"] * 20)]


def pair(tiny, *settings, family="bert"):
    """The same moved model twice: of Hugging Face and PEFT, and light."""
    file = tiny.file(*settings, family=family)
    trained, light = build_model(file), build_model(file, light=True)
    trained.encoder.fit_down(catalogue().texts)
    light.encoder.take_down(trained.encoder.adapter_down)
    vector = np.random.default_rng(0).normal(0, 0.3, trained.layout.size).astype(np.float32)
    for model in (trained, light):
        put(model, vector)
    return trained, light


@pytest.mark.parametrize("family", FAMILIES)
def test_layout_vector_and_readings_are_those_of_hugging_face_and_peft(tiny, family):
    trained, light = pair(tiny, family=family)
    assert isinstance(light.encoder._reader.model, Transformer)
    assert light.layout == trained.layout
    assert np.array_equal(light.vector(), trained.vector())
    expected = trained.encoder.read(TEXTS)
    assert np.abs(light.encoder.read(TEXTS) - expected).max() < 2e-6 * np.abs(expected).max() + 2e-6
    apart = np.concatenate([light.encoder.read([text]) for text in TEXTS])
    assert np.abs(apart - expected).max() < 1e-5


def test_nothing_of_it_takes_gradients_until_it_is_asked_to(tiny):
    _, light = pair(tiny)
    assert not any(parameter.requires_grad for parameter in light.encoder._reader.parameters())


@pytest.mark.parametrize("kind", ["another activation", "behind a head", "half precision"])
def test_encoders_out_of_the_ordinary_are_read_as_hugging_face_reads_them(tiny, tmp_path, kind):
    folder = write_encoder(tmp_path / "encoder")
    changes = {"hidden_act": "relu"} if kind == "another activation" else {}
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    if kind == "behind a head":
        whole = BertForMaskedLM(BertModel.from_pretrained(folder).config)
        whole.bert.load_state_dict(BertModel.from_pretrained(folder, add_pooling_layer=False).state_dict())
        whole.save_pretrained(folder)
    if kind == "half precision":
        tensors = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    trained, light = pair(tiny, f"backbone.name={folder}")
    assert isinstance(light.encoder._reader.model, Transformer) == (not changes)
    assert light.layout == trained.layout
    assert np.abs(light.encoder.read(TEXTS) - trained.encoder.read(TEXTS)).max() < 1e-5


def test_a_ranking_does_not_tell_which_of_the_two_made_it(tiny):
    release, trained = tiny.moved()
    light = model_of(release)
    words = [replace(event, text=text) for event, text in zip(person(3, 4), TEXTS, strict=True)]
    one, other = (Recommender(release, model).recommend(words, 24) for model in (trained, light))
    assert [offer.item for offer in one] == [offer.item for offer in other]
    assert [offer.score for offer in one] == pytest.approx([offer.score for offer in other], abs=1e-4)


@pytest.mark.parametrize("light", [True, False])
def test_an_adapter_lies_over_the_weights_of_the_backbone_and_copies_none(tiny, light):
    backbone = load_backbone(tiny.file(), light)
    whole = {parameter.data_ptr() for parameter in backbone.model.parameters()}
    encoder = Encoder(backbone, tiny.file(), light)
    held = {name: parameter.data_ptr() for name, parameter in encoder._reader.model.named_parameters()}
    assert {place for name, place in held.items() if "lora" not in name} <= whole
    assert [name.rpartition(".lora_")[2] for name in held if "lora" in name] == ["A.default.weight", "B.default.weight"]


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_configuration_that_is_none_is_refused(tiny, tmp_path, content):
    folder = shutil.copytree(tiny.folders["bert"], tmp_path / "encoder")
    (folder / "config.json").write_text(content)
    with pytest.raises(Corrupt, match=r"config\.json: expected a JSON object"):
        build_model(tiny.file(f"backbone.name={folder}"), light=True)


ODD = [
    "A rose", "Ünïcödé ÀÉ café naïve", "[SEP] [CLS] [MASK] hello [PAD]", "日本語 中文字符 text", "emoji 😀👍🏽 ok",
    "word " * 300, "don't stop-me_now! $5.99 #tag @me", "", "\x00\u200b zero\u200bwidth\tTab\nnew",
    "ΣΙΣΥΦΟΣ İstanbul ﬁ ½", "x" * 150,
]  # fmt: skip


def test_the_default_encoder_reads_texts_as_hugging_face_does():
    folder = find_backbone("all-MiniLM-L6-v2")
    ours = TextTokenizer(folder / "tokenizer.json", 64, 0)(ODD)
    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)(
        ODD, padding=True, truncation=True, max_length=64, return_tensors="pt"
    )
    assert torch.equal(ours.ids, theirs["input_ids"])
    assert torch.equal(ours.mask, theirs["attention_mask"])


def test_the_default_encoder_embeds_as_hugging_face_does(tiny):
    file = tiny.file("backbone.name=all-MiniLM-L6-v2", "backbone.max_tokens=64")
    texts = [*catalogue().texts[:6], *ODD[:5]]
    trained, light = (build_model(file, light=light).encoder.embed(texts) for light in (False, True))
    assert np.abs(trained - light).max() < 5e-6
