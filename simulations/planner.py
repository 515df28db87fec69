"""What a user-level promise costs a federation, as a table: noise, and the largest model that still learns under it."""

from collections.abc import Sequence
from typing import Any

from shared.charges import epsilon_alone
from shared.errors import Misconfigured
from shared.federation import FederationFile, group_size, read_federation
from shared.model import encoder_width
from shared.privacy import Cohort, people_share, plan_budget
from shared.round_parameters import window_epsilon
from shared.tasks import Task

_EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0)


def plan_table(
    population: int,
    *,
    epsilon: float | None = None,
    settings: Sequence[str] = (),
    clients_per_round: int | None = None,
    rounds: int | None = None,
) -> dict[str, Any]:
    """Calibrate a federation file to a population.

    Args:
        population: devices there are.
        epsilon: for a device's whole life; a row for each of several where left out.
        settings: changes to the shipped federation file.
        clients_per_round: instead of the federation file's.
        rounds: instead of the federation file's.

    Returns:
        {"rows": one dictionary for each epsilon, ...}.

    Raises:
        Misconfigured: fewer devices than a round asks, or impossible settings.
    """
    wishes = [*settings, "sum.mode=secure"]
    if clients_per_round is not None:
        wishes += [f"training.clients_per_round={clients_per_round}"]
    if rounds is not None:
        wishes += [f"training.rounds={rounds}"]
    file = read_federation(settings=wishes)
    training = file.training
    if training.clients_per_round > population:
        raise Misconfigured(
            f"plan: expected a population of at least training.clients_per_round = {training.clients_per_round}, "
            f"got {population}"
        )
    width = encoder_width(file.backbone.name)
    dimension = sum(group_size(file, group, width) for group in file.trained_groups)
    answers = -(-training.rounds * training.clients_per_round // population)
    chosen = _EPSILONS if epsilon is None else (epsilon,)
    return {
        "population": population,
        "rounds": training.rounds,
        "devices a round": training.clients_per_round,
        "answers a device": answers,
        "dimension": dimension,
        "groups": " ".join(file.trained_groups),
        "rows": [_row(file, one, population, answers, dimension) for one in chosen],
    }


def _row(file: FederationFile, epsilon: float, population: int, answers: int, dimension: int) -> dict[str, Any]:
    privacy, asked = file.privacy, file.training.clients_per_round
    planned = plan_budget(
        epsilon=epsilon,
        delta=privacy.user_delta,
        cohort=Cohort(asked, file.sum.corrupt_share, file.sum.dropout_share, file.round.minimum_answers),
        participations={task: privacy.most_answers(task) for task in privacy.tasks} | {"update": answers},
        dimension=dimension,
        shares={task: privacy.share(task) for task in privacy.tasks},
    )
    promised = _promised(file, epsilon, answers)
    evaluating = promised.cohort_of("evaluation")
    cohorts: dict[Task, int] = {"update": asked, "statistics": population, "evaluation": min(population, evaluating)}
    return {
        "epsilon": epsilon,
        "rho of an update": planned.rho["update"],
        "noise of a coordinate / C": planned.noise_per_coordinate,
        "noise of the mean / C": planned.noise_norm,
        "epsilon of a window": window_epsilon(promised, dimension),
        "largest dimension": planned.largest_dimension,
        "epsilon with nobody else's noise": epsilon_alone(promised, cohorts),
        "people that may collude, drawn at random": people_share(asked, file.sum.corrupt_share),
    }


def _promised(file: FederationFile, epsilon: float, answers: int) -> FederationFile:
    """The same federation with this promise to a person over a device's whole life, and so many updates of each."""
    promised = file.privacy.model_copy(
        update={
            "user_epsilon": epsilon,
            "period_days": 0,
            "participations": file.privacy.participations | {"update": answers},
        }
    )
    return file.model_copy(update={"privacy": promised})
