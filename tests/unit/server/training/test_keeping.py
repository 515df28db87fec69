"""Which parameters are released: the newest that evaluations do not call worse."""

import numpy as np
import pytest

from server.training.keeping import weigh

OLD, NEW, LAST = (np.full(3, value, np.float32) for value in (0.0, 1.0, 2.0))


def metrics(figure: float, deviation: float = 0.01) -> dict[str, float]:
    return {"ndcg@10": figure, "ndcg@10 deviation": deviation}


def test_the_newest_is_kept_while_it_is_not_clearly_worse():
    kept = weigh(None, OLD, 0, metrics(0.30))
    kept = weigh(kept, NEW, 5, metrics(0.28))  # 1.4 deviations of the difference
    assert kept is not None
    assert kept.worse == 0
    assert (kept.round_number, kept.best, kept.deviation) == (5, 0.30, 0.01)
    assert kept.vector is NEW


def test_what_is_clearly_worse_than_the_best_is_not_taken_and_a_later_one_may_be():
    kept = weigh(None, OLD, 0, metrics(0.30))
    kept = weigh(kept, NEW, 5, metrics(0.27))
    assert kept is not None
    assert kept.worse == 1
    assert kept.vector is OLD
    kept = weigh(kept, LAST, 10, metrics(0.31))
    assert kept is not None
    assert kept.worse == 0
    assert (kept.round_number, kept.best) == (10, 0.31)


def test_small_losses_in_a_row_do_not_add_up_unseen():
    """Each is held against the best there was, not against the one before it."""
    kept = None
    for number, figure in enumerate((0.30, 0.285, 0.27)):
        kept = weigh(kept, np.full(3, number, np.float32), number, metrics(figure))
    assert kept is not None
    assert (kept.round_number, kept.worse) == (1, 1)


@pytest.mark.parametrize("before", [None, weigh(None, OLD, 0, metrics(0.3))])
def test_an_evaluation_that_too_few_answered_says_nothing(before):
    assert weigh(before, NEW, 5, {}) is before


def test_under_much_noise_nothing_is_clear():
    kept = weigh(None, OLD, 0, metrics(0.30, 0.1))
    kept = weigh(kept, NEW, 5, metrics(0.10, 0.1))
    assert kept is not None
    assert kept.worse == 0


def test_evaluations_in_a_row_that_are_worse_are_counted_and_a_better_one_begins_anew():
    kept = weigh(None, OLD, 0, metrics(0.30))
    for number, (figure, worse) in enumerate([(0.2, 1), (0.1, 2), (0.3, 0), (0.1, 1)], 1):
        kept = weigh(kept, NEW, number, metrics(figure))
        assert kept is not None
        assert kept.worse == worse
