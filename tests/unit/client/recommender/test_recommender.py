"""Ranking on the device: the score, its reasons, and the same numbers as the evaluation uses."""

from dataclasses import replace

import numpy as np
import pytest

from client import Levels, Recommender, RecommendOptions, Strategy, reasons_in_words
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.companions import Companions
from shared.errors import Misconfigured
from shared.item_statistics import ItemStatistics
from shared.pair_cells import PairCounts
from simulations.evaluation.concept_scorer import ConceptScorer
from simulations.people import People, Person
from tests.support.tiny import Seeded, events, person

VIEWS = [
    "model.views=['dense', 'concepts']",
    "model.views=['concepts', 'dense']",
    "model.views=['dense']",
    "model.views=['concepts']",
]
MIXED = events(["garden-0", "music-1", None, "garden-0", "kitchen-2"], words={1: "a loud drum", 2: "oven and pan"})


def recommender(tiny, *settings):
    release, model = tiny.moved(*settings)
    return Recommender(release, model), release, model


@pytest.mark.parametrize("popularity", ["true", "false"])
@pytest.mark.parametrize("views", VIEWS)
def test_the_reasons_of_a_score_add_up_to_it(tiny, views, popularity):
    ranker, _, _ = recommender(tiny, views, f"model.popularity={popularity}")
    offers = ranker.recommend(MIXED, 24)
    assert len(offers) == 21
    for offer in offers:
        parts = [reason.part for reason in offer.reasons]
        assert sum(parts) == pytest.approx(offer.score, abs=1e-4)
        assert parts == sorted(parts, reverse=True)
    kinds = {reason.kind for offer in offers for reason in offer.reasons}
    assert ("popularity" in kinds) == (popularity == "true")
    assert ("event" in kinds) == ("'dense'" in views)
    assert ("concept" in kinds) == ("'concepts'" in views)


def test_reasons_are_named_after_items_and_concepts(tiny):
    ranker, release, _ = recommender(tiny)
    offer = ranker.recommend(MIXED, 1)[0]
    names = {
        kind: [r.name for r in offer.reasons if r.kind == kind] for kind in ("event", "concept", "text", "popularity")
    }
    assert sorted(names["event"]) == sorted(["garden-0", "music-1", "own words", "garden-0", "kitchen-2"])
    assert set(names["concept"]) <= set(release.concept_names)
    assert (names["text"], names["popularity"]) == ([""], [""])


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("log", [[], events(["nowhere"])], ids=["no event", "an event of nothing that is known"])
def test_of_whom_nothing_is_known_no_reason_speaks_of_their_interest(tiny, views, log):
    ranker, release, _ = recommender(tiny, views, "interest.context=true")
    offers = ranker.recommend(log, 24, context=(("hour", "08"),))
    kinds = {reason.kind for offer in offers for reason in offer.reasons}
    assert kinds == {"text", "popularity"} | ({"everybody"} if "'concepts'" in views else set())
    for offer in offers:
        assert sum(reason.part for reason in offer.reasons) == pytest.approx(offer.score, abs=1e-4)
        said = " ".join(words for words, _ in reasons_in_words(offer.reasons, release.catalogue))
        assert "you" not in said


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("words", [{}, {1: "a loud drum"}], ids=["items only", "own words"])
def test_without_cause_to_weigh_events_scores_are_those_the_evaluation_ranks_by(tiny, views, words):
    ranker, release, model = recommender(tiny, views)
    clicks = events(["garden-0", "music-1", "kitchen-2", "cycling-3"], words=words)
    log = [replace(event, time_seconds=3600 * event.time_seconds) for event in clicks]
    offers = ranker.recommend(ranker.profile(log, Levels(0.0, 1.0, 0.0)), 24)
    scorer = ConceptScorer(release, model, People.of([Person("p", tuple(log))]))
    met = np.array([release.catalogue.row(event.item) for event in log if event.item is not None], np.int32)
    scores = scorer.score(np.array([0]), [met])[0]
    assert [offer.score for offer in offers] == pytest.approx([float(scores[offer.row]) for offer in offers], abs=1e-4)
    left = [row for row in np.argsort(-scores, kind="stable") if row not in met]
    assert [offer.row for offer in offers] == left
    assert all(release.catalogue[offer.row].id == offer.item for offer in offers)


def test_an_item_that_only_its_companions_speak_for_is_offered_with_that_reason(tiny):
    release, model = tiny.moved("statistics.pairs_of=8", "model.companion_scale=50.0")
    alone = Recommender(replace(release, companions=Companions.none(24)), model)
    log = events(["garden-0"])
    last = alone.recommend(log, 24)[-1]
    met, row = release.catalogue.row("garden-0"), release.catalogue.row(last.item)
    pair = PairCounts(np.sort([[met, row]]).astype(np.int32), np.array([5.0], np.float32))
    ranker = Recommender(release.with_statistics(ItemStatistics(np.full(24, 5.0), pairs=pair)), model)
    [offer] = ranker.recommend(log, 1)
    assert offer.item == last.item
    assert (offer.reasons[0].kind, offer.reasons[0].name) == ("companion", "garden-0")
    words = reasons_in_words(offer.reasons, release.catalogue)[0][0]
    assert words == f"it goes with “{release.catalogue[met].title}”"
    assert ranker.without(log, last.item, top=5).rank > 5


def test_what_was_turned_away_from_has_no_companions_and_only_some_strategies_ask_for_them(tiny):
    ranker, _, _ = recommender(tiny)
    away = ranker.profile([Event(1.0, EventKind.DISMISSAL, "garden-0"), Event(2.0, EventKind.SKIP, "music-1")])
    assert not ranker._ask(away, RecommendOptions(), None).company.scores.any()
    chosen = ranker.profile(events(["garden-0"]))
    asked = {strategy: ranker._ask(chosen, RecommendOptions(strategy), None).company for strategy in Strategy}
    assert {strategy for strategy, company in asked.items() if company} == {Strategy.HYBRID, Strategy.CO_OCCURRENCE}
    assert np.count_nonzero(asked[Strategy.HYBRID].scores) == 3


def test_items_met_before_are_never_offered_dismissed_ones_neither(tiny):
    ranker, release, _ = recommender(tiny)
    log = [*person(2, 10), Event(11.0, EventKind.DISMISSAL, "music-0"), Event(12.0, EventKind.SKIP, "music-5")]
    offered = {offer.item for offer in ranker.recommend(log, 24)}
    assert offered == {item.id for item in release.catalogue} - {event.item for event in log}
    assert [offer.item for offer in ranker.recommend(log, 3)] == [offer.item for offer in ranker.recommend(log, 24)][:3]


@pytest.mark.parametrize("kind", [EventKind.DISMISSAL, EventKind.SKIP])
def test_what_a_person_turned_away_from_ranks_lower_than_before_and_a_dismissal_costs_more(tiny, kind):
    ranker, release, _ = recommender(tiny, "model.views=['dense']")
    log, row = person(2, 4), release.catalogue.row("cycling-0")
    away = [*log, Event(9.0, kind, "cycling-0")]
    assert ranker.scores(away)[row] < ranker.scores(log)[row]
    dismissed = ranker.scores([*log, Event(9.0, EventKind.DISMISSAL, "cycling-0")])[row]
    assert dismissed <= ranker.scores(away)[row]


@pytest.mark.parametrize("views", VIEWS)
def test_without_any_event_the_public_part_of_the_score_ranks(tiny, views):
    ranker, release, model = recommender(tiny, views)
    offers = ranker.recommend([], 24)
    assert len(offers) == 24
    heads = model.heads_at(release.vector)
    weight = float(heads.scales.weights()[-1])
    public = release.index @ heads.bias.weight.numpy()[0] + weight * release.log_popularity
    assert [offer.score for offer in offers] == pytest.approx(sorted(public, reverse=True), abs=1e-4)
    assert not any(reason.kind == "event" for offer in offers for reason in offer.reasons)


def test_events_that_nobody_can_read_do_no_harm(tiny):
    ranker, _, _ = recommender(tiny)
    offers = ranker.recommend(events(["withdrawn", "gone"]), 24)
    assert len(offers) == 24
    assert np.isfinite([offer.score for offer in offers]).all()


def test_another_history_gives_another_ranking_and_newer_events_weigh_more(tiny):
    ranker, _, _ = recommender(tiny)
    items = ["garden-0", "music-1", "kitchen-2"]
    one, other = (ranker.recommend(events(order), 24) for order in (items, items[::-1]))
    assert {offer.item for offer in one} == {offer.item for offer in other}
    assert [offer.score for offer in one] != [offer.score for offer in other]
    apart = [replace(event, time_seconds=3600 * event.time_seconds) for event in events(items)]
    carried = ranker.profile(apart, Levels(0.0, 1.0, 0.0)).attribute()
    assert np.linalg.norm(carried.events, axis=1).argmax() == 2


def test_training_on_the_same_model_does_not_change_the_ranking(tiny):
    ranker, release, model = recommender(tiny)
    before = ranker.recommend(MIXED, 24)
    LocalTraining(model).update(release, release.vector * 3, ("dense", "concepts"), person(0, 8), Seeded())
    assert ranker.recommend(MIXED, 24) == before


def test_an_interest_and_a_ranking_print_nothing_of_the_person(tiny):
    ranker, _, _ = recommender(tiny)
    assert repr(ranker.interest(MIXED)) == "Interest(private)"
    assert repr(ranker) == "Recommender(24 items)"


@pytest.mark.parametrize(("count", "told"), [(0, "0"), (-1, "-1"), (2.5, "2.5"), ("10", "str"), (True, "True")])
def test_a_count_that_is_none_is_refused(tiny, count, told):
    ranker, _, _ = recommender(tiny)
    for ask in (lambda: ranker.recommend([], count), lambda: ranker.rank_text("a rose", count)):
        with pytest.raises(Misconfigured, match=f"count: expected a whole number of at least 1, got {told}"):
            ask()
    assert len(ranker.recommend([], np.int64(3))) == 3


def test_a_person_wishes_and_controls_of_other_types_are_named(tiny):
    ranker, _, _ = recommender(tiny)
    for wrong, told in (("a rose", "got str"), (MIXED[0], "got Event"), (None, "got None"), ({}, "got dict")):
        with pytest.raises(Misconfigured, match=f"events: expected a profile or a list of Events, .* {told}; put"):
            ranker.recommend(wrong, 3)
    with pytest.raises(Misconfigured, match="events: expected Events alone, got str at place 1"):
        ranker.recommend([MIXED[0], "garden-0"], 3)
    with pytest.raises(Misconfigured, match="events: expected Events alone, got str at place 0"):
        ranker.levels_for(["garden-0"])
    with pytest.raises(Misconfigured, match="wishes: expected RecommendOptions, got dict"):
        ranker.recommend(MIXED, 3, {"diversity": 0.3})
    with pytest.raises(Misconfigured, match="controls: expected Controls or None, got list"):
        ranker.scores(MIXED, controls=["garden"])


def test_events_and_context_may_come_once_only_and_a_dictionary_is_no_context(tiny):
    ranker, _, _ = recommender(tiny, "interest.context=true")
    hour = (("hour", "08"),)
    assert ranker.recommend(iter(MIXED), 3, context=iter(hour)) == ranker.recommend(MIXED, 3, context=hour)
    for ask in (ranker.interest, lambda person, context: ranker.recommend(person, 3, context=context)):
        with pytest.raises(Misconfigured, match=r"context: .* got dict; write tuple\(context\.items\(\)\)"):
            ask(MIXED, context=dict(hour))
