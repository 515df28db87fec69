"""The user-level epsilon against the whole transcript of a device's life, in one run.

* Claim: all that a person ever answers is epsilon-DP for them, at the epsilon that their ledger says.
* Adversary: reads every sum of all three tasks, knows everybody's vectors and directions, and takes off what colluding
  members added: h_min shares of noise are left in each sum.
* Unit and neighbours: one person; their vectors, or zeros in their places (zero-out).
* Method: m canary people are in or out by a coin each and send a vector of the full norm, one direction each. After all
  rounds of the shipped federation file, at its rho, the likelier side is guessed for the surest, in numbers fixed
  beforehand; the right guesses rule out every smaller epsilon. No bound of this kind exceeds log(guesses / 3), whatever
  leaks, so that 8 can only be refuted with ten thousand people and more.
* Bar: the 95 % lower bound is not above the ledger's epsilon.
* Controls: one share of noise in each sum in place of forty, in the updates alone; no noise at all, in one update.
* Paper: Steinke, Nasr, Jagielski 2023, [Privacy Auditing with One (1) Training Run](https://arxiv.org/abs/2305.08846).
"""

from dataclasses import replace

import numpy as np

from shared.federation import FederationFile, read_federation
from shared.privacy import PrivacyEvent, composed_epsilon
from shared.round_parameters import derive_round_parameters
from shared.tasks import TASK_ROWS
from simulations.audits.audit import AuditResult
from simulations.audits.one_run import PLACES, Answers, directions, one_run


def audit_user_one_run(seed: int, people: int = 13_000, updates: int | None = None) -> AuditResult:
    """Run it, with so many canary people; `updates` makes a shorter life of so many, which spend the same budget."""
    shorter = [f"privacy.participations.update={updates}", "privacy.participations.evaluation=1"]
    federation = read_federation(settings=shorter if updates else ())
    life, charges = _life(federation)
    delta = federation.privacy.user_delta
    promised = composed_epsilon(charges, delta)
    found = one_run(life, people, delta, PLACES, seed, "user-one-run")
    little = one_run(life[:1], people, delta, 1, seed, "user-one-run, little noise").epsilon
    # One sum tells all where there is no noise.
    none = one_run([replace(life[0], count=1)], people, delta, 0, seed, "user-one-run, no noise").epsilon
    return AuditResult(
        passes=found.epsilon <= promised,
        control_caught=min(little, none) > promised,
        statistic=found.epsilon,
        bar=promised,
        interval=None,
        control=min(little, none),
        sentence=f"From all sums of a life {found.right:,} of {found.guesses:,} guesses about {people:,} people are "
        f"right: epsilon is at least {found.epsilon:.2f}, and the ledger says {promised:.2f}. Controls: at least "
        f"{little:.2f} with a fortieth of the noise, {none:.2f} with none.",
    )


def _life(federation: FederationFile) -> tuple[list[Answers], dict[PrivacyEvent, int]]:
    """All answers of a device's life, and what its ledger is charged for them."""
    life, charges = [], dict[PrivacyEvent, int]()
    for task in federation.privacy.tasks:
        width = TASK_ROWS[task].dimension(federation, PLACES, PLACES)
        terms = derive_round_parameters(federation, task, 1, width, bytes(32), bytes(32))
        count = federation.privacy.most_answers(task)
        present = directions(PLACES, width) * terms.configuration.clip_norm
        life.append(Answers(terms.configuration, count, present, np.zeros_like(present)))
        charges[terms.charges[0]] = count
    return life, charges
