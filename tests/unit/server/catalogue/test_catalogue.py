"""Items from an operator's file: what is read, what is refused and where, and that nothing is encoded twice."""

import json

import numpy as np
import pytest

import shared.model.embedding_slabs as embedding_slabs
from server.catalogue import add_catalogue
from server.home import create_server
from server.releases import Releases
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.federation import write_toml
from shared.model.encoder import Encoder
from tests.support.featured import FEATURES, featured, featured_release
from tests.support.tiny import catalogue


@pytest.fixture
def home(tiny, tmp_path):
    return create_server(tmp_path / "server", federation=write_toml(tiny.file()))


@pytest.fixture
def write(tmp_path):
    def written(content, name="items.jsonl"):
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in content).encode()
        path.write_bytes(content)
        return path

    return written


@pytest.fixture
def encoded(monkeypatch):
    """Texts that went through the encoder."""
    texts, read = [], Encoder.read

    def reading(self, given, *rest, **named):
        texts.extend(given)
        return read(self, given, *rest, **named)

    monkeypatch.setattr(Encoder, "read", reading)
    return texts


def records(items):
    return [{"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)} for i in items]


def test_lines_that_are_no_items_are_named_and_nothing_is_released(home, write, encoded):
    with pytest.raises(Corrupt, match=r"items\.jsonl:2: title: expected a value"):
        add_catalogue(home, write([{"id": "a", "title": "A"}, {"id": "b"}]))
    assert (Releases(home).head(), encoded) == (None, [])


def test_what_was_read_in_another_way_is_noted(home, write):
    notes = []
    items = [{**record, "id": number} for number, record in enumerate(records(catalogue()))]
    assert add_catalogue(home, write(items), note=notes.append).items == 24
    assert notes == ["items.jsonl: ids that are written as numbers are read as texts (24 times)"]


def test_items_that_all_say_the_same_are_too_little(home, write, encoded):
    with pytest.raises(NotYet, match="texts differ, got 8 items"):
        add_catalogue(home, write([{"id": f"i{number}", "title": "Thing"} for number in range(8)]))
    assert encoded == []


def test_the_first_import_is_release_zero(home, write, encoded):
    seen = []
    added = add_catalogue(home, write(records(catalogue())), lambda done, total: seen.append((done, total)))
    assert (added.items, added.new, added.encoded, added.sequence) == (24, 24, 24, 1)
    assert seen[-1] == (24, 24)
    release = Releases(home).load(added.release)
    assert list(release.catalogue) == list(catalogue())
    assert release.round_number == 0
    assert release.federation == home.federation()
    assert release.concept_names
    assert Catalogue.load(home.catalogue / "items.jsonl").digest() == catalogue().digest()


def test_importing_what_is_known_encodes_nothing_and_publishes_nothing(home, write, encoded):
    first = add_catalogue(home, write(records(catalogue())))
    chain = home.chain.read_bytes()
    encoded.clear()
    for items in (list(catalogue()), list(catalogue())[3:5]):
        again = add_catalogue(home, write(records(items)))
        assert (again.items, again.new, again.encoded) == (24, 0, 0)
        assert (again.release, again.sequence) == (first.release, first.sequence)
    assert encoded == []
    assert home.chain.read_bytes() == chain


def test_new_items_come_at_the_end_and_only_they_are_encoded(home, write, encoded):
    add_catalogue(home, write(records(list(catalogue())[:22])))
    encoded.clear()
    more = [*reversed(list(catalogue())), Item("twin", "twin", catalogue()[0].text)]
    added = add_catalogue(home, write(records(more)))
    assert (added.items, added.new, added.encoded, added.sequence) == (25, 3, 2, 2)
    assert sorted(encoded) == sorted(item.text for item in list(catalogue())[22:])
    releases = Releases(home)
    before, after = (releases.load(link.release) for link in releases.all())
    assert [item.id for item in after.catalogue][22:] == [catalogue()[23].id, catalogue()[22].id, "twin"]
    assert np.array_equal(after.index[:22], before.index)
    assert np.array_equal(after.index[24], before.index[0])


def test_an_import_that_is_killed_goes_on_where_it_was(home, write, encoded, monkeypatch):
    monkeypatch.setattr(embedding_slabs, "_SLAB", 8)
    whole, saved = embedding_slabs._write, []

    def saving(*given):
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(whole(*given))

    with monkeypatch.context() as patch:
        patch.setattr(embedding_slabs, "_write", saving)
        with pytest.raises(KeyboardInterrupt):
            add_catalogue(home, write(records(catalogue())))
    assert Releases(home).head() is None
    encoded.clear()
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(Releases, "publish", None)
        with pytest.raises(TypeError):
            add_catalogue(home, write(records(catalogue())), lambda done, total: seen.append((done, total)))
    assert len([text for text in encoded if text in catalogue().texts]) == 8
    assert (seen[0], seen[-1]) == ((16, 24), (24, 24))
    added = add_catalogue(home, write(records(catalogue())))
    assert (added.encoded, added.sequence) == (0, 1)


def test_a_known_item_that_changed_is_refused_by_name(home, write):
    add_catalogue(home, write(records(catalogue())))
    changed = [
        {**record, "text": "else"} if place in (2, 7) else record for place, record in enumerate(records(catalogue()))
    ]
    with pytest.raises(Misconfigured, match="2 changed ones: garden-2, music-1; put them back"):
        add_catalogue(home, write([*changed, {"id": "new", "title": "new"}]))
    assert Releases(home).head().sequence == 1


def test_fewer_items_than_concepts_say_what_to_do(home, write):
    with pytest.raises(Misconfigured, match=r"model\.concepts = 6 items, got 5"):
        add_catalogue(home, write(records(list(catalogue())[:5])))
    assert Releases(home).head() is None


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_lost_file_of_readings_costs_time_alone(home, write, encoded, damage):
    first = add_catalogue(home, write(records(list(catalogue())[:20])))
    [path] = (home.catalogue / "embeddings").rglob("*.safetensors")
    path.unlink() if damage is None else path.write_bytes(damage)
    assert add_catalogue(home, write(records(catalogue()))).sequence == first.sequence + 1


def test_a_catalogue_that_the_encoder_cannot_read_is_refused_and_nothing_is_encoded_or_kept(home, write, encoded):
    file = write([{"id": f"n{n}", "title": f"伊麗莎白女王逝世{n}"} for n in range(24)])
    with pytest.raises(Misconfigured, match=r"100% are unknown .* item 'n0', '伊麗莎白女王逝世0'; set backbone.name"):
        add_catalogue(home, file)
    assert encoded == []
    assert Releases(home).head() is None


def test_items_that_make_a_catalogue_unreadable_are_not_added(home, write, encoded):
    first = records(catalogue())
    add_catalogue(home, write(first))
    encoded.clear()
    strange = [{"id": f"n{n}", "title": f"伊麗莎白{n}"} for n in range(7)]
    add_catalogue(home, write([*first, *strange[:6]]))  # 6 of 30: a fifth
    with pytest.raises(Misconfigured, match="23% are unknown"):
        add_catalogue(home, write([*first, *strange]))
    assert len(encoded) == 6


def test_features_go_into_the_index_that_devices_rank_by_and_later_items_may_lack_them(tiny, tmp_path, write):
    home = create_server(tmp_path / "server", federation=write_toml(tiny.file(FEATURES)))
    items = featured()

    def lines(of):
        told = [{name: values.tolist() for name, values in item.features.items()} for item in of]
        return [record | {"features": features} for record, features in zip(records(of), told, strict=True)]

    add_catalogue(home, write(lines(items)))
    expected, _ = featured_release(tiny)
    release = Releases(home).load(Releases(home).head().release)
    assert np.array_equal(release.index, expected.index)
    assert np.abs(release.index[:, :4]).max() > 0.1  # pictures and prices stand before the text

    later = [{"id": "new", "title": "Spade", "text": "a spade for the garden"}]
    known = {**later[0], "id": "newer", "text": "a spoon for the kitchen", "features": {"price": 9.0}}
    add_catalogue(home, write([*lines(items), *later, known]))
    grown = Releases(home).load(Releases(home).head().release)
    assert not grown.index[-2, :4].any()
    assert (grown.index[-1, :4] != 0).tolist() == [False, False, False, True]
    with pytest.raises(
        Misconfigured, match="features: price: expected 1 numbers, as items of the release have them, got 2"
    ):
        add_catalogue(home, write([{**later[0], "id": "newest", "features": {"price": [1, 2]}}]))


def test_features_that_the_federation_file_names_and_no_item_has_are_missed(tiny, tmp_path, write):
    home = create_server(tmp_path / "server", federation=write_toml(tiny.file(FEATURES)))
    with pytest.raises(Misconfigured, match=r"model\.features\.image: expected a catalogue with 3 numbers"):
        add_catalogue(home, write(records(catalogue())))
    assert Releases(home).head() is None
