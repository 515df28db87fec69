"""A release: what it pins, what it notices, what it is made of."""

import hashlib
import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured
from shared.item_statistics import ItemStatistics
from shared.pair_cells import PairCounts
from shared.release.making import first_release, next_release, with_items
from shared.release.release import Release
from tests.support.featured import FEATURES, featured, featured_release
from tests.support.tiny import WIDTH, catalogue, put

FILES = ["card.md", "federation.toml", "catalogue.jsonl", "index.safetensors", "model.safetensors"]


def near(index, exact):
    """Whether no number is further off than half a step of the int8 index, a 127th of the row's largest."""
    steps = np.abs(exact).max(axis=1, keepdims=True) / 127
    return bool((np.abs(index - exact) <= 0.501 * steps + 1e-5).all())


def adapted(model, vector):
    """The vector with another B."""
    up = np.random.default_rng(0).normal(size=model.layout.select(["adapters"]).size)
    return model.layout.insert(vector, ["adapters"], up.astype(np.float32))


def test_a_release_comes_back_from_its_folder_as_it_went(tiny, tmp_path):
    release, _ = tiny.moved()
    release.save(tmp_path)
    back = Release.load(tmp_path)
    assert back.digest() == release.digest()
    assert back.federation == release.federation
    assert list(back.catalogue) == list(release.catalogue)
    assert (back.concept_names, back.round_number) == (release.concept_names, 1)
    for name in ("index", "log_popularity", "vector"):
        assert getattr(back, name).tobytes() == getattr(release, name).tobytes()
    assert back.card == release.card
    assert np.array_equal(back.whitening.matrix, release.whitening.matrix)
    assert np.array_equal(back.whitening.mean, release.whitening.mean)
    for name in ("down", "mean", "items"):
        assert getattr(back.adapter, name).tobytes() == getattr(release.adapter, name).tobytes()
        assert getattr(back.adapter, name).dtype == np.float32


def test_without_an_adapter_a_release_holds_nothing_of_one(tiny, tmp_path):
    release, _ = tiny.release('training.groups=["dense"]')
    assert release.adapter is None
    release.save(tmp_path)
    assert Release.load(tmp_path).adapter is None
    assert "entering" not in load_file(tmp_path / "index.safetensors")
    assert load_file(tmp_path / "model.safetensors").keys() == {"mean", "matrix", "vector"}


def test_the_digest_changes_with_anything_in_it(tiny):
    release, _ = tiny.release()
    bump = np.float32(1e-6)
    others = [
        replace(release, federation=tiny.file("name=other")),
        replace(release, catalogue=Catalogue([*list(release.catalogue)[:-1], Item("z", "z", "z")])),
        replace(release, whitening=replace(release.whitening, mean=release.whitening.mean + bump)),
        replace(release, whitening=replace(release.whitening, matrix=release.whitening.matrix + bump)),
        replace(release, index=2 * release.index),
        replace(release, log_popularity=release.log_popularity + bump),
        replace(release, vector=release.vector + np.float32(1e-3)),
        replace(release, concept_names=(*release.concept_names[:-1], "other")),
        replace(release, round_number=7),
        replace(release, card=release.card + "."),
        replace(release, adapter=replace(release.adapter, down=release.adapter.down + bump)),
        replace(release, adapter=replace(release.adapter, mean=release.adapter.mean + bump)),
        replace(release, adapter=replace(release.adapter, items=2 * release.adapter.items)),
    ]
    digests = {release.digest(), *(other.digest() for other in others)}
    assert len(digests) == 14
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
    popular = release.with_statistics(ItemStatistics(counts)).log_popularity
    assert np.allclose(popular, expected, atol=1e-6)
    assert popular.mean() == pytest.approx(0, abs=1e-6)
    assert not release.log_popularity.any()


def test_companions_come_of_the_pairs_counted_and_stay_when_items_are_added(tiny, tmp_path):
    release, model = tiny.release("statistics.pairs_of=8")
    assert release.companions.rows.shape == (24, 0)
    pairs = PairCounts(np.array([[0, 3], [3, 30]], np.int32), np.array([6.0, 9.0], np.float32))  # one of an item gone
    counted = release.with_statistics(ItemStatistics(np.full(31, 6.0), pairs=pairs))
    assert counted.companions.rows[[0, 3], 0].tolist() == [3, 0]
    assert (counted.companions.weights > 0).sum() == 2
    counted.save(tmp_path)
    loaded = Release.load(tmp_path).companions
    assert loaded.rows.tolist() == counted.companions.rows.tolist()
    assert loaded.weights.tolist() == counted.companions.weights.tolist()
    more = with_items(counted, model, Catalogue([Item("new", "hedge", "a hedge for the pond")]))
    assert more.companions.rows.shape == (25, 20)
    assert not more.companions.weights[24].any()
    uncounted, _ = tiny.release()
    assert uncounted.with_statistics(ItemStatistics(np.full(24, 6.0))).companions.rows.shape == (24, 0)


def test_a_table_of_companions_that_names_no_item_is_corrupt(tiny, tmp_path):
    release, _ = tiny.moved()
    release.companions.rows[3, 1] = 24
    release.save(tmp_path)
    with pytest.raises(Corrupt, match="expected companions among the 24 items, got others"):
        Release.load(tmp_path)


def test_release_zero_is_the_whitened_catalogue_and_the_models_start(tiny):
    release, model = tiny.release()
    assert release.round_number == 0
    assert near(release.index, release.whitening.apply(model.encoder.embed(catalogue().texts)))
    assert np.array_equal(release.vector, model.vector())
    assert np.allclose(np.linalg.norm(model.heads.concepts.weight.detach().numpy(), axis=1), 1, atol=1e-5)
    assert not model.layout.extract(release.vector, ["adapters", "transitions", "bias"]).any()


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
        first_release(file, catalogue(), model, model.encoder.read_catalogue(catalogue().texts))


def test_readings_without_what_enters_the_adapter_are_refused(tiny):
    file, model = tiny.file(), tiny.model()
    with pytest.raises(Misconfigured, match=r"readings: expected 34 numbers a text .* got shape \[24, 32\]"):
        first_release(file, catalogue(), model, model.encoder.embed(catalogue().texts))


def test_what_enters_the_adapter_of_each_item_is_what_the_encoder_reads(tiny):
    for release, model in (tiny.release(), tiny.moved()):
        with model.at(release.vector):
            entering = model.encoder.read(catalogue().texts)[:, WIDTH:]
        assert np.array_equal(release.adapter.down, model.encoder.adapter_down)
        assert np.allclose(release.adapter.mean, entering.mean(0), atol=1e-5)
        assert np.allclose(release.adapter.items, entering - entering.mean(0), atol=2e-3)


def test_the_catalogue_is_encoded_again_only_if_the_adapter_moved(tiny, monkeypatch):
    release, model = tiny.release()
    heads = release.vector.copy()
    heads[: model.layout.select(["dense"]).size] += 1
    monkeypatch.setattr(model.encoder, "read", None)
    following = next_release(release, model, heads, 5)
    assert following.index is release.index
    assert following.whitening is release.whitening
    assert following.adapter is release.adapter
    assert np.array_equal(following.vector, heads)
    assert following.round_number == 5
    monkeypatch.undo()
    moved = next_release(release, model, adapted(model, heads), 6)
    assert not np.allclose(moved.index, release.index, atol=1e-3)
    with model.at(moved.vector):
        embeddings = model.encoder.embed(catalogue().texts)
    assert near(moved.index, moved.whitening.apply(embeddings))
    # what all texts have in common ranks nothing: the mean is taken off anew, the axes stay
    assert np.allclose(moved.whitening.mean, embeddings.mean(0), atol=1e-5)
    assert not np.allclose(moved.whitening.mean, release.whitening.mean, atol=1e-2)
    assert np.array_equal(moved.whitening.matrix, release.whitening.matrix)
    assert np.array_equal(model.vector(), release.vector)  # as it was before


def test_a_release_with_features_comes_back_and_leaves_their_raw_values_with_the_operator(tiny, tmp_path):
    release, _ = featured_release(tiny)
    release.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "manifest.json"])
    back = Release.load(tmp_path)
    assert back.digest() == release.digest()
    assert np.array_equal(back.index, release.index)
    assert back.index.shape == (24, WIDTH + 4)
    assert list(back.whitening.blocks) == ["image", "price"]
    assert np.array_equal(back.whitening.blocks["image"].matrix, release.whitening.blocks["image"].matrix)
    assert not back.catalogue.features
    items = featured()
    again = back.whitening.apply_items(np.zeros((24, WIDTH), np.float32), items)
    assert near(release.index[:, :4], again[:, :4])


def test_a_whitening_of_other_blocks_than_the_federations_is_corrupt(tiny, tmp_path):
    release, _ = featured_release(tiny)
    replace(release, whitening=replace(release.whitening, blocks={})).save(tmp_path)
    with pytest.raises(Corrupt, match="KeyError"):
        Release.load(tmp_path)
    plain, _ = tiny.release()
    replace(plain, whitening=replace(plain.whitening, blocks=release.whitening.blocks)).save(tmp_path)
    with pytest.raises(Corrupt, match="expected a whitening of"):
        Release.load(tmp_path)


def test_features_that_the_federation_does_not_read_change_nothing(tiny):
    file, model = tiny.file(), tiny.model()
    readings = model.encoder.read_catalogue(catalogue().texts)
    other = tiny.model()
    other.encoder.take_down(model.encoder.adapter_down)
    release = first_release(file, featured(), model, readings)
    assert release.digest() == first_release(file, catalogue(), other, readings).digest()


def test_a_new_index_keeps_the_features(tiny):
    release, model = featured_release(tiny)
    moved = next_release(release, model, adapted(model, release.vector), 1)
    assert np.array_equal(moved.index[:, :4], release.index[:, :4])
    assert not np.allclose(moved.index[:, 4:], release.index[:, 4:], atol=1e-3)


def test_features_that_the_catalogue_has_not_are_refused(tiny):
    model = tiny.model(FEATURES)
    with pytest.raises(Misconfigured, match=r"model\.features\.image: expected a catalogue with 3 numbers"):
        first_release(tiny.file(FEATURES), catalogue(), model, model.encoder.read_catalogue(catalogue().texts))


def test_renamed_concepts_are_distributed_with_the_release_and_survive_the_next_one(tiny, tmp_path):
    release, model = tiny.release()
    renamed = release.renamed({"2": "things to plant", release.concept_names[4]: "noise"})
    renamed.save(tmp_path)
    following = next_release(Release.load(tmp_path), model, release.vector + 1, 1)
    assert following.concept_names[1] == "things to plant"
    assert following.concept_names[4] == "noise"
    assert following.concept_names[0] == release.concept_names[0]
    with pytest.raises(Misconfigured, match="expected a number from 1 to 6 or the name of a concept"):
        release.renamed({"7": "seven"})


def test_new_items_join_at_the_end_as_this_release_reads_them_and_change_nothing_else(tiny, tmp_path):
    release, model = tiny.moved()
    came = Catalogue([Item("new-1", "hedge", "a hedge for the pond"), Item("new-2", "chord", "a chord with a string")])
    put(model, release.vector * 0)  # whatever was in the model before
    following = with_items(release, model, came)
    assert [item.id for item in following.catalogue] == [item.id for item in [*release.catalogue, *came]]
    assert np.array_equal(following.index[:24], release.index)
    assert np.array_equal(following.log_popularity[:24], release.log_popularity)
    assert np.array_equal(following.vector, release.vector)
    # under the adapter of the release, which has moved
    with model.at(release.vector):
        readings = model.encoder.read(came.texts)
    assert near(following.index[24:], release.whitening.apply(readings[:, :WIDTH]))
    assert np.array_equal(following.adapter.items[:24], release.adapter.items)
    assert np.allclose(following.adapter.items[24:], readings[:, WIDTH:] - release.adapter.mean, atol=4e-3)
    assert np.array_equal(following.adapter.mean, release.adapter.mean)
    fresh, untrained = tiny.release()
    assert not np.allclose(following.index[24:], with_items(fresh, untrained, came).index[24:], atol=1e-3)
    following.save(tmp_path)
    assert Release.load(tmp_path).digest() == following.digest()


def test_new_items_are_not_taken_for_unpopular_ones(tiny):
    release, model = tiny.release()
    came = Catalogue([Item("new", "hedge", "a hedge for the pond")])
    assert not with_items(release, model, came).log_popularity.any()  # where nobody counted, all are alike
    counts = np.arange(24, dtype=np.float64)
    popular = with_items(release.with_statistics(ItemStatistics(counts)), model, came).log_popularity
    assert popular[-1] > np.quantile(popular[:24], 0.25)


def test_an_item_that_is_there_already_cannot_join(tiny):
    release, model = tiny.release()
    with pytest.raises(Misconfigured, match="ids must be unique"):
        with_items(release, model, Catalogue([catalogue()[3]]))


def test_the_index_is_stored_in_a_byte_a_number(tiny, tmp_path):
    release, _ = featured_release(tiny)
    release.save(tmp_path)
    tensors = load_file(tmp_path / "index.safetensors")
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()} == {
        "index": (np.int8, (24, WIDTH + 4)),
        "scales": (np.float32, (24, 3)),  # image, price, text
        "log_popularity": (np.float32, (24,)),
        "entering": (np.float16, (24, 2)),  # the adapter's
        "companions": (np.int32, (24, 0)),
        "companion_weights": (np.float16, (24, 0)),
    }
    assert np.array_equal(tensors["index"][:, 4:] * tensors["scales"][:, 2:], release.index[:, 4:])


def test_an_index_off_its_grid_is_not_stored(tiny, tmp_path):
    release, _ = tiny.release()
    with pytest.raises(Misconfigured, match="int8 grid"):
        replace(release, index=release.index + np.float32(1e-6)).save(tmp_path)
    assert not list(tmp_path.iterdir())


def pin(folder, name, tensors):
    """Write tensors in a release's file, and have its manifest pin it."""
    save_file({key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}, folder / name)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", ["row", "scale", "dtype", "missing"])
def test_an_index_of_another_form_is_corrupt(tiny, tmp_path, damage):
    release, _ = tiny.release()
    release.save(tmp_path)
    tensors = load_file(tmp_path / "index.safetensors")
    if damage == "row":
        tensors = {name: tensor[1:] for name, tensor in tensors.items()}
    elif damage == "scale":
        tensors["scales"] = np.nextafter(tensors["scales"], np.float32(9))
    elif damage == "dtype":
        tensors["index"] = tensors["index"].astype(np.int32)
    else:
        del tensors["scales"]
    pin(tmp_path, "index.safetensors", tensors)
    with pytest.raises(Corrupt):
        Release.load(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "rank", "row", "dimensions"])
@pytest.mark.parametrize("tensor", ["adapter_down", "adapter_mean", "entering"])
def test_an_adapter_of_another_form_is_corrupt(tiny, tmp_path, tensor, damage):
    tiny.moved()[0].save(tmp_path)
    name = "index.safetensors" if tensor == "entering" else "model.safetensors"
    tensors = load_file(tmp_path / name)
    held = tensors.pop(tensor)
    if damage == "rank":
        tensors[tensor] = held[:1] if tensor == "adapter_down" else held[..., :1]
    elif damage == "row":
        tensors[tensor] = held[1:]
    elif damage == "dimensions":
        tensors[tensor] = held[None]
    pin(tmp_path, name, tensors)
    with pytest.raises(Corrupt):
        Release.load(tmp_path)


def test_an_adapter_that_the_federation_does_not_train_is_corrupt(tiny, tmp_path):
    release, _ = tiny.release('training.groups=["dense"]')
    trained, _ = tiny.release()
    for adapter, terms in ((trained.adapter, release), (None, trained)):
        replace(terms, adapter=adapter).save(tmp_path)
        with pytest.raises(Corrupt):
            Release.load(tmp_path)


def test_the_card_tells_people_what_it_is_and_what_was_promised(tiny):
    release, model = tiny.release(
        "sum.mode=secure",
        "privacy.level=both",
        "privacy.user_epsilon=3.5",
        "privacy.participations.update=7",
        "round.minimum_answers=3",
    )
    assert "# hushrec, after round 0 of 4" in release.card
    assert "ranks 24 public items" in release.card
    assert "Nobody's behaviour is in it" in release.card
    assert "epsilon 3.5 at delta 1e-06 over a device's whole life" in release.card
    assert "At most so often in a device's whole life: update 7, statistics 1, evaluation" in release.card
    assert "sums over at least 3 devices" in release.card
    assert release.federation.digest() in release.card
    assert all(name in release.card for name in release.concept_names)
    assert "Not measured by devices." in release.card
    assert str(tiny.folders["bert"]) not in release.card
    trained = next_release(release, model, release.vector + 1, 2, metrics={"hr@10": 0.25, "hr@10 deviation": 0.03})
    assert "after round 2 of 4" in trained.card
    assert "| hr@10 | 0.2500 | 0.0300 |" in trained.card
    assert "Nobody's behaviour" not in trained.card
    assert "plants" in release.renamed({"1": "plants"}).card
    more = with_items(trained, model, Catalogue([Item("new", "hedge", "a hedge")]))
    assert "ranks 25 public items" in more.card
    assert "0.2500" not in more.card  # measured on another catalogue
    assert "No differential privacy" in tiny.release("privacy.level=none")[0].card


def test_the_card_promises_what_noise_of_the_devices_own_gives_where_there_is_some(tiny):
    both = ("sum.mode=secure", "privacy.level=both", "privacy.local_epsilon=2.5", "privacy.event_delta=1e-7")
    said = "towards a server that saw single answers without the sum: epsilon 2.5 at delta 1e-07"
    for settings, there in (
        ((*both, "privacy.local_noise=on"), True),
        ((*both, "privacy.local_noise=off"), False),
        ((*both, "privacy.local_noise=auto"), False),
        (("privacy.level=event", *both[2:]), True),
    ):
        assert (said in tiny.release(*settings)[0].card) == there


def test_items_that_came_after_a_count_are_predicted_from_it(tiny):
    release, model = tiny.release()
    more = with_items(release, model, Catalogue([Item("new", "hedge", "a hedge for the pond")]))
    counts = np.arange(24, dtype=np.float64)
    popular = more.with_statistics(ItemStatistics(counts))
    assert np.array_equal(popular.log_popularity[:24], release.with_statistics(ItemStatistics(counts)).log_popularity)
    counted = release.with_statistics(ItemStatistics(counts))
    later = with_items(counted, model, Catalogue([Item("new", "hedge", "a hedge for the pond")]))
    assert popular.log_popularity[24] == pytest.approx(later.log_popularity[24], abs=1e-6)


def test_readings_that_are_known_need_no_encoder(tiny, monkeypatch):
    release, model = tiny.moved()
    came = Catalogue([Item("new", "hedge", "a hedge for the pond")])
    expected = with_items(release, model, came)
    put(model, release.vector)
    readings = model.encoder.read(came.texts)
    monkeypatch.setattr(model.encoder, "read", None)
    assert with_items(release, model, came, readings=readings).digest() == expected.digest()


def test_where_few_axes_may_turn_they_are_those_of_the_concepts_and_nothing_else_changes(tiny):
    release, model = tiny.release("model.dense_width=32", "model.dense_trained=5")
    whole, other = tiny.release("model.dense_width=32", "model.dense_trained=32")
    concepts = model.layout.extract(release.vector, ["concepts"]).reshape(6, 32)
    rank = np.linalg.matrix_rank(concepts, tol=1e-4)
    assert rank <= 6
    assert np.allclose(concepts[:, rank:], 0.0, atol=1e-5)
    assert not np.allclose(other.layout.extract(whole.vector, ["concepts"]).reshape(6, 32)[:, rank:], 0.0, atol=1e-3)
    assert np.allclose(release.index @ release.index.T, whole.index @ whole.index.T, atol=0.05)  # up to its grid
    assert release.concept_names == whole.concept_names
