"""What a user-level promise costs a federation, as a table: noise, and which parameter groups and pairs stand out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.charges import epsilon_alone
from shared.errors import Misconfigured
from shared.federation import FederationFile, group_size
from shared.model import encoder_width
from shared.privacy import Cohort, people_share, plan_budget
from shared.recipe import Facts, people_for_pairs, plan_groups
from shared.round_parameters import window_epsilon
from shared.tasks import TASK_ROWS, Task
from simulations.settings import resolve

_EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0)


def plan_table(
    facts: Facts,
    *,
    epsilon: float | None = None,
    settings: Sequence[str] = (),
    clients_per_round: int | None = None,
    rounds: int | None = None,
) -> dict[str, Any]:
    """What the recipe makes of a promise.

    Args:
        facts: of the federation.
        epsilon: for a device's whole life; a row for each of several where left out.
        settings: changes to what the recipe says.
        clients_per_round: instead of the recipe's.
        rounds: instead of the recipe's.

    Returns:
        {"rows": one dictionary for each epsilon, "groups": one for each parameter group at the last of them
        (`shared.recipe.GroupPlan`), ...}.

    Raises:
        Misconfigured: fewer devices than a round asks, or impossible settings.
    """
    if clients_per_round is not None and clients_per_round > facts.people:
        raise Misconfigured(
            f"plan: expected a population of at least training.clients_per_round = {clients_per_round}, "
            f"got {facts.people}"
        )
    chosen = _EPSILONS if epsilon is None else (epsilon,)
    files = [
        resolve(
            "events", facts, None, [*settings, f"privacy.user_epsilon={one!r}"], rounds, clients_per_round, "both",
            "ideal",  # masks cost memory on one machine, no epsilon
        )
        for one in chosen
    ]  # fmt: skip
    width = encoder_width(files[-1].backbone.name)
    rows = [_row(file, one, facts, width) for one, file in zip(chosen, files, strict=True)]
    return {
        "people": facts.people,
        "items": facts.items,
        "events": facts.events,
        "rounds": files[-1].training.rounds,
        "devices a round": files[-1].training.clients_per_round,
        "answers a device": files[-1].privacy.most_answers("update"),
        "rows": rows,
        "groups": [asdict(row) for row in plan_groups(files[-1], facts.people, width, facts.events)],
    }


def _row(file: FederationFile, epsilon: float, facts: Facts, width: int) -> dict[str, Any]:
    privacy, asked = file.privacy, file.training.clients_per_round
    dimension = sum(group_size(file, group, width) for group in file.trained_groups)
    longest = max(row.dimension(file, facts.items, dimension) for row in TASK_ROWS.values())
    planned = plan_budget(
        epsilon=epsilon,
        delta=privacy.user_delta,
        cohort=Cohort(asked, file.sum.corrupt_share, file.sum.dropout_share, file.round.minimum_answers),
        participations={task: privacy.most_answers(task) for task in privacy.tasks},
        dimension=dimension,
        shares={task: privacy.share(task) for task in privacy.tasks},
    )
    evaluating = min(facts.people, file.cohort_of("evaluation"))
    cohorts: dict[Task, int] = {"update": asked, "statistics": facts.people, "evaluation": evaluating}
    return {
        "epsilon": epsilon,
        "groups": " ".join(file.trained_groups),
        "dimension": dimension,
        "rho of an update": planned.rho["update"],
        "noise of a coordinate / C": planned.noise_per_coordinate,
        "noise of the mean / C": planned.noise_norm,
        "epsilon of a window": window_epsilon(file, longest),
        "largest dimension": planned.largest_dimension,
        "epsilon with nobody else's noise": epsilon_alone(file, cohorts),
        "people from whom on pairs of items stand out": people_for_pairs(file, facts.items, facts.events),
        "people that may collude, drawn at random": people_share(asked, file.sum.corrupt_share),
    }
