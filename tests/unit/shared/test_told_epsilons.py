"""Every epsilon that people are told, computed again from whole numbers of rounds by another accountant: never below,
and within one per cent."""

import math
from collections.abc import Iterable

import pytest
from dp_accounting.pld import privacy_loss_distribution

from client.budget_guard import BudgetGuard
from client.file_record import device_record
from client.home import create_home
from client.privacy_report import spent_privacy
from shared.charges import charges_of, epsilon_alone
from shared.federation import FederationFile, read_federation
from shared.recipe import Facts
from shared.round_parameters import derive_round_parameters, window_epsilon
from shared.tasks import TASKS, Task
from simulations.planner import plan_table
from simulations.settings import resolve
from tests.unit.client.test_budget_guard import membership

DIMENSION = 1_000
Sum = tuple[Task, int, int]  # task, number of the round, how many such answers


def by_loss_distribution(squared_ratios: Iterable[tuple[float, int]], delta: float) -> float:
    """Epsilon of Gaussian mechanisms whose squared distance over variance is given, and how often each ran."""
    ratio = math.fsum(ratio * count for ratio, count in squared_ratios)
    loss = privacy_loss_distribution.from_gaussian_mechanism(1 / math.sqrt(ratio), value_discretization_interval=1e-4)
    return float(loss.get_epsilon_for_delta(delta))


def within_a_percent(told: float, again: float) -> bool:
    """The other accountant rounds up, by far less than this allows."""
    return again * (1 - 1e-4) <= told <= again * 1.01


def in_units(file: FederationFile, sums: Iterable[Sum], shares: int | None, window: bool = False):
    """Squared distance over variance of each kind of sum, from what devices add in whole units."""
    for task, number, count in sums:
        configuration = derive_round_parameters(file, task, number, DIMENSION, bytes(32), bytes(32)).configuration
        parameters = configuration.for_cohort(100)
        distance = math.sqrt(parameters.squared_norm_bound)
        if window:
            scale = configuration.smallest_scale
            of_clip = {"statistics": math.sqrt(2), "evaluation": 2.0}.get(task)
            if of_clip is None:
                clipping, windows = file.clipping, file.windows
                expected = windows.per_device * windows.sampling_probability
                of_clip = clipping.window_norm / expected / clipping.update_norm
            share = (of_clip * scale + 2 * math.sqrt(DIMENSION)) / math.sqrt(
                scale**2 + scale + DIMENSION // 4 + math.isqrt(DIMENSION) // 2
            )
            distance *= min(2.0, share)
        yield distance**2 / ((shares or parameters.honest_survivors) * parameters.variance), count


def answers_of(file: FederationFile) -> list[Sum]:
    """All answers of a device's life."""
    return [(task, 1, file.privacy.most_answers(task)) for task in TASKS if file.privacy.share(task)]


SETTINGS = ["round.minimum_answers=100", "sum.maximum_cohort=100", "evaluation.clients=100"]
FILES = {
    "shipped": read_federation(settings=SETTINGS),
    "demo": resolve("demo", Facts(285, 416), None, SETTINGS, None, None, "both", "secure"),
    "pictures": resolve("pictures", Facts(285, 416), None, SETTINGS, None, None, "both", "secure"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_life_promises_to_a_person_to_a_window_and_alone(name):
    file, sums = FILES[name], answers_of(FILES[name])
    privacy = file.privacy
    assert within_a_percent(privacy.user_epsilon, by_loss_distribution(in_units(file, sums, None), privacy.user_delta))
    told = window_epsilon(file, DIMENSION)
    assert within_a_percent(told, by_loss_distribution(in_units(file, sums, None, window=True), privacy.event_delta))
    assert told <= privacy.event_epsilon


def test_what_is_left_with_nobody_elses_noise():
    """A few answers, since the other accountant's arrays grow with epsilon."""
    file = read_federation(
        settings=[*SETTINGS, "privacy.user_epsilon=0.5", "privacy.shares={statistics=0.0, evaluation=0.0}"]
    )
    again = by_loss_distribution(in_units(file, [("update", 1, 25)], 1), file.privacy.user_delta)
    assert within_a_percent(epsilon_alone(file), again)


def test_what_a_plan_prints():
    facts = Facts(2_000, 10_000)
    (row,) = plan_table(facts, epsilon=2.0, clients_per_round=100, rounds=20, settings=SETTINGS[1:])["rows"]
    settings = [*SETTINGS[1:], "privacy.user_epsilon=2.0"]
    file = resolve("events", facts, None, settings, 20, 100, "both", "ideal")
    answers = answers_of(file)
    assert {task for task, _, _ in answers} == set(TASKS)
    assert within_a_percent(2.0, by_loss_distribution(in_units(file, answers, None), file.privacy.user_delta))
    windows = by_loss_distribution(in_units(file, answers, None, window=True), file.privacy.event_delta)
    assert row["epsilon of a window"] >= windows * (1 - 1e-4)  # at its own dimension, which is larger than this


def test_what_a_device_says_it_has_spent(tmp_path):
    home, file = create_home(tmp_path / "device", keyring=False), FILES["shipped"]
    membership(file).save(home.membership)
    guard, paid = BudgetGuard(device_record(home)), []
    for task, numbers in (("update", (1, 2, 3)), ("statistics", (0,)), ("evaluation", (10,))):
        for number in numbers:
            asked = derive_round_parameters(file, task, number, DIMENSION, bytes(32), bytes(32)).configuration
            guard.reserve_round(task, number)
            guard.charge_round(file, task, charges_of(file, task, asked), number)
            paid.append((task, max(number, 1), 1))
    spent = spent_privacy(home)["spent"]
    assert within_a_percent(spent["user"], by_loss_distribution(in_units(file, paid, None), file.privacy.user_delta))
    windows = by_loss_distribution(in_units(file, paid, None, window=True), file.privacy.event_delta)
    assert within_a_percent(spent["event"], windows)
    assert set(TASKS) == {task for task, _, _ in paid}
