"""A release in other tools: they load what is written, and compute what the product does."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from peft import PeftModel
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

from shared.errors import Misconfigured
from shared.model import find_backbone
from simulations.cli import app
from simulations.exchange import HubFacts, export_release
from simulations.report import write_report
from tests.support.sample import sample

TEXTS = ["a red rose for the garden", "guitar " * 90, "a [SEP] café"]
ENCODER = "all-MiniLM-L6-v2"
TOLERANCE = 1e-5  # of embeddings whose numbers reach 1


@pytest.fixture(scope="module")
def moved(tiny):
    """A release over the encoder of the default, with an adapter that has moved, and its model."""
    return tiny.moved(f"backbone.name={ENCODER}", 'training.groups=["dense", "adapters"]')


@pytest.fixture
def folder(moved, tmp_path):
    """Of a run, as `run` writes it."""
    write_report(sample(out=tmp_path / "run"), tmp_path / "run")
    moved[0].save(tmp_path / "run" / "release")
    return tmp_path / "run"


def embedded(moved):
    release, model = moved
    with model.at(release.vector):
        return model.encoder.embed(TEXTS)


def test_peft_puts_the_adapter_on_the_encoder_and_reads_as_the_product_does(moved, folder, tmp_path):
    export_release(folder, tmp_path / "out", "peft")
    encoder = AutoModel.from_pretrained(find_backbone(ENCODER), dtype="float32")
    tokens = AutoTokenizer.from_pretrained(find_backbone(ENCODER))(
        TEXTS, padding=True, truncation=True, max_length=16, return_tensors="pt"
    )
    weights = tokens["attention_mask"].unsqueeze(-1).float()

    def pooled(model):
        with torch.no_grad():
            states = model(**tokens).last_hidden_state
        return ((states * weights).sum(1) / weights.sum(1)).numpy()

    bare = pooled(encoder)
    adapted = pooled(PeftModel.from_pretrained(encoder, tmp_path / "out"))
    assert np.abs(adapted - embedded(moved)).max() < TOLERANCE
    assert np.abs(adapted - bare).max() > 0.01  # the adapter does something
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "sentence-transformers/all-MiniLM-L6-v2"


def test_sentence_transformers_gives_the_dense_view_of_texts(moved, folder, tmp_path):
    answer = CliRunner().invoke(app, ["export-release", str(folder), str(tmp_path / "out"), "--json"])
    assert "modules.json" in json.loads(answer.stdout)["files"]
    release, model = moved
    view, _ = model.heads_at(release.vector).view(torch.from_numpy(release.whitening.apply(embedded(moved))))
    theirs = SentenceTransformer(str(tmp_path / "out"), device="cpu").encode(TEXTS)
    assert np.abs(theirs - view.numpy()).max() < TOLERANCE


def test_the_card_says_what_a_hub_reads_and_names_no_folder_of_this_machine(folder, tmp_path):
    facts = HubFacts("apache-2.0", ("de",), ("gardens",))
    export_release(folder, tmp_path / "out", "peft", facts)
    card = ModelCard.load(tmp_path / "out" / "README.md", ignore_metadata_errors=False)
    told = card.data
    assert (told.license, told.language, told.datasets) == ("apache-2.0", ["de"], ["gardens"])
    assert (told.base_model, told.library_name) == ("sentence-transformers/all-MiniLM-L6-v2", "peft")
    figures = {(one.metric_name, one.metric_value) for one in told.eval_results}
    assert ("ndcg@10, full ranking", sample().metrics["full"]["ndcg@10"]) in figures
    assert str(tmp_path) not in card.content


def test_an_encoder_of_ones_own_is_not_named_in_what_is_written(tiny, tmp_path):
    release, _ = tiny.moved('training.groups=["dense", "adapters"]')
    release.save(tmp_path / "release")
    export_release(tmp_path / "release", tmp_path / "out", "peft")
    assert all(str(tiny.folders["bert"]).encode() not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_what_cannot_be_exported_is_refused_before_anything_is_written(tiny, tmp_path):
    release, _ = tiny.release('training.groups=["dense"]')
    release.save(tmp_path / "release")
    with pytest.raises(Misconfigured, match=r"expected one that trains an adapter.*--format sentence-transformers"):
        export_release(tmp_path / "release", tmp_path / "out", "peft")
    sparse, _ = tiny.release('model.views=["concepts"]', 'training.groups=["concepts"]')
    sparse.save(tmp_path / "sparse")
    with pytest.raises(Misconfigured, match=r"expected one with the dense view"):
        export_release(tmp_path / "sparse", tmp_path / "out", "sentence-transformers")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Misconfigured, match=r"to be new or empty, found something in it"):
        export_release(tmp_path / "release", tmp_path, "sentence-transformers")
