"""The profile: the same however it came about, additive, safe on any log, and silent about its person."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client import Levels, Profile
from client.interest import TextReader
from client.interest.evidence import KIND_WEIGHTS, drift, kept_share
from client.interest.exponential_sum import Decay
from client.interest.profile import FRESH, RECENT
from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from tests.support.tiny import catalogue, person

IDS = [item.id for item in catalogue()]
SENTENCES = Levels(0.0, 1.0, 0.0)
MIXED = Levels(0.2, 0.5, 0.3)
HOURS = Levels(0.2, 0.5, 0.3, 0.8)
MORNING = (("hour", "08"),)
NOW = 1.7e9  # a date; smaller times are positions

logs = st.lists(
    st.builds(
        Event,
        st.just(0.0),
        st.sampled_from(EventKind),
        st.sampled_from([*IDS, "unknown"]),
        st.sampled_from(["", "", "", "a loud drum", "🥁" * 40]),
        st.sampled_from([None, 1.0, 5.0]),
        st.just(()),
        st.sampled_from([(), (("hour", "08"),), (("hour", "21"),)]),
    ),
    max_size=45,
).map(lambda log: [replace(event, time_seconds=NOW + 900.0 * place**1.5) for place, event in enumerate(log)])


KINDS = [
    (["dense", "concepts"], "forgetting"),
    (["dense"], "forgetting"),
    (["concepts"], "forgetting"),
    (["dense", "concepts"], "linear"),
    (["dense", "concepts"], "gru"),
    (["dense"], "lstm"),
    (["concepts"], "attention"),
]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def reader(tiny, request):
    views, evolution = request.param
    release, model = tiny.moved(f"model.views={views}", f"interest.evolution={evolution}")
    return TextReader(release, model)


@pytest.fixture
def forgetful(reader):
    """A reader under forgetting alone."""
    if reader.course.shift(reader.course.start()) is not None:
        pytest.skip("a learnt evolution adds to what the definition says: see test_evolution")
    return reader


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(log=logs, levels=st.sampled_from([SENTENCES, MIXED, HOURS]), cut=st.integers(0, 45))
def test_a_profile_that_grew_event_by_event_equals_one_rebuilt_at_any_moment(reader, log, levels, cut):
    grown = Profile(reader, log[:cut], levels)
    grown.interest()  # asking changes nothing
    for event in log[cut:]:
        grown.add(event)
    rebuilt = Profile(reader, log, levels).interest(MORNING)
    found = grown.interest(MORNING)
    pairs = (found.dense, rebuilt.dense), (found.concepts, rebuilt.concepts), (found.shift, rebuilt.shift)
    for one, other in pairs:
        assert (one is None and other is None) or np.array_equal(one, other)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(log=logs, levels=st.sampled_from([SENTENCES, MIXED, HOURS]))
def test_what_events_carry_adds_up_to_the_interest(reader, log, levels):
    profile = Profile(reader, log, levels)
    interest, carried = profile.interest(MORNING), profile.attribute(MORNING)
    if interest.dense is None:
        assert carried is None
        return
    assert carried.events.shape == (len(profile.events), len(interest.dense))
    assert carried.events.sum(0) + carried.course == pytest.approx(interest.dense, abs=2e-4)


def test_a_session_that_only_turns_away_from_all_there_was_leaves_no_history_rather_than_a_rounding_error(reader):
    chosen = [Event(NOW + seconds, EventKind.VIEW, "garden-0") for seconds in (0.0, 900.0)]
    profile = Profile(reader, [*chosen, Event(NOW + 5000.0, EventKind.SKIP, "garden-0")], Levels(0.0, 0.5, 0.5))
    carried, dense = profile.attribute(), profile.interest().dense
    if dense is not None:
        assert carried.events.sum(0) + carried.course == pytest.approx(dense, abs=1e-5)
        sentences = Profile(reader, profile.events, SENTENCES).interest().dense
        assert dense == pytest.approx(sentences, abs=1e-5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(log=logs)
def test_an_interest_is_a_unit_vector_and_shares_or_nothing_at_all(reader, log):
    interest = Profile(reader, log, MIXED).interest()
    if interest.dense is not None:
        assert np.linalg.norm(interest.dense) == pytest.approx(1.0, abs=1e-4) or not interest.dense.any()
    if interest.concepts is not None:
        assert (interest.concepts >= 0).all()
        assert interest.concepts.sum() == pytest.approx(1.0, abs=1e-4) or not interest.concepts.any()
    assert 0.0 <= interest.drift <= 2.0 + 1e-6


def test_the_interest_is_the_weighted_sum_that_the_definition_says(forgetful):
    """The slow twin: ages counted, evidence looked up, everything summed at once."""
    log = [replace(event, time_seconds=1e5 * place) for place, event in enumerate(person(3, 40))]
    profile = Profile(forgetful, log, SENTENCES)
    ages = np.arange(len(log), 0, -1.0)
    seen: dict[str, int] = {}
    views = np.array([forgetful.sentence(event) for event in log])
    content = forgetful.content(views)
    strange, kin = forgetful.kinship
    weights = Decay.power(forgetful.gamma).weights(ages)
    for place, event in enumerate(log):
        seen[event.item] = seen.get(event.item, 0) + 1
        near = [other for other in range(max(0, place - FRESH), min(len(log), place + FRESH + 1)) if other != place]
        closest = np.mean(sorted(content[near] @ content[place])[-2:])
        company = min(1.0, max(0.0, (closest - strange) / (kin - strange)))
        weights[place] *= KIND_WEIGHTS[event.kind] / seen[event.item] * (0.7 + 0.3 * company)
    latest, before = (
        forgetful.split(weights[part] @ views[part]) for part in (slice(-RECENT, None), slice(None, -RECENT))
    )
    sides = [np.concatenate([p for p in side if p is not None]) for side in (latest, before)]
    moved = drift(*(forgetful.content(side) for side in sides))
    weights[:-RECENT] *= kept_share(moved)
    expected = forgetful.split(weights @ views)
    interest = profile.interest()
    assert interest.drift == pytest.approx(moved, abs=1e-4)
    for one, other in zip((interest.dense, interest.concepts), expected, strict=True):
        assert (one is None and other is None) or one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize(
    "log",
    [
        [],
        [Event(0.0, EventKind.CLICK, "unknown")],
        [Event(0.0, EventKind.DISMISSAL, "music-1"), Event(1.0, EventKind.SKIP, "music-2")],
    ],
    ids=["nothing", "unknown items", "dismissals alone"],
)
def test_without_anything_chosen_there_is_no_concept_interest(reader, log):
    interest = Profile(reader, log).interest()
    assert interest.concepts is None or not interest.concepts.any()
    assert interest.drift == 0.0


def test_the_mix_is_made_of_the_concepts_that_choices_are_most_of_whatever_was_turned_away_from(reader):
    items = ["music-1", "garden-1", "music-2"]
    chosen = [Event(NOW + 1e5 * place, EventKind.CLICK, item) for place, item in enumerate(items)]
    mix = Profile(reader, [*chosen, Event(NOW + 4e5, EventKind.DISMISSAL, "kitchen-2")]).mix()
    if reader.dense_width == reader.width:
        assert mix is None
        return
    rows = [reader.release.catalogue.row(event.item) for event in chosen]
    leading = reader.items[rows, reader.dense_width :].argmax(1)
    assert mix.sum() == pytest.approx(1.0)
    assert set(np.flatnonzero(mix)) <= set(leading)
    assert mix[leading[0]] > 0
    assert not Profile(reader).mix().any()


def test_a_dismissal_turns_the_interest_away_without_ageing_what_was_chosen(reader):
    chosen = [Event(NOW, EventKind.CLICK, "music-1"), Event(NOW + 1e5, EventKind.CLICK, "garden-1")]
    away = [*chosen, Event(NOW + 2e5, EventKind.DISMISSAL, "music-1")]
    before, after = (Profile(reader, log, SENTENCES).interest() for log in (chosen, away))
    row = reader.release.catalogue.row("music-1")
    if before.dense is not None:
        z = reader.items[row, : reader.dense_width]
        assert after.dense @ z < before.dense @ z
    if before.concepts is not None:
        c = reader.items[row, reader.dense_width :]
        assert after.concepts @ c < before.concepts @ c


def test_in_the_morning_what_was_chosen_in_the_morning_counts_more(forgetful):
    """Two events only, of equal standing but for their hour; weights 1.8 and .2 by hand."""
    log = [
        Event(0.0, EventKind.CLICK, "garden-1", context=(("hour", "20"),)),
        Event(1e5, EventKind.CLICK, "music-1", context=(("hour", "08"),)),
    ]
    evening = Profile(forgetful, log, Levels(0, 1, 0, 0.8)).interest((("hour", "20"),))
    decay = Decay.power(forgetful.gamma).weights(np.array([2.0, 1.0]))
    views = np.array([forgetful.sentence(event) for event in log])
    expected = forgetful.split((decay * [1.8, 0.2]) @ views)
    for one, other in zip((evening.dense, evening.concepts), expected, strict=True):
        assert (one is None and other is None) or one == pytest.approx(other, abs=1e-5)
    anywhere = Profile(forgetful, log, Levels(0, 1, 0, 0.8)).interest()
    plain = Profile(forgetful, log, Levels(0, 1, 0)).interest((("hour", "20"),))
    assert anywhere.dense is None or anywhere.dense == pytest.approx(plain.dense)


def test_memory_is_shortened_only_once_interest_has_moved():
    assert kept_share(0.0) == kept_share(0.5) == 1.0
    assert kept_share(0.75) == pytest.approx(0.55)
    assert kept_share(1.0) == kept_share(1.9) == pytest.approx(0.1)


def test_after_a_change_the_new_interest_weighs_more_than_forgetting_alone_would_let_it(reader):
    old, new = [f"garden-{n % 6}" for n in range(30)], [f"music-{n}" for n in range(6)]
    log = [
        Event(NOW + 1e5 * place, EventKind.CLICK, item) for place, item in enumerate([*old, *new, "music-0", "music-1"])
    ]
    interest = Profile(reader, log, SENTENCES).interest()
    if interest.drift > 0.5:
        row = reader.release.catalogue.row("music-3")
        plain = Decay.power(reader.gamma).weights(np.arange(len(log), 0, -1.0))
        views = np.array([reader.sentence(event) for event in log])
        p, _ = reader.split(plain @ views)
        if p is not None:
            z = reader.items[row, : reader.dense_width]
            assert interest.dense @ z > p @ z


def test_a_concept_is_surer_the_more_events_speak_of_it(reader):
    """Two events of unlike concepts say little; the same two kinds of event, twenty times over, say more."""
    few = [Event(NOW + 1e5 * n, EventKind.VIEW, item) for n, item in enumerate(["garden-1", "music-1"])]
    many = [Event(NOW + 1e5 * n, EventKind.VIEW, f"{('garden', 'music')[n % 2]}-{n % 6}") for n in range(40)]
    spreads = [Profile(reader, log).spread() for log in ([], few, many)]
    if spreads[0] is None:
        assert reader.dense_width == reader.width
        return
    nothing, unsure, sure = spreads
    assert not nothing.any()
    assert 0 < sure.max() < unsure.max() < 1
    assert np.array_equal(Profile(reader, few).spread(), unsure)


def test_words_of_ones_own_are_read_and_telling_words_found_in_the_catalogue(reader):
    said = Event(0.0, EventKind.SEARCH, text="guitar for the")
    words = reader.words(said)
    assert words.any()
    assert not reader.words(Event(0.0, EventKind.SEARCH, text="zzz for the")).any()
    holding = [row for row, item in enumerate(catalogue()) if "guitar" in item.text]
    expected = np.log(len(IDS) / len(holding)) * reader.items[holding].mean(0)
    assert words == pytest.approx(expected, abs=1e-5) or len(holding) > 0.1 * len(IDS)


def test_telling_words_are_found_in_a_script_without_blanks(tiny):
    release, model = tiny.moved()
    titles = {0: "家用望远镜怎么选", 1: "望远镜下的木星", 2: "远镜头"}
    items = Catalogue(replace(item, text=titles.get(row, "红烧肉")) for row, item in enumerate(release.catalogue))
    reader = TextReader(replace(release, catalogue=items), model)
    read = reader.words(Event(0.0, EventKind.SEARCH, text="买望远镜"))
    expected = np.log(24 / 2) * reader.items[[0, 1]].mean(0)  # of 望远; 远镜 is in three of 24, which tells nothing
    assert read == pytest.approx(expected, abs=1e-5)


def test_nothing_of_a_person_is_printed(reader):
    log = [Event(0.0, EventKind.SEARCH, text="a loud drum"), Event(1.0, EventKind.CLICK, "music-1")]
    profile = Profile(reader, log)
    printed = f"{profile!r} {profile.interest()!r} {reader!r} {profile._kept!r}"
    assert not any(word in printed for word in ("drum", "music", "array", "[0"))


def test_without_other_wishes_the_levels_are_the_releases(tiny):
    release, model = tiny.moved("interest.levels=[0.5, 0.25, 0.25]")
    reader = TextReader(release, model)
    events = person(3, 12)
    usual, said = Profile(reader, events), Profile(reader, events, Levels(0.5, 0.25, 0.25))
    assert usual.levels == said.levels
    np.testing.assert_array_equal(usual.interest().dense, said.interest().dense)
    other = Profile(reader, events, SENTENCES).interest().dense
    assert np.abs(usual.interest().dense - other).max() > 1e-3


def test_positions_however_far_apart_are_one_session_and_no_burst(reader):
    """The same log under any increasing numbers is the same person."""
    items = ["music-1", "garden-1", "music-2", "garden-2", "kitchen-1", "music-3"]
    logs = [
        [Event(step * place, EventKind.CLICK, item) for place, item in enumerate(items)] for step in (0.0, 1.0, 1e6)
    ]
    first, *others = (Profile(reader, log, MIXED).interest() for log in logs)
    for other in others:
        for one, same in ((first.dense, other.dense), (first.concepts, other.concepts)):
            assert np.array_equal(one, same) if one is not None else same is None
