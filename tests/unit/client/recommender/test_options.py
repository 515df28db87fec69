"""RecommendOptions: strategies of one ranker, filters, diversity, freshness, exploration with true propensities."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from client import Controls, Recommender, RecommendOptions, Strategy
from client.recommender.rerank import Candidates, rank_of, rerank
from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.metrics import miscalibration
from tests.support.tiny import person

LOG = person(4, 6)


def among(scores, content=None, shares=None, mix=None) -> Candidates:
    """Candidates that are unlike each other and of no concept, unless told otherwise."""
    count = len(scores)
    content = np.eye(count) if content is None else content
    shares = np.zeros((count, 0)) if shares is None else shares
    mix = None if mix is None else np.asarray(mix, np.float32)
    return Candidates(np.asarray(scores, np.float32), np.asarray(content, np.float32), np.asarray(shares), mix)


def order(candidates: Candidates, count: int, **wishes: float) -> list[int]:
    return [
        place.candidate for place in rerank(candidates, count, RecommendOptions(**wishes), np.random.default_rng(0))
    ]


@pytest.fixture(scope="module")
def ready(tiny):
    release, model = tiny.moved()
    return Recommender(release, model, np.random.default_rng(0)), release


def test_only_items_of_the_wished_categories_are_offered(ready):
    ranker, _ = ready
    offers = ranker.recommend(LOG, 24, RecommendOptions(categories=frozenset({"music", "garden"})))
    assert offers
    assert {offer.item.partition("-")[0] for offer in offers} <= {"music", "garden"}


def test_a_blocked_word_keeps_out_items_that_hold_it_whole_in_any_case(ready):
    ranker, release = ready
    offers = ranker.recommend([], 24, RecommendOptions(blocked_words=frozenset({"GUITAR", "oven", "pian"})))
    texts = {item.id: item.text for item in release.catalogue}
    assert not any("guitar" in texts[offer.item] or "oven" in texts[offer.item] for offer in offers)
    assert any("piano" in texts[offer.item] for offer in offers)  # "pian" is no word of it


def test_what_was_met_can_be_asked_for_again(ready):
    ranker, _ = ready
    assert len(ranker.recommend(LOG, 24, RecommendOptions(include_met=True))) == 24


def test_nothing_is_offered_where_wishes_leave_nothing(ready):
    ranker, _ = ready
    assert ranker.recommend(LOG, 5, RecommendOptions(categories=frozenset({"opera"}))) == []


def test_strategies_are_parts_of_the_one_score(ready):
    ranker, release = ready
    parts = {strategy: ranker.scores(LOG, RecommendOptions(strategy)) for strategy in Strategy}
    scale = ranker._scorer.scales["popularity"]
    assert parts[Strategy.POPULARITY] == pytest.approx(scale * release.log_popularity, abs=1e-5)
    text = parts[Strategy.HYBRID] - parts[Strategy.CONTENT] - parts[Strategy.CO_OCCURRENCE] - parts[Strategy.POPULARITY]
    assert text == pytest.approx(ranker._scorer.text, abs=1e-4)
    z = ranker._reader.items[:, : ranker._reader.dense_width]
    assert parts[Strategy.SIMILARITY] == pytest.approx(
        ranker._scorer.scales["dense"] * (z @ ranker.interest(LOG).dense), abs=1e-4
    )


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("freshness", [0.0, 0.7])
def test_the_reasons_of_a_score_add_up_to_it_whatever_is_wished(tiny, strategy, freshness):
    release, model = tiny.moved()
    dated = Catalogue(replace(item, added_seconds=1e5 * row) for row, item in enumerate(release.catalogue))
    ranker = Recommender(replace(release, catalogue=dated), model)
    controls = Controls(release.concept_names, model.heads_at(release.vector).concepts.weight.numpy())
    controls.mute(release.concept_names[0])
    controls.boost(release.concept_names[1])
    wishes = RecommendOptions(strategy, freshness=freshness, diversity=0.5, exploration=0.3)
    for offer in ranker.recommend(LOG, 24, wishes, controls, now_seconds=3e6):
        assert sum(reason.part for reason in offer.reasons) == pytest.approx(offer.score, rel=1e-5, abs=1e-3)


def test_a_new_item_gains_by_freshness_and_an_old_or_undated_one_does_not(tiny):
    release, model = tiny.moved()
    items = list(release.catalogue)
    dated = Catalogue([replace(items[0], added_seconds=1e9), replace(items[1], added_seconds=0.0), *items[2:]])
    ranker = Recommender(replace(release, catalogue=dated), model)
    offers = ranker.recommend([], 24, RecommendOptions(freshness=1.0), now_seconds=1e9)
    gains = {offer.item: sum(r.part for r in offer.reasons if r.kind == "freshness") for offer in offers}
    assert gains[items[0].id] > 0.5
    assert all(gains[item.id] == pytest.approx(0.0, abs=1e-6) for item in items[1:])


def test_without_a_wish_to_rearrange_the_order_is_that_of_the_scores():
    places = rerank(among([3.0, 2.0, 1.0]), 3, RecommendOptions(), np.random.default_rng(0))
    assert [(place.candidate, place.propensity) for place in places] == [(0, 1.0), (1, 1.0), (2, 1.0)]


def test_diversity_puts_an_unlike_item_before_a_like_one():
    """By hand: relevance 1, .9, 0. The second is the first again: .5 * .9 - .5 * 1 < .5 * 0 - .5 * 0."""
    candidates = among([10.0, 9.0, 0.0], [[1, 0], [1, 0], [0, 1]])
    assert order(candidates, 3, diversity=0.5) == [0, 2, 1]
    assert order(candidates, 3, diversity=0.3) == [0, 1, 2]


def test_calibration_weighs_the_score_against_the_distance_from_the_persons_own_mix():
    """By hand: after the first, a second of the same concept makes the list (1, 0), which is log(.5 / .995) / 2 +
    log(.5 / .005) / 2 = 1.9586 nats from (.5, .5), .4253 of the worst; one of the other makes it none. Relevance .8
    against 0: at .6 it is .4 * .8 - .6 * .4253 = .065 against 0, at .7 it is .3 * .8 - .7 * .4253 = -.058 against 0."""
    candidates = among([10.0, 8.0, 0.0], shares=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], mix=[0.5, 0.5])
    assert order(candidates, 3, calibration=0.6) == [0, 1, 2]
    assert order(candidates, 3, calibration=0.7) == [0, 2, 1]


def test_with_calibration_alone_the_list_mixes_as_the_person_does():
    shares = np.zeros((20, 3))
    shares[:15, 2] = 1.0  # the best fifteen are of a concept the person does not care for
    shares[15:18, 0] = 1.0
    shares[18:, 1] = 1.0
    candidates = among(np.linspace(1, 0, 20), shares=shares, mix=[0.6, 0.4, 0.0])
    assert sorted(order(candidates, 5, calibration=1.0)) == [15, 16, 17, 18, 19]
    assert sorted(order(candidates, 20, calibration=0.5)) == list(range(20))


def test_more_calibration_never_makes_the_list_less_calibrated_here():
    rng, own = np.random.default_rng(1), np.array([0.7, 0.3, 0.0])
    scores, shares = np.sort(rng.random(60))[::-1], rng.dirichlet(np.full(3, 0.2), 60)
    candidates = among(scores, shares=shares, mix=own)
    distances = [
        float(miscalibration(shares[order(candidates, 10, calibration=wish)][None], own[None])[0])
        for wish in (0.0, 0.3, 0.6, 1.0)
    ]
    assert (np.diff(distances) < 1e-12).all()
    assert distances[0] > distances[-1] + 0.1


@pytest.mark.parametrize("mix", [None, [0.0, 0.0]])
def test_calibration_leaves_the_order_where_the_person_has_no_mix_yet(mix):
    candidates = among([3.0, 2.0, 1.0], shares=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], mix=mix)
    assert order(candidates, 3, calibration=0.9) == [0, 1, 2]


def test_a_calibrated_list_of_the_whole_ranker_is_nearer_to_the_persons_mix(ready):
    ranker, _ = ready
    mix = ranker.interest(LOG).concepts

    def apart(**wishes: float) -> float:
        rows = [offer.row for offer in ranker.recommend(LOG, 5, RecommendOptions(**wishes))]
        return float(miscalibration(ranker.views.shares[rows][None], mix[None])[0])

    assert apart(calibration=1.0) < apart()


def test_propensities_are_the_chances_with_which_items_come_to_a_place():
    candidates, rng = among([2.0, 1.5, 1.0, 0.0]), np.random.default_rng(1)
    first: dict[int, int] = {}
    said: dict[int, float] = {}
    for _ in range(20_000):
        place = rerank(candidates, 1, RecommendOptions(exploration=0.4), rng)[0]
        first[place.candidate] = first.get(place.candidate, 0) + 1
        said[place.candidate] = place.propensity
    assert sum(said.values()) == pytest.approx(1.0)
    expected = [20_000 * said[candidate] for candidate in range(4)]
    assert chisquare([first[candidate] for candidate in range(4)], expected).pvalue > 1e-3


def test_every_propensity_of_a_list_is_a_chance_and_no_item_comes_twice(ready):
    ranker, _ = ready
    for _ in range(20):
        offers = ranker.recommend(LOG, 10, RecommendOptions(exploration=0.5, diversity=0.2))
        assert all(0.0 < offer.propensity <= 1.0 for offer in offers)
        assert len({offer.item for offer in offers}) == len(offers) == 10


@pytest.mark.parametrize(
    "wrong",
    [{"diversity": 1.1}, {"calibration": -0.1}, {"calibration": 0.6, "diversity": 0.5}, {"freshness": -0.1},
     {"exploration": 1.0}],
)  # fmt: skip
def test_wishes_outside_their_range_are_refused_by_name(wrong):
    with pytest.raises(Misconfigured, match=next(iter(wrong))):
        RecommendOptions(**wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"strategy": "hybrid"}, r"strategy as one of Strategy\.SIMILARITY, .* Strategy\.HYBRID, got str"),
        ({"categories": "music"}, r"categories as a frozenset of words, got str; write frozenset"),
        ({"categories": {"music"}}, "categories as a frozenset of words, got set"),
        ({"blocked_words": ["war"]}, "blocked_words as a frozenset of words, got list"),
        ({"diversity": "0.3"}, "diversity as a number, got str"),
        ({"exploration": None}, "exploration as a number, got None"),
    ],
)
def test_wishes_of_another_type_are_refused_by_name(wrong, told):
    with pytest.raises(Misconfigured, match=f"wishes: expected {told}"):
        RecommendOptions(**wrong)


def test_a_sentence_typed_by_a_stranger_ranks_at_once(ready):
    ranker, _ = ready
    offers = ranker.rank_text("guitar and drum for the music", 5)
    assert len(offers) == 5
    other = ranker.rank_text("oven and pan for the kitchen", 5)
    assert [offer.item for offer in offers] != [offer.item for offer in other]


def test_a_text_that_is_no_item_yet_scores_as_an_item_of_that_text_and_average_popularity_would(ready):
    ranker, release = ready
    texts = [item.text for item in release.catalogue]
    company = ranker._ask(ranker.profile(LOG), RecommendOptions(), None).company.scores
    expected = ranker.scores(LOG) - company - ranker._scorer.scales["popularity"] * release.log_popularity
    assert ranker.score_texts(LOG, texts) == pytest.approx(expected, abs=0.06)  # items are stored in int8


def test_the_counterfactual_is_what_ranking_without_those_events_gives(ready):
    ranker, release = ready
    log = [replace(event, time_seconds=1e5 * place) for place, event in enumerate(LOG)]
    offer = ranker.recommend(log, 3)[0]
    found = ranker.without(log, offer.item, top=3)
    assert 1 <= len(found.without) <= 3
    left = [event for event in log if event not in found.without]
    scores = ranker.scores(left)
    allowed = np.array([item.id not in {event.item for event in log} for item in release.catalogue])
    assert found.rank == rank_of(scores, offer.row, allowed)
    assert found.rank > 3 or len(found.without) == 3


def test_muting_acts_at_once_and_boosting_lifts(ready, tiny):
    ranker, release = ready
    model = ranker._model
    controls = Controls(release.concept_names, model.heads_at(release.vector).concepts.weight.numpy())
    log = [Event(0.0, EventKind.CLICK, "music-1")]
    concept = int(ranker.interest(log).concepts.argmax())
    shares = ranker._reader.items[:, ranker._reader.dense_width :]
    inside = shares[:, concept] > 0
    assert inside.any()
    assert not inside.all()
    controls.mute(release.concept_names[concept])
    offers = ranker.recommend(log, 24, controls=controls)
    held = [bool(inside[offer.row]) for offer in offers]
    assert held == sorted(held)  # all of the muted concept stand below all others
    controls.clear(release.concept_names[concept])
    assert np.array_equal(ranker.scores(log, controls=controls), ranker.scores(log))
    controls.boost(release.concept_names[concept])
    best = int(shares[:, concept].argmax())
    assert ranker.scores(log, controls=controls)[best] != ranker.scores(log)[best]
