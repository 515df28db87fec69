"""How far can a few members of a cohort push one item into everybody's lists?

* Claim: the honest limit. Where no bias is trained (as in the demo's settings), members who keep to the clip and are
  one in twenty at most double the share of lists that an item stands in, and cost at most 3 % of quality. Where the
  bias is trained (as for large data sets) they do far more; one in ten may do more in either case; and who changes the
  software does as they like, since clipping cannot be enforced under masks. Nothing is claimed there.
* Adversary: members of every cohort, who know model, catalogue and federation file, not what others add.
* Unit: one cohort. Neighbours: the same people, with some of their devices replaced by the adversary's.
* Method: a training of the demo's people. Each intruder sends, in every round, the longest vector that clipping leaves
  of the gradient by which the item gains most before random histories, all of it in the group that gives most. Measured
  are the share of people in whose ten best the item stands, beside a training without intruders, and sampled nDCG@10.
* Bar: twice the exposure, and 3 % of quality, with one intruder in twenty.
* Control: the same without clipping.
* Papers: Shejwalkar et al. 2022, [Back to the Drawing Board: A Critical Evaluation of Poisoning Attacks on Production
  Federated Learning](https://arxiv.org/abs/2108.10241); Zhang et al. 2022, [PipAttack: Poisoning Federated Recommender
  Systems for Manipulating Item Promotion](https://arxiv.org/abs/2110.10926).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from client.secagg import Contribution, encode_contribution
from shared.model import Vector, Windows
from shared.release import candidate_release
from simulations.audits.audit import AuditResult
from simulations.audits.bare_training import Intrude, train_bare
from simulations.audits.one_device import (
    BINDING,
    REGISTRY,
    Ground,
    Question,
    Respondent,
    Whole,
    chance_of,
    ground_of,
)
from simulations.datasets import load
from simulations.engine import one_thread
from simulations.evaluation import ConceptScorer, World, evaluate

SHARES = (0.01, 0.05, 0.1)
CLAIMED = 0.05  # the largest share of intruders that is claimed to be bearable
MOST_EXPOSED, MOST_LOST = 2.0, 0.03
_ITEMS = 2  # promoted, each in trainings of its own
_TOO_LONG = 100.0  # what intruders would send, over the clipping norm
_LISTED = 10
_HISTORIES, _HISTORY, _OTHERS = 64, 8, 200  # of the gradient that promotes


def _settings(groups: str) -> tuple[str, ...]:
    """Those of the demo, with the heads alone."""
    return (
        *BINDING,
        "model.concepts=32",
        "model.popularity=false",
        "model.forgetting=0.5",
        "model.concept_temperature=0.05",
        "model.dense_scale=4.0",
        "model.concept_scale=1.0",
        "model.dense_trained=32",
        "privacy.level=user",
        "privacy.shares={statistics=0.0, evaluation=0.01}",
        "privacy.participations.update=6",
        "windows.events=16",
        "windows.per_device=4",
        "windows.sampling_probability=1.0",
        "windows.negatives=48",
        "clipping.group_shares={dense=1.0, bias=0.4, scales=0.2, forgetting=0.1}",
        f"training.groups={groups}",
        "training.rounds=6",
        "optimizer.learning_rate=0.04",
        "optimizer.group_rates={bias=3.0, scales=100.0, forgetting=1.0}",
        "round.minimum_answers=50",
    )


_WITHOUT_BIAS = _settings('["dense", "forgetting", "scales"]')
_WITH_BIAS = _settings('["dense", "bias", "forgetting", "scales"]')


@dataclass(frozen=True)
class Effect:
    """What intruders brought about, in the mean over promoted items.

    Attributes:
        exposed: share of people in whose lists the item stands, over that without intruders.
        lost: share of nDCG@10 that is lost; below 0 where it rose.
    """

    exposed: float
    lost: float

    @property
    def bearable(self) -> bool:
        """Whether both bars are kept."""
        return self.exposed <= MOST_EXPOSED and self.lost <= MOST_LOST

    def __str__(self) -> str:
        return f"{self.exposed:.2f} times as many lists and {self.lost:+.1%} of quality lost"


class Town:
    """The demo's people, what they are shown after a training, and how good it is."""

    def __init__(self, ground: Ground, people: int, seed: int) -> None:
        """Take the first so many people who have a device, or all."""
        self._ground, self._seed = ground, seed
        world = World.of(load("demo", 0), 0)
        self._logs = [world.training_log(int(person)) for person in world.members[:people]]
        self._questions = world.split.test
        self._scorer = ConceptScorer(ground.release, ground.model, world.dataset.people)
        self.exposure, self._quality = self._after(self._trained(0, None))

    def __repr__(self) -> str:
        return f"Town({len(self._logs)} people)"

    def ordinary_items(self, count: int) -> list[int]:
        """Items that stand in as many lists as the median one, from no training with intruders."""
        return [int(row) for row in np.argsort(self.exposure, kind="stable")[len(self.exposure) // 2 :][:count]]

    def effect(self, share: float, items: Sequence[int], group: str, clipped: bool = True) -> Effect:
        """What a share of intruders brings about, in one training for each item.

        Args:
            share: of the devices that are the adversary's.
            items: catalogue rows to promote.
            group: of parameters that the vectors are put into.
            clipped: whether intruders' vectors go through the product's clipping.
        """
        intruders = max(1, round(share * len(self._logs)))
        exposed, lost = [], []
        for item in items:
            intrude = _promoting(item, intruders, group, clipped)
            exposure, quality = self._after(self._trained(intruders, intrude))
            exposed.append(exposure[item])
            lost.append(1 - quality / self._quality)
        return Effect(float(np.sum(exposed) / self.exposure[list(items)].sum()), float(np.mean(lost)))

    def _trained(self, intruders: int, intrude: Intrude | None) -> Vector:
        honest = self._logs[: len(self._logs) - intruders]
        people = [Respondent(log, seed=self._seed, number=number) for number, log in enumerate(honest)]
        return train_bare(self._ground, people, intruders, intrude)

    def _after(self, vector: Vector) -> tuple[NDArray[np.float64], float]:
        """Share of people in whose list each item stands, float64 [items], and nDCG@10."""
        asked = self._questions
        self._scorer.install(candidate_release(self._ground.release, self._ground.model, vector))
        scores = self._scorer.score(asked.people, asked.histories)
        for row, history in zip(scores, asked.histories, strict=True):
            row[history] = -np.inf
        listed = np.argsort(-scores, 1, kind="stable")[:, :_LISTED]
        exposure = np.bincount(listed.ravel(), minlength=asked.items) / len(asked)
        quality = evaluate(self._scorer, asked).figures()["sampled"]["ndcg@10"]
        return exposure, float(quality or 0.0)


def promoting_gradient(ground: Ground, vector: Vector, groups: Sequence[str], item: int) -> NDArray[np.float64]:
    """The direction in which an item gains most against others before random histories, float64 [d of the groups].

    Args:
        ground: its release gives the texts of items.
        vector: float32 [d], parameters to start from.
        groups: that may move.
        item: catalogue row.
    """
    rng, index = np.random.default_rng(item), torch.from_numpy(ground.release.index)
    shape = (_HISTORIES, _HISTORY + 1)
    events = index[torch.from_numpy(rng.integers(len(index), size=shape))]
    targets, predicted = events.clone(), torch.zeros(shape, dtype=torch.bool)
    targets[:, -1], predicted[:, -1] = index[item], True
    others = torch.from_numpy(rng.integers(len(index), size=(_HISTORIES, _OTHERS)))
    allowed = (others != item).unsqueeze(1).expand(-1, shape[1], -1)
    flat = torch.zeros(shape), torch.zeros(others.shape)
    with ground.model.at(vector):
        parameters = ground.model.train_only(groups)
        loss = ground.model.heads.losses(Windows(events, targets, predicted, index[others], allowed, *flat)).mean()
        parts = torch.autograd.grad(loss, parameters, materialize_grads=True, allow_unused=True)
    return -np.concatenate([part.numpy().ravel() for part in parts]).astype(np.float64)


def _promoting(item: int, intruders: int, group: str, clipped: bool) -> Intrude:
    """What so many intruders add for an item, all of it in one group and none of it noise."""

    def intrude(question: Question, members: int) -> Whole:
        ground = question.ground
        held = ground.model.layout.select(question.groups)
        wish = promoting_gradient(ground, question.parameters, question.groups, item)  # type: ignore[arg-type]
        for block in held.blocks:
            wish[block.slice] *= block.group == group
        configuration = question.terms(REGISTRY).configuration
        wish *= _TOO_LONG * configuration.clip_norm / np.linalg.norm(wish)
        parameters = replace(configuration.for_cohort(members), variance=0)
        if not clipped:
            return np.rint(wish * parameters.scale / configuration.clip_norm).astype(np.int64) * intruders
        contribution = Contribution(wish.astype(np.float32))
        words = encode_contribution(contribution, configuration, parameters, chance_of(item, question.number))
        return words.astype(np.int32).astype(np.int64) * intruders

    return intrude


@one_thread()
def run_poisoning(
    seed: int, people: int = 10**6, shares: Sequence[float] = SHARES, items: int = _ITEMS, with_bias: bool = True
) -> AuditResult:
    """Poison trainings of the demo's people.

    Args:
        seed: of all devices' chance.
        people: with a device, at most.
        shares: of the devices that are the adversary's; the claimed one must be among them.
        items: how many are promoted, each in trainings of its own.
        with_bias: whether to measure as well what is not claimed: a training of the bias.
    """
    town = Town(ground_of(_WITHOUT_BIAS), people, seed)
    promoted = town.ordinary_items(items)
    effects = {share: town.effect(share, promoted, "dense") for share in shares}
    unclipped = town.effect(CLAIMED, promoted, "dense", clipped=False)
    told = "; ".join(f"{share:.0%}: {effect}" for share, effect in effects.items())
    beyond = ""
    if with_bias:
        biased = Town(ground_of(_WITH_BIAS), people, seed)
        effect = biased.effect(CLAIMED, biased.ordinary_items(items), "bias")
        beyond = f" Not claimed, where the bias is trained: {CLAIMED:.0%} bring about {effect}."
    return AuditResult(
        passes=all(effect.bearable for share, effect in effects.items() if share <= CLAIMED),
        control_caught=not unclipped.bearable,
        statistic=max(effect.exposed for share, effect in effects.items() if share <= CLAIMED),
        bar=MOST_EXPOSED,
        interval=None,
        control=unclipped.exposed,
        sentence=(
            f"Intruders who keep to the clip bring about, where no bias is trained ({told}); the bars, for at most "
            f"{CLAIMED:.0%} of them, are {MOST_EXPOSED:g} times and {MOST_LOST:.0%}.{beyond} Without clipping, which "
            f"masks keep anybody from enforcing, {CLAIMED:.0%} bring about {unclipped}."
        ),
    )
