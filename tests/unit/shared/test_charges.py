"""What one answer is charged at each level, and the noise of a device's own that pays for the local one."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from scipy.optimize import bisect, brentq
from scipy.stats import norm

from client.budget_guard import budget
from shared.charges import (
    adds_local_noise,
    answers_of_a_life,
    charges_of,
    epsilon_alone,
    local_noise_over_clip,
    user_charge,
)
from shared.errors import Misconfigured, Refused
from shared.federation import FederationFile, read_federation
from shared.privacy import Keystream, Ledger, LocalWindow, SummedGaussian, SummedWindow, composed_epsilon, quantise
from shared.round_parameters import RoundParameters, derive_round_parameters
from shared.secure_sum import RHO_UNIT
from shared.tasks import TASK_ROWS, TASKS

BOTH = ("privacy.level=both", "round.minimum_answers=50")
ALONE = ("privacy.level=event", "sum.mode=plain", "privacy.local_noise=on")
ON = "privacy.local_noise=on"
ANSWERS = st.tuples(*[st.integers(1, 2000)] * 3)
ROUNDS = [("update", 1), ("statistics", 0), ("evaluation", 10)]  # some of the shipped file


def gaussian_by_hand(rho: float, delta: float) -> float:
    """Epsilon of a Gaussian mechanism: where its privacy profile (Balle, Wang 2018) meets delta."""
    mu = math.sqrt(2 * rho)

    def excess(epsilon: float) -> float:
        log_first, log_second = norm.logcdf(mu / 2 - epsilon / mu), epsilon + norm.logcdf(-mu / 2 - epsilon / mu)
        return log_first + math.log(-math.expm1(log_second - log_first)) - math.log(delta)

    return float(brentq(excess, 1e-9, 10 + rho + 12 * mu, xtol=1e-13))


def rho_by_hand(epsilon: float, delta: float) -> float:
    return float(brentq(lambda rho: gaussian_by_hand(rho, delta) - epsilon, 1e-4, 1e3, xtol=1e-14))


def terms(file: FederationFile, task: str = "update", number: int = 1, dimension: int = 1000) -> RoundParameters:
    return derive_round_parameters(file, task, number, dimension, bytes(32), bytes(32))


def charged(*settings, **asked):
    return terms(read_federation(settings=settings), **asked).charges


def window_over_person(*settings, **asked):
    person, window = charged(*BOTH, *settings, **asked)
    return window.rho / person.rho


def test_each_level_is_charged_for_what_it_promises():
    kinds = {
        ("none", "auto"): [],
        ("none", "on"): [],
        ("user", "auto"): [SummedGaussian],
        ("user", "on"): [SummedGaussian],  # nothing is promised to a window there
        ("both", "auto"): [SummedGaussian, SummedWindow],
        ("both", "off"): [SummedGaussian, SummedWindow],
        ("both", "on"): [SummedGaussian, SummedWindow, LocalWindow],
        ("event", "on"): [LocalWindow],
    }
    for (level, noise), expected in kinds.items():
        events = charged(f"privacy.level={level}", f"privacy.local_noise={noise}")
        assert [type(event) for event in events] == expected


# The person


@pytest.mark.parametrize("task", TASKS)
def test_a_person_is_charged_their_tasks_share_of_the_budget_spread_over_its_answers(task):
    file = read_federation()
    share, answers = {"update": (0.91, 25), "statistics": (0.05, 1), "evaluation": (0.04, 12)}[task]
    charge = user_charge(file, task)
    assert (charge.level, charge.task) == ("user", task)
    assert charge.rho == pytest.approx(share * rho_by_hand(8.0, 1e-6) / answers, rel=1e-6)
    assert charge.rho / RHO_UNIT == int(charge.rho / RHO_UNIT)  # a message can carry it


@trying(max_examples=50)
@given(st.floats(0.1, 50), st.floats(1e-12, 1e-3), ANSWERS)
def test_all_answers_of_a_life_are_within_the_promise_to_a_person_and_hardly_below(epsilon, delta, answers):
    file = read_federation(
        settings=[
            f"privacy.user_epsilon={epsilon!r}",
            f"privacy.user_delta={delta!r}",
            *(f"privacy.participations.{task}={count}" for task, count in zip(TASKS, answers, strict=True)),
        ]
    )
    life = {user_charge(file, task): file.privacy.most_answers(task) for task in TASKS}
    assert 0.999 * epsilon < composed_epsilon(life, delta) <= epsilon


def test_a_task_whose_share_leaves_nothing_is_refused_in_words_that_help():
    for settings in (["privacy.shares.statistics=0.0"], ["privacy.user_epsilon=1e-7"]):
        with pytest.raises(Misconfigured, match=r"answers of statistics .* give statistics a larger share"):
            user_charge(read_federation(settings=settings), "statistics")


# One window, in a sum


def test_a_window_is_charged_by_the_square_of_its_share():
    # four of eight windows in expectation, each clipped to the norm of the whole
    assert window_over_person() == pytest.approx(1 / 16, rel=0.1)
    assert window_over_person("clipping.window_norm=0.5") == pytest.approx(1 / 64, rel=0.2)
    assert window_over_person("windows.sampling_probability=1.0") == pytest.approx(1 / 64, rel=0.2)


def test_what_a_window_may_turn_round_costs_four_times_the_person():
    assert window_over_person("clipping.window_norm=100.0") == 4.0
    assert window_over_person(task="evaluation") == pytest.approx(4.0, rel=0.01)
    assert window_over_person(task="statistics") == pytest.approx(2.0, rel=0.01)


@given(st.integers(1, 10**6), st.integers(2, 4096))
def test_rounding_is_paid_for(dimension, smallest):
    """Each entry of two vectors is rounded by less than a unit: never charged less than their distance before that."""
    share = window_over_person(f"round.minimum_answers={min(smallest, 100)}", dimension=dimension)
    assert 1 / 16 * (1 - 1e-3) / (1 + dimension / 2**20) <= share <= 4.0
    assert math.isfinite(share)


# One window, in single answers


@pytest.mark.parametrize(("task", "number"), ROUNDS)
def test_where_a_device_adds_noise_of_its_own_every_task_is_charged_at_the_local_level(task, number):
    """38 answers of a life, of whatever task, share the local level evenly."""
    expected = rho_by_hand(8.0, 1e-6) / (25 + 1 + 12)
    for settings in ((*BOTH, ON), (*ALONE, "sum.mode=ideal")):
        event = charged(*settings, task=task, number=number)[-1]
        assert (type(event), event.task) == (LocalWindow, task)
        assert event.rho == pytest.approx(expected, rel=1e-6)
    assert charges_of(read_federation(settings=ALONE), task, None) == (event,)  # in the open, too


@pytest.mark.parametrize(("task", "number"), ROUNDS)
def test_noise_and_charge_of_the_local_level_come_together_or_not_at_all(task, number):
    for level in ("none", "user", "both"):
        for noise in ("off", "auto", "on"):
            file = read_federation(settings=[f"privacy.level={level}", f"privacy.local_noise={noise}"])
            derived = terms(file, task, number)
            promised = (level, noise) == ("both", "on")
            assert adds_local_noise(file) == promised
            assert (derived.local_noise_over_clip > 0) == promised
            assert any(isinstance(event, LocalWindow) for event in derived.charges) == promised


@trying(max_examples=50)
@given(st.floats(0.05, 50), st.floats(1e-12, 1e-3), st.sampled_from([BOTH, ALONE]), ANSWERS)
def test_the_local_charges_of_a_whole_life_are_within_the_promise_and_hardly_below(epsilon, delta, promise, answers):
    file = read_federation(
        settings=[
            *promise,
            ON,
            f"privacy.local_epsilon={epsilon!r}",
            f"privacy.event_delta={delta!r}",
            *(f"privacy.participations.{task}={count}" for task, count in zip(TASKS, answers, strict=True)),
        ]
    )
    life = Counter()
    for task in TASKS:
        (event,) = (one for one in terms(file, task).charges if isinstance(one, LocalWindow))
        life[event] += file.privacy.most_answers(task)
    assert sum(life.values()) == sum(answers)
    assert 0.99 * epsilon < composed_epsilon(life, delta) <= epsilon


def test_in_the_open_the_noise_is_that_of_the_distance_alone():
    # By hand: of eight windows four are expected, so that one moves an update by a quarter of its norm.
    file = read_federation(settings=ALONE)
    rho = rho_by_hand(8.0, 1e-6) / 38
    for (task, number), distance in zip(ROUNDS, (0.25, math.sqrt(2), 2.0), strict=True):
        over_clip = local_noise_over_clip(file, task, 1000, 0)
        assert over_clip == pytest.approx(distance / math.sqrt(2 * rho), rel=1e-6)
        assert terms(file, task, number).local_noise_over_clip == over_clip
    faster = read_federation(settings=[*ALONE, "training.local_learning_rate=3.0"])
    assert local_noise_over_clip(faster, "update", 1000, 0) == pytest.approx(0.75 / math.sqrt(2 * rho), rel=1e-6)


FILES = st.builds(
    lambda *values: [
        setting.format(value)
        for setting, value in zip(
            (
                "privacy.user_epsilon={!r}",
                "privacy.local_epsilon={!r}",
                "clipping.window_norm={!r}",
                "clipping.update_norm={!r}",
                "training.local_learning_rate={!r}",
                "windows.per_device={}",
                "windows.sampling_probability={!r}",
                "round.minimum_answers={}",
                "sum.corrupt_share={!r}",
                "sum.dropout_share={!r}",
                "privacy.participations.update={}",
                "statistics.items_per_device={}",
            ),
            values,
            strict=True,
        )
    ],
    st.floats(0.5, 50),
    st.floats(0.5, 50),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
    st.floats(0.1, 10),
    st.integers(1, 20),
    st.floats(0.05, 1),
    st.integers(10, 100),
    st.floats(0.01, 0.2),
    st.floats(0.01, 0.3),
    st.integers(1, 1000),
    st.integers(1, 200),
)


def distance_in_units(file: FederationFile, asked: tuple[str, int], scale: int, dimension: int) -> float:
    """How far emptying one window moves a vector at most, both of them rounded, each entry by less than a unit."""
    one_window = file.training.local_learning_rate * file.clipping.window_norm
    over_clip = {
        "update": one_window
        / (file.windows.per_device * file.windows.sampling_probability)
        / file.clipping.update_norm,
        "statistics": math.sqrt(2),
        "evaluation": 2.0,
    }[asked[0]]
    return min(2.0, over_clip) * scale + 2 * math.sqrt(dimension)


@trying(max_examples=100)
@given(FILES, st.sampled_from(ROUNDS), st.integers(1, 10**6), st.integers(10, 4096))
def test_noise_in_units_is_enough_for_the_distance_in_units_at_any_cohort(settings, asked, dimension, cohort):
    """rho is the squared distance over twice the variance: of all honest noise in a sum, of a device's own without."""
    file = read_federation(settings=[*settings, ON])
    derived = terms(file, *asked, dimension)
    try:
        parameters = derived.configuration.for_cohort(cohort, derived.local_noise_over_clip)
    except Misconfigured:
        assume(False)
    person, window, local = derived.charges
    squared = distance_in_units(file, asked, parameters.scale, dimension) ** 2
    assert squared / (2 * parameters.local_variance) <= local.rho * (1 + 1e-12)
    # no two vectors of a sum are further apart than twice the longest
    in_sum = min(squared, 4 * parameters.squared_norm_bound)
    honest = parameters.honest_survivors * parameters.variance
    assert in_sum / (2 * honest) <= window.rho * (1 + 1e-12)
    assert parameters.squared_norm_bound / (2 * honest) <= person.rho


@trying(max_examples=50)
@given(st.integers(1, 60), st.sampled_from(ROUNDS), st.binary(min_size=32, max_size=32))
def test_no_two_vectors_that_far_apart_are_further_apart_in_units_than_is_paid_for(dimension, asked, key):
    """The same, from vectors that are rounded by the devices' own rounding."""
    file = read_federation(settings=[*BOTH, ON])
    derived = terms(file, *asked, dimension)
    configuration = derived.configuration
    parameters = configuration.for_cohort(100, derived.local_noise_over_clip)
    drawn = np.random.default_rng(list(key))
    whole = configuration.clip_norm
    distance = TASK_ROWS[asked[0]].window_distance_over_clip(file) * whole
    direction = drawn.normal(size=dimension)
    direction /= np.linalg.norm(direction)
    # Both on the sphere, as far apart as one window can bring them where that is no further than its diameter.
    middle = drawn.normal(size=dimension)
    middle -= direction * (direction @ middle)
    length = np.linalg.norm(middle)
    height = math.sqrt(max(0.0, whole**2 - (distance / 2) ** 2)) / length if dimension > 1 else 0.0
    one, other = (
        quantise(
            middle * height + sign * direction * min(distance / 2, whole),
            whole,
            parameters.scale,
            parameters.squared_norm_bound,
            Keystream(key[::sign]),
        )
        for sign in (1, -1)
    )
    moved = float(np.square(one - other).sum())
    assert moved > 0
    assert moved / (2 * parameters.local_variance) <= derived.charges[-1].rho


def test_a_local_promise_that_leaves_nothing_for_an_answer_is_refused_by_name():
    file = read_federation(settings=["privacy.local_epsilon=1e-6"])
    with pytest.raises(Misconfigured, match="local_epsilon"):
        adds_local_noise(file)


# Whether that noise is nearly free


def growth(file: FederationFile) -> float:
    """By how much local noise, wherever it is on, makes the noise of one number of the worst sum larger, as a share.

    From the variances that devices draw by, in cohorts of as many as are wanted; of one number alone, as the rounding
    of many would count on both sides.
    """
    wanted = {
        ("update", 1): file.training.clients_per_round,
        ("statistics", 0): file.sum.maximum_cohort,
        ("evaluation", 10): file.evaluation.clients,
    }
    grown = []
    for (task, number), members in wanted.items():
        derived = terms(file, task, number, dimension=1)
        parameters = derived.configuration.for_cohort(
            max(members, file.round.minimum_answers), derived.local_noise_over_clip
        )
        grown.append(math.sqrt(1 + parameters.local_variance / parameters.variance) - 1)
    return max(grown)


SMALL_COHORTS = ("sum.maximum_cohort=100", "evaluation.clients=100")


@pytest.mark.parametrize(
    ("settings", "free"),
    [
        (("privacy.user_epsilon=0.2", "privacy.local_epsilon=64.0"), True),
        (("privacy.user_epsilon=0.12", "privacy.local_epsilon=24.0"), True),
        (("privacy.user_epsilon=0.5", "privacy.local_epsilon=64.0"), False),  # by 4 %
        (("privacy.user_epsilon=0.2", "privacy.local_epsilon=64.0", "sum.maximum_cohort=4096"), False),
        (("privacy.user_epsilon=8.0", "privacy.local_epsilon=8.0"), False),
    ],
)
def test_left_to_itself_noise_of_a_devices_own_is_on_where_it_is_nearly_free_and_nowhere_else(settings, free):
    assert (growth(read_federation(settings=[*SMALL_COHORTS, *settings, ON])) <= 0.02) == free
    file = read_federation(settings=[*SMALL_COHORTS, *settings])
    assert file.privacy.local_noise == "auto"
    assert adds_local_noise(file) == free
    assert (terms(file, "evaluation", 10).local_noise_over_clip > 0) == free
    assert not adds_local_noise(read_federation(settings=[*SMALL_COHORTS, *settings, "privacy.local_noise=off"]))


@trying(max_examples=50)
@given(st.floats(0.02, 20), st.floats(1, 500), st.integers(20, 1000), st.sampled_from([1, 20, 500]))
def test_left_to_itself_it_is_on_exactly_where_no_sum_grows_by_over_two_percent(user, local, cohort, answers):
    settings = [
        f"privacy.user_epsilon={user!r}",
        f"privacy.local_epsilon={local!r}",
        f"sum.maximum_cohort={cohort}",
        f"evaluation.clients={cohort}",
        f"privacy.participations.update={answers}",
        f"training.clients_per_round={min(cohort, 100)}",
        "round.minimum_answers=10",
    ]
    try:
        grown = growth(read_federation(settings=[*settings, ON]))
    except Misconfigured:
        assume(False)
    assume(abs(grown - 0.02) > 1e-3)  # the rounding of that one number
    assert adds_local_noise(read_federation(settings=settings)) == (grown < 0.02)


@pytest.mark.parametrize(("wanted", "free"), [(0.019, True), (0.021, False)])
def test_the_edge_lies_at_two_percent(wanted, free):
    def settings(local: float) -> list[str]:
        return [*SMALL_COHORTS, "privacy.user_epsilon=0.12", f"privacy.local_epsilon={local!r}"]

    def excess(local: float) -> float:
        return growth(read_federation(settings=[*settings(local), ON])) - wanted

    local = bisect(excess, 1.0, 100.0, xtol=1e-6)
    assert adds_local_noise(read_federation(settings=settings(local))) == free


def test_left_to_itself_it_is_off_where_larger_cohorts_make_it_dear():
    wanted = [
        "training.groups=['transitions', 'evolution', 'context']",
        "privacy.shares={statistics=0.0, evaluation=0.0}",
        "privacy.user_epsilon=0.5",
        "privacy.local_epsilon=8.0",
    ]
    assert adds_local_noise(read_federation(settings=wanted))
    assert not adds_local_noise(read_federation(settings=[*wanted, "training.clients_per_round=200"]))


# With nobody else's noise


def test_alone_a_person_has_what_their_own_share_of_the_noise_gives():
    """By hand: in cohorts of 100 there are 80 honest shares, of which one's own is left."""
    settings = ["sum.maximum_cohort=100", "round.minimum_answers=10", "privacy.user_epsilon=0.5"]
    whole = rho_by_hand(0.5, 1e-6)
    assert epsilon_alone(read_federation(settings=settings)) == pytest.approx(
        gaussian_by_hand(80 * whole, 1e-6), rel=1e-6
    )
    # Of cohorts that were: 50 members have 40 honest survivors, 10 have 9 (of which none may fall out), 9 are none.
    told = epsilon_alone(read_federation(settings=settings), {"update": 50, "statistics": 10, "evaluation": 9})
    assert told == pytest.approx(gaussian_by_hand((0.91 * 40 + 0.05 * 9) * whole, 1e-6), rel=1e-6)
    assert epsilon_alone(read_federation(settings=settings), {}) == 0.0


def test_alone_counts_no_cohort_above_the_largest_that_a_sum_takes():
    file = read_federation(settings=["sum.maximum_cohort=200", "round.minimum_answers=10"])
    largest = epsilon_alone(file, dict.fromkeys(TASKS, 200))
    assert epsilon_alone(file, dict.fromkeys(TASKS, 5000)) == largest == epsilon_alone(file)
    assert epsilon_alone(file, dict.fromkeys(TASKS, 150)) < largest


def test_without_a_promise_to_persons_nothing_is_said_of_one_alone():
    for level in ("none", "event"):
        assert epsilon_alone(read_federation(settings=[f"privacy.level={level}", ON])) is None


@trying(max_examples=50)
@given(FILES, st.integers(100, 2000))
def test_others_noise_never_costs_a_person_anything_and_more_others_give_more(settings, cohort):
    file = read_federation(settings=settings)
    small, large = (epsilon_alone(file, dict.fromkeys(TASKS, members)) for members in (cohort, 2 * cohort))
    shared = composed_epsilon(
        {user_charge(file, task): file.privacy.most_answers(task) for task in TASKS}, file.privacy.user_delta
    )
    assert shared < small < large
    assert large < epsilon_alone(file) or 2 * cohort == file.sum.maximum_cohort


@trying(max_examples=50)
@given(FILES, st.sampled_from(ROUNDS), st.integers(100, 2000), st.integers(1, 10**5))
def test_alone_is_no_less_than_what_one_share_of_noise_as_it_is_drawn_gives(settings, asked, cohort, dimension):
    """From the whole numbers of a round: the longest vector against the noise that its own device adds."""
    file = read_federation(settings=settings)
    derived = terms(file, *asked, dimension)
    try:
        parameters = derived.configuration.for_cohort(cohort)
    except Misconfigured:
        assume(False)
    told = epsilon_alone(file, {asked[0]: cohort})
    answers = file.privacy.most_answers(asked[0])
    drawn = answers * parameters.squared_norm_bound / (2 * parameters.variance)
    assert told >= composed_epsilon({SummedGaussian(asked[0], drawn): 1}, file.privacy.user_delta) * (1 - 1e-9)


def test_with_periods_a_life_has_as_many_answers_as_its_budget_allows_and_all_of_them_count():
    period = ("privacy.period_days=365", "privacy.period_user_epsilon=2.0", "privacy.period_event_epsilon=2.0")
    file = read_federation(settings=[*BOTH, "privacy.local_noise=off", *period])
    for task in file.privacy.tasks:
        charge, times = user_charge(file, task), answers_of_a_life(file, task)
        assert times > file.privacy.most_answers(task)
        shares = Ledger(budget(file), {charge: times - 1}).after(charge)
        with pytest.raises(Refused, match="budget"):
            shares.after(charge)
    once = epsilon_alone(read_federation(settings=[*BOTH]))
    assert epsilon_alone(file) == pytest.approx(once, rel=0.01)  # a life of 8 is a life of 8, however it is spread
