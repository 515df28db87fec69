"""Intruders who promote an item, reduced: within the clip they are borne, without it they are not."""

from functools import partial

from simulations.audits.poisoning import run_poisoning
from tests.integration.audits.broken import without_clipping

RUN = partial(run_poisoning, 0, people=60, shares=(0.05,), items=1, with_bias=False)


def test_one_in_twenty_is_borne_within_the_clip_and_wins_without_it() -> None:
    result = RUN()
    assert result.passes
    assert result.control_caught
    assert result.statistic <= result.bar


def test_the_audit_fails_where_the_product_does_not_clip() -> None:
    with without_clipping():
        result = RUN()
    assert not result.passes
