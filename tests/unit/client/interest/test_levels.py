"""Levels and the hour of the day."""

import math

import pytest

from client import Levels
from client.interest import CANDIDATES
from shared.errors import Corrupt
from shared.model import hour_point, hour_similarity


@pytest.mark.parametrize("wrong", [(0.5, 0.5, 0.5), (-0.1, 1.0, 0.1), (0.0, 1.0, 0.0, 1.5), (float("nan"), 1.0, 0.0)])
def test_levels_that_are_no_mixture_are_refused(wrong):
    with pytest.raises(Corrupt):
        Levels(*wrong)


def test_devices_choose_among_different_mixtures():
    assert len(set(CANDIDATES)) == len(CANDIDATES) == 20


def test_the_clock_wraps_round_midnight_and_the_unknown_is_like_nothing():
    at = {hour: hour_point((("hour", f"{hour:02d}"),)) for hour in range(24)}
    assert hour_similarity(at[23], at[0]) == pytest.approx(math.cos(math.pi / 12))
    assert hour_similarity(at[3], at[15]) == pytest.approx(-1.0)
    assert hour_similarity(at[8], at[8]) == pytest.approx(1.0)
    for unknown in ((), (("hour", "noon"),), (("hour", "24"),), (("place", "home"),)):
        assert hour_similarity(hour_point(unknown), at[8]) == 0.0
