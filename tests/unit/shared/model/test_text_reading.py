"""How an encoder wants its texts read, as the files of sentence-transformers beside it say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from shared.errors import Corrupt, Misconfigured
from shared.model.backbone_files import find_backbone, text_reading
from tests.support.tiny import WIDTH, Tiny, catalogue

TEXTS = ["a rose", "a drum for the music", "oven"]


def pooled(folder: Path, mode: str) -> Path:
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    modes = dict.fromkeys(("pooling_mode_cls_token", "pooling_mode_mean_tokens", "pooling_mode_max_tokens"), False)
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32} | modes | {mode: True})
    )
    return folder


def test_the_shipped_encoder_takes_the_mean_without_a_prompt() -> None:
    assert text_reading(find_backbone("all-MiniLM-L6-v2")) == ("mean", "")


def test_without_such_files_it_is_the_mean_without_a_prompt(tmp_path: Path) -> None:
    assert text_reading(tmp_path) == ("mean", "")


def test_an_encoder_whose_first_token_speaks_for_a_text_is_read_by_it(tiny: Tiny, tmp_path: Path) -> None:
    folder = pooled(shutil.copytree(tiny.folders["bert"], tmp_path / "first"), "pooling_mode_cls_token")
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        expected = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 0].numpy() for text in TEXTS]
    other = tiny.model().encoder
    encoder = tiny.model(f"backbone.name={folder}").encoder
    readings = encoder.read_catalogue(catalogue().texts)
    assert np.allclose(encoder.embed(TEXTS), np.stack(expected), atol=1e-5)
    assert encoder.digest != other.digest
    assert np.isfinite(readings).all()
    assert np.ptp(readings[:, WIDTH:], axis=0).min() > 0.1


def test_what_enters_the_adapter_is_of_the_first_token_where_that_is_pooled(tiny: Tiny, tmp_path: Path) -> None:
    folder = pooled(shutil.copytree(tiny.folders["bert"], tmp_path / "first"), "pooling_mode_cls_token")
    encoder = tiny.model(f"backbone.name={folder}").encoder
    encoder.fit_down(catalogue().texts)
    before, entering = encoder.embed(TEXTS), encoder.read(TEXTS)[:, WIDTH:]
    change = np.random.default_rng(0).normal(size=(WIDTH, encoder.rank)).astype(np.float32) * 1e-3
    (up,) = encoder.adapters.values()
    with torch.no_grad():
        up.add_(torch.from_numpy(change))
    moved, foretold = encoder.embed(TEXTS) - before, encoder.shift(entering, change)
    likeness = np.sum(moved * foretold, 1) / np.linalg.norm(moved, axis=1) / np.linalg.norm(foretold, axis=1)
    assert likeness.min() > 0.9  # the part along the state itself is left out: see `to_embedding`


def test_the_default_prompt_is_read_and_no_other(tmp_path: Path) -> None:
    prompts = tmp_path / "config_sentence_transformers.json"
    prompts.write_text(json.dumps({"prompts": {"query": "query: ", "passage": "passage: "}}))
    assert text_reading(tmp_path).prompt == ""
    prompts.write_text(json.dumps({"prompts": {"query": "query: "}, "default_prompt_name": "query"}))
    assert text_reading(tmp_path).prompt == "query: "
    prompts.write_text(json.dumps({"prompts": None, "default_prompt_name": None}))
    assert text_reading(tmp_path).prompt == ""


@pytest.mark.parametrize("prompts", [{}, {"query": 3}, [], None])
def test_a_default_prompt_that_is_nowhere_is_refused(tmp_path: Path, prompts: object) -> None:
    told = {"prompts": prompts, "default_prompt_name": "query"}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(told))
    with pytest.raises(Corrupt, match="expected a text in prompts for default_prompt_name 'query'"):
        text_reading(tmp_path)


def test_another_pooling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="got pooling_mode_max_tokens; choose an encoder"):
        text_reading(pooled(tmp_path, "pooling_mode_max_tokens"))
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    with pytest.raises(Misconfigured, match="got none"):
        text_reading(tmp_path)
