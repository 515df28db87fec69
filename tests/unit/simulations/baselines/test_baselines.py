"""The contract of every item-id baseline, and what each one alone must get right."""

import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from shared.errors import Misconfigured
from simulations.baselines import Bpr, Ease, IAls, ItemKnn, Popularity
from simulations.evaluation import Scorer, evaluate, split
from simulations.people import Rows
from tests.support.small import dataset

ITEMS = 12
UNKNOWN = 11  # no training holds it


def rows(*items: int) -> Rows:
    return np.asarray(items, np.int32)


def training() -> list[Rows]:
    """Even people met even items, odd people odd ones, each without one of its kind; the last person met nothing."""
    people = [rows(*(item for item in range(person % 2, 10, 2) if item != person % 10)) for person in range(40)]
    return [*people, rows()]


class BaselineContract:
    """What holds for every baseline."""

    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        raise NotImplementedError

    @pytest.fixture
    def scorer(self) -> Scorer:
        return self.fit(training(), ITEMS)

    @pytest.fixture
    def histories(self) -> list[Rows]:
        return [training()[3], rows(), rows(0, 2), rows(UNKNOWN, 4), rows(6, 6, 6)]

    def test_every_item_of_the_catalogue_gets_a_number(self, scorer: Scorer, histories: list[Rows]) -> None:
        scores = scorer.score(np.asarray([3, 40, 0, 2, 4]), histories)
        assert scores.shape == (5, ITEMS)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_a_person_is_ranked_the_same_alone_and_among_others(self, scorer: Scorer, histories: list[Rows]) -> None:
        people = np.asarray([3, 40, 0, 2, 4])
        together = scorer.score(people, histories)
        for place in range(len(people)):
            alone = scorer.score(people[place : place + 1], histories[place : place + 1])
            assert alone[0] == pytest.approx(together[place], abs=1e-5)

    def test_the_same_training_gives_the_same_ranking(self, scorer: Scorer, histories: list[Rows]) -> None:
        people = np.asarray([3, 40, 0, 2, 4])
        again = self.fit(training(), ITEMS)
        assert (again.score(people, histories) == scorer.score(people, histories)).all()

    def test_what_it_is_given_stays_as_it_was(self, histories: list[Rows]) -> None:
        given, asked = training(), [history.copy() for history in histories]
        self.fit(given, ITEMS).score(np.arange(5), asked)
        for before, after in zip([*training(), *histories], [*given, *asked], strict=True):
            assert (before == after).all()

    def test_nobody_asked_is_nobody_ranked(self, scorer: Scorer) -> None:
        assert scorer.score(np.zeros(0, np.int64), []).shape == (0, ITEMS)

    def test_training_in_which_nothing_happened_gives_numbers_all_the_same(self) -> None:
        scores = self.fit([rows(), rows()], ITEMS).score(np.asarray([0, 1]), [rows(), rows(3)])
        assert np.isfinite(scores).all()

    def test_the_evaluation_accepts_it(self, scorer: Scorer) -> None:
        small = dataset([[str(item) for item in history] for history in training()], items=ITEMS)
        figures = evaluate(scorer, split(small, seed=0).test).figures()
        assert 0.0 <= figures["full"]["ndcg@10"] <= 1.0


class PersonalContract(BaselineContract):
    """What holds for every baseline that looks at the person."""

    def test_the_missing_square_of_a_checkerboard_is_found(self, scorer: Scorer) -> None:
        people = np.arange(40)
        scores = scorer.score(people, training()[:40])
        for person in people:
            unmet = [item for item in range(10) if item not in training()[person]]
            assert max(unmet, key=lambda item: scores[person, item]) == person % 10


class TestPopularity(BaselineContract):
    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        return Popularity(training, items)

    def test_scores_are_the_training_counts(self) -> None:
        scorer = Popularity([rows(0, 1, 1), rows(1)], 3)
        assert scorer.score(np.asarray([0]), [rows(2, 2)]).tolist() == [[1.0, 3.0, 0.0]]


class TestItemKnn(PersonalContract):
    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        return ItemKnn(training, items)

    def test_similarity_is_the_shrunk_cosine(self) -> None:
        scorer = ItemKnn([rows(0, 1), rows(0, 1), rows(0, 2), rows(1)], 3, shrinkage=2.0)
        scores = scorer.score(np.asarray([0]), [rows(0)])
        # Item 0 has three people; 1 shares two of them and has three, 2 shares one and has one.
        assert scores[0] == pytest.approx([0.0, 2 / (3 + 2), 1 / (np.sqrt(3) + 2)])

    def test_only_the_nearest_neighbours_count(self) -> None:
        scorer = ItemKnn([rows(0, 1), rows(0, 1), rows(0, 2)], 3, neighbours=1)
        scores = scorer.score(np.asarray([0]), [rows(0)])[0]
        assert scores[1] > 0.0
        assert scores[2] == 0.0

    def test_blocks_agree_with_the_dense_scorer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("simulations.baselines.neighbours._ROWS_AT_ONCE", 5)
        rng = np.random.default_rng(0)
        given = [rng.choice(13, 4, replace=False).astype(np.int32) for _ in range(30)]
        scores = ItemKnn(given, 13, neighbours=99, shrinkage=3.0, forgetting=0.0).score(
            np.arange(13), [rows(item) for item in range(13)]
        )
        people = np.zeros((30, 13))
        for person, items in enumerate(given):
            people[person, items] = 1.0
        shared, size = people.T @ people, np.sqrt(people.sum(0))
        expected = shared / (np.outer(size, size) + 3.0)
        np.fill_diagonal(expected, 0.0)
        assert scores == pytest.approx(expected, abs=1e-6)


class TestEase(PersonalContract):
    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        return Ease(training, items)

    @pytest.mark.parametrize("rows_at_once", [4, 5, 1024])
    def test_weights_are_those_of_the_closed_form(self, monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
        monkeypatch.setattr("simulations.baselines.ease._ROWS_AT_ONCE", rows_at_once)
        rng = np.random.default_rng(0)
        given = [rng.choice(10, 4, replace=False).astype(np.int32) for _ in range(30)]
        scores = Ease(given, 12, regularisation=7.0).score(np.arange(12), [rows(item) for item in range(12)])
        people = np.zeros((30, 12))
        for person, items in enumerate(given):
            people[person, items] = 1.0
        inverse = np.linalg.inv(people.T @ people + 7.0 * np.eye(12))
        expected = np.eye(12) - inverse / np.diag(inverse)  # Steck 2019, equation 8
        assert scores == pytest.approx(expected, abs=1e-5)

    def test_it_minimises_its_squared_error(self) -> None:
        people = np.zeros((41, ITEMS))
        for person, items in enumerate(training()):
            people[person, items] = 1.0
        weights = Ease(training(), ITEMS, regularisation=2.0).score(
            np.arange(ITEMS), [rows(item) for item in range(ITEMS)]
        )

        def loss(weights: np.ndarray) -> float:
            return float(((people - people @ weights) ** 2).sum() + 2.0 * (weights**2).sum())

        least, rng = loss(weights.astype(np.float64)), np.random.default_rng(0)
        for _ in range(20):
            step = rng.normal(0.0, 0.01, weights.shape)
            np.fill_diagonal(step, 0.0)
            assert loss(weights + step) > least

    def test_a_catalogue_too_large_for_a_dense_matrix_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("simulations.baselines.ease._MOST_ITEMS", 9)
        with pytest.raises(Misconfigured, match="expected at most 9 items in training, got 10"):
            Ease(training(), ITEMS)


class TestIAls(PersonalContract):
    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        return IAls(training, items, factors=4)

    def test_a_history_is_folded_in_as_implicit_does_it(self) -> None:
        from implicit.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        scorer = IAls(training(), ITEMS, factors=4, regularisation=0.5, confidence=3.0, forgetting=0.0)
        people = np.zeros((41, ITEMS), np.float32)
        for person, items in enumerate(training()):
            people[person, items] = 1.0
        model = AlternatingLeastSquares(
            factors=4, regularization=0.5, alpha=3.0, iterations=15, num_threads=1, random_state=0
        )
        model.fit(csr_matrix(people), show_progress=False)
        asked = np.zeros((1, ITEMS), np.float32)
        asked[0, [2, 6]] = 1.0
        expected = model.recalculate_user(0, csr_matrix(asked)) @ model.item_factors.T
        assert scorer.score(np.asarray([0]), [rows(2, 6)])[0] == pytest.approx(expected.ravel(), abs=1e-4)


class TestBpr(PersonalContract):
    def fit(self, training: Sequence[Rows], items: int) -> Scorer:
        return Bpr(training, items, factors=4)

    def test_a_person_without_training_is_ranked_as_the_mean_of_those_with_some(self) -> None:
        scorer = self.fit(training(), ITEMS)
        scores = scorer.score(np.arange(41), [*training()])
        assert scores[40] == pytest.approx(scores[:40].mean(0), abs=1e-5)


FORGETFUL: list[Callable[..., Scorer]] = [ItemKnn, Ease, IAls]


@pytest.mark.parametrize("fit", FORGETFUL)
def test_newer_events_weigh_more_with_forgetting(fit: Callable[..., Scorer]) -> None:
    scorer = fit(training(), ITEMS, forgetting=1.0)
    scores = scorer.score(np.asarray([0, 1]), [rows(0, 1), rows(1, 0)])
    assert scores[0, 3:9:2].sum() > scores[0, 2:9:2][:3].sum()
    assert scores[1, 3:9:2].sum() < scores[1, 2:9:2][:3].sum()


@pytest.mark.parametrize("fit", FORGETFUL)
def test_the_order_of_events_does_not_matter_without_forgetting(fit: Callable[..., Scorer]) -> None:
    scorer = fit(training(), ITEMS, forgetting=0.0)
    scores = scorer.score(np.asarray([0, 1]), [rows(0, 1, 4), rows(4, 1, 0)])
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


@pytest.mark.parametrize("fit", [IAls, Bpr])
def test_without_implicit_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, fit: Callable[..., Scorer]
) -> None:
    monkeypatch.setitem(sys.modules, "implicit.als", None)
    with pytest.raises(Misconfigured, match=r"pip install 'hushrec\[baselines\]'"):
        fit(training(), ITEMS)
