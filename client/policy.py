"""What a device agrees to. It says no before anything is computed, and whatever a server sends cannot make it say yes.

The file belongs to the person and is read before every answer; with none, or with one that is not whole, every answer
is no.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, Self

from pydantic import Field

from client.settings_file import SettingsFile, parse, read_settings, with_values
from shared.charges import epsilon_alone, user_charge
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import FederationFile
from shared.files import write_atomically
from shared.privacy import SummedGaussian, composed_epsilon
from shared.secure_sum import RHO_UNIT, RoundConfiguration
from shared.tasks import Task

Epsilon = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Pin = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]

_PPM = 1e6


class Pins(SettingsFile):
    """What joining fixed, in hexadecimal; empty where nothing is fixed."""

    operator: Pin
    registry: Pin
    model_sha256: Pin
    tokenizer_sha256: Pin


class Policy(SettingsFile):
    """policy.toml. The meaning of each key stands beside it in the shipped file."""

    smallest_cohort: Annotated[int, Field(ge=2)]
    largest_epsilon_per_round: Epsilon
    largest_epsilon_in_life: Epsilon
    largest_epsilon_alone: Epsilon
    largest_delta: Annotated[float, Field(gt=0, lt=1)]
    tasks: Annotated[tuple[Task, ...], Field(strict=False)]
    smallest_dropout_share: Share
    smallest_corrupt_share: Share
    accept_changed_terms: bool
    pins: Pins

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the policy as it is now.

        Raises:
            Misconfigured: there is none, or a key is unknown, missing, of another type or out of bounds.
            Corrupt: it is not TOML.
        """
        return read_settings(path, cls)

    def check_offer(self, operator: bytes, registry: bytes) -> None:
        """See that whoever offers terms, or publishes, is who was pinned.

        Args:
            operator: Ed25519 public key, 32 bytes, that publications are signed with.
            registry: Ed25519 public key, 32 bytes, that certifies devices.

        Raises:
            Refused: naming the rule.
        """
        self._check_pin("operator", operator.hex())
        self._check_pin("registry", registry.hex())

    def check_federation(self, federation: FederationFile) -> None:
        """See that a federation keeps every rule: on joining, for each release, and before each answer.

        Raises:
            Refused: naming the rule, what it allows and what the file says.
        """
        privacy = federation.privacy
        if federation.sum.mode != "secure":
            _refuse("secure sum", "summands that are masked end to end", f"sum.mode = {federation.sum.mode}")
        self._check_cohort(federation.round.minimum_answers)
        if not privacy.user:
            _refuse("largest_epsilon_in_life", self.largest_epsilon_in_life, "no promise at user level")
        if not privacy.user_epsilon <= self.largest_epsilon_in_life:
            _refuse("largest_epsilon_in_life", self.largest_epsilon_in_life, f"{privacy.user_epsilon:g}")
        if not privacy.user_delta <= self.largest_delta:
            _refuse("largest_delta", self.largest_delta, f"{privacy.user_delta:g}")
        alone = epsilon_alone(federation)
        if alone is None or not alone <= self.largest_epsilon_alone:
            _refuse("largest_epsilon_alone", self.largest_epsilon_alone, f"{alone:.4g}" if alone else "no promise")
        for task in self._asked(federation):
            self._check_charge(federation, task, user_charge(federation, task))
        self._check_share("dropout", federation.sum.dropout_share)
        self._check_share("corrupt", federation.sum.corrupt_share)
        self._check_pin("model_sha256", federation.backbone.model_sha256)
        self._check_pin("tokenizer_sha256", federation.backbone.tokenizer_sha256)

    def check_round(self, federation: FederationFile, configuration: RoundConfiguration, task: Task) -> None:
        """See that one round keeps every rule, whatever its federation file says.

        Args:
            federation: the file whose rules are checked beside those of the round.
            configuration: what the private sum is bound to.
            task: what the sum is for: an update, statistics or an evaluation.

        Raises:
            Refused: naming the rule, what it allows and what is asked.
        """
        self.check_federation(federation)
        if task not in self.tasks:
            _refuse("tasks", ", ".join(self.tasks) or "none", task)
        if not configuration.noise:
            _refuse("largest_epsilon_per_round", self.largest_epsilon_per_round, "a sum without noise")
        self._check_charge(federation, task, SummedGaussian(task, configuration.rho_units * RHO_UNIT))
        self._check_cohort(configuration.minimum_cohort)
        self._check_share("dropout", configuration.dropout_ppm / _PPM)
        self._check_share("corrupt", configuration.corrupt_ppm / _PPM)
        registry = self.pins.registry
        if registry and configuration.registry_hash != hashlib.sha256(bytes.fromhex(registry)).digest():
            _refuse("pins.registry", f"devices of {registry[:12]}", "those of another registry")

    def _asked(self, federation: FederationFile) -> list[Task]:
        """The tasks that this device would answer and that the federation has a share of the budget for."""
        return [task for task in federation.privacy.tasks if task in self.tasks]

    def _check_cohort(self, smallest: int) -> None:
        if smallest < self.smallest_cohort:
            _refuse("smallest_cohort", f"{self.smallest_cohort} people and more", f"{smallest}")

    def _check_charge(self, federation: FederationFile, task: Task, charge: SummedGaussian | None) -> None:
        if charge is None:
            _refuse("largest_epsilon_per_round", self.largest_epsilon_per_round, f"{task} without a promise")
        epsilon = composed_epsilon({charge: 1}, federation.privacy.user_delta)
        if not epsilon <= self.largest_epsilon_per_round:
            _refuse("largest_epsilon_per_round", self.largest_epsilon_per_round, f"{epsilon:.3g} for {task}")

    def _check_share(self, name: str, share: float) -> None:
        smallest = float(getattr(self, f"smallest_{name}_share"))
        if not share >= smallest:
            _refuse(f"smallest_{name}_share", f"{smallest:g} and more", f"{share:g}")

    def _check_pin(self, name: str, got: str) -> None:
        pinned = str(getattr(self.pins, name))
        if pinned and got != pinned:
            _refuse(f"pins.{name}", pinned[:12], got[:12] or "none")


def reading(policy: Callable[[], Policy]) -> Policy:
    """The policy as it is now, where a policy that cannot be read is one that refuses everything.

    Raises:
        Refused: the file is missing or damaged.
    """
    try:
        return policy()
    except (Misconfigured, Corrupt) as reason:
        raise Refused(f"policy: file: allows nothing until it is mended: {reason}", code="policy-file") from None


def pin(path: Path, *, operator: bytes, registry: bytes, model_sha256: str, tokenizer_sha256: str) -> Policy:
    """Write down what joining fixes, leaving the rest of the person's file as it is.

    Args:
        path: of the person's policy file.
        operator: Ed25519 public key, 32 bytes, that publications are signed with.
        registry: Ed25519 public key, 32 bytes, that certifies devices.
        model_sha256: of the backbone's weights, in hexadecimal; empty where the federation pins none.
        tokenizer_sha256: of the backbone's tokenizer, in hexadecimal; empty where the federation pins none.

    Raises:
        Refused: other keys or digests are pinned already; the file is as it was.
        Misconfigured, Corrupt: the policy is not what it must be; the file is as it was.
    """
    pins = {
        "operator": operator.hex(),
        "registry": registry.hex(),
        "model_sha256": model_sha256,
        "tokenizer_sha256": tokenizer_sha256,
    }
    held = Policy.load(path)
    for name, value in pins.items():
        held._check_pin(name, value)
    text = with_values(path.read_text(encoding="utf-8"), {f"pins.{name}": value for name, value in pins.items()})
    policy = parse(text.encode(), Policy, path)
    if policy.pins.model_dump() != pins:
        raise Misconfigured(f"{path}: expected the four lines of [pins] as they are shipped; bring them back")
    write_atomically(path, text.encode())
    return policy


def _refuse(rule: str, allows: object, got: str) -> NoReturn:
    raise Refused(
        f"policy: {rule}: allows {allows}, got {got}; who agrees to that changes {rule} in policy.toml", code="policy"
    )
