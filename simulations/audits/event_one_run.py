"""The event-level epsilon of each task against the whole transcript of a device's life, in one run.

* Claim: the sums are epsilon-DP for each window of events, at the epsilon that the ledger says (`SummedWindow`).
* Adversary: reads every sum of the task, knows every vector with and without the window, and takes off what colluding
  members added: h_min shares of noise are left in each sum.
* Unit and neighbours: one window of consecutive events; that window emptied, the others in their places (zero-out).
* Method: each of m devices has a canary window, in or out by a coin. It moves the device's vector as far as a window
  may by the table of tasks: an update by the bound of one window's gradient, counts from some items to others, an
  evaluation to its opposite. The rest is as in `user-one-run`.
* Bar: the 95 % lower bound of no task is above the ledger's epsilon for it.
* Control: one share of noise in each sum in place of forty; every task is caught.
* Paper: Steinke, Nasr, Jagielski 2023, [Privacy Auditing with One (1) Training Run](https://arxiv.org/abs/2305.08846).
"""

import numpy as np
from numpy.typing import NDArray

from shared.federation import FederationFile, read_federation
from shared.privacy import PrivacyEvent, composed_epsilon
from shared.round_parameters import derive_round_parameters
from shared.tasks import TASK_ROWS, Task
from simulations.audits.audit import AuditResult
from simulations.audits.one_run import PLACES, Answers, directions, one_run


def audit_event_one_run(seed: int, windows: int = 1000, control_windows: int = 2000) -> AuditResult:
    """Run it, with so many canary windows for each task."""
    federation = read_federation()
    delta = federation.privacy.event_delta
    promised, found, control = dict[Task, float](), dict[Task, float](), dict[Task, float]()
    for task in federation.privacy.tasks:
        life, charges = _life(federation, task)
        promised[task] = composed_epsilon(charges, delta)
        purpose = f"event-one-run {task}"
        found[task] = one_run(life, windows, delta, PLACES, seed, purpose).epsilon
        purpose += ", little noise"
        control[task] = one_run(life, control_windows, delta, 1, seed, purpose).epsilon
    nearest = max(promised, key=lambda task: found[task] - promised[task])
    weakest = min(promised, key=lambda task: control[task] - promised[task])
    said = "; ".join(
        f"{task} {found[task]:.2f} where the ledger says {promised[task]:.2f}, and {control[task]:.2f} with a fortieth "
        "of the noise"
        for task in promised
    )
    return AuditResult(
        passes=found[nearest] <= promised[nearest],
        control_caught=control[weakest] > promised[weakest],
        statistic=found[nearest],
        bar=promised[nearest],
        interval=None,
        control=control[weakest],
        sentence=f"From all sums of a life epsilon for one window of events is at least: {said}.",
    )


def _life(federation: FederationFile, task: Task) -> tuple[list[Answers], dict[PrivacyEvent, int]]:
    """All answers to a task, and what the ledger is charged for a window."""
    width = TASK_ROWS[task].dimension(federation, 2 * PLACES, PLACES)
    answers = federation.privacy.most_answers(task)
    terms = derive_round_parameters(federation, task, 1, width, bytes(32), bytes(32))
    present, absent = _canaries(task, width, TASK_ROWS[task].window_distance_over_clip(federation))
    clip_norm = terms.configuration.clip_norm
    life = [Answers(terms.configuration, answers, present * clip_norm, absent * clip_norm)]
    return life, {terms.charges[1]: answers}


def _canaries(task: Task, width: int, distance: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors over the clipping norm with and without the window of each place, as far apart as `distance`."""
    along = directions(min(PLACES, width), width)
    if task == "update":
        return along * np.float32(distance), np.zeros_like(along)
    if task == "statistics":  # counts: no negative entries
        return along, np.roll(along, PLACES, axis=1)
    return along, -along
