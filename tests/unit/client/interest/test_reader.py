"""Reading what events say: a long log's own words are encoded together, each text once."""

from dataclasses import replace

import numpy as np

from client.interest import TextReader
from tests.support.tiny import person


def spied(model, monkeypatch):
    """The batches of texts that reach the encoder."""
    batches = []
    embed = model.encoder.embed

    def spy(texts, **rest):
        batches.append(list(texts))
        return embed(texts, **rest)

    monkeypatch.setattr(model.encoder, "embed", spy)
    return batches


def test_a_log_is_read_in_one_batch_and_every_text_once(tiny, monkeypatch):
    release, model = tiny.moved()
    said = ["a loud drum", "", "oven and pan", "a loud drum", "salt"]
    log = [replace(event, text=text) for event, text in zip(person(0, 5), said, strict=True)]
    alone = TextReader(release, model)
    expected = [alone.sentence(event) for event in log]
    batches = spied(model, monkeypatch)
    reader = TextReader(release, model)
    reader.read_ahead(log)
    reader.read_ahead(log)
    assert batches == [["a loud drum", "oven and pan", "salt"]]
    for event, views in zip(log, expected, strict=True):
        assert np.allclose(reader.sentence(event), views, atol=1e-5)
    assert len(batches) == 1


def test_a_reader_holds_the_views_of_the_catalogue_and_no_longer_its_index(tiny):
    release, model = tiny.moved()
    reader = TextReader(release, model)
    assert reader.release.index.shape == (0, release.index.shape[1])
    assert len(reader.items) == len(release.index) == len(release.catalogue)
