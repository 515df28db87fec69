"""One person's device: answers rounds from its own log, within its own ledger. Events, texts, interests never leave."""

import time
from collections.abc import Callable, MutableMapping, Sequence

import numpy as np
from numpy.typing import NDArray

from client.budget_guard import BudgetGuard, RoundRecord
from client.contributing import Contributor, Observe, Run, log_failure, run_at_once
from client.loaded_release import LoadedRelease, federation_digest
from client.policy import Policy, reading
from client.randomness import Randomness, SystemRandomness
from client.requested import check_asked, parameters_for, summand_length
from client.secagg import (
    Agreed,
    Contribution,
    Credentials,
    Joined,
    Masked,
    Prepared,
    RoleState,
    RoundCheckpoint,
    RoundRequest,
    RoundState,
    SecAggClient,
    Shared,
    Value,
    encode_contribution,
)
from shared.behaviour import BehaviourLog
from shared.charges import charges_of, local_noise_over_clip
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import FederationFile
from shared.model import Vector
from shared.privacy import RandomBytes
from shared.round_parameters import RoundParameters, derive_round_parameters, round_binding
from shared.secure_sum import RoundConfiguration
from shared.tasks import TASK_ROWS


class Device:
    """Answers what a server may ask with summands, and with nothing else.

    Example:
        >>> installed = load_release(folder)
        >>> federation, digest = installed.release.federation, installed.digest
        >>> device = Device(credentials, log, {digest: installed}.__getitem__, {}, {}, simulated=True)
        >>> request = RoundRequest("update", federation.digest(), digest, 1, federation.trained_groups)
        >>> summand = device.plain(request, installed.release.vector)
        >>> summand.shape == (installed.model.layout.select(request.groups).size,)
        True
    """

    def __init__(
        self,
        membership: Credentials,
        log: BehaviourLog,
        find_release: Callable[[str], LoadedRelease],
        state: MutableMapping[str, str] | RoundRecord,
        session: MutableMapping[str, Value],
        randomness: Callable[[int], Randomness] | None = None,
        now_seconds: Callable[[], float] = time.time,
        simulated: bool = False,
        policy: Callable[[], Policy] | None = None,
        observe: Observe = log_failure,
        masks: Callable[[], bool] = lambda: True,
        run: Run | None = None,
    ) -> None:
        """Put a device together.

        Args:
            membership: the device's identity and certificate, and the registry that certified it.
            log: what the person did; read only after round, policy and budget allow it.
            find_release: the installed release of a digest; raises Misconfigured where there is none.
            state: where ledger and last rounds are kept; a mapping is for simulated devices.
            session: what one private sum needs between its phases; holds secrets, and is emptied when it ends.
            randomness: the chance of one round; the operating system's for a person's device, which takes no other.
            now_seconds: since 1970 UTC.
            simulated: whether the person is made up, so that sums without masks or noise may be asked for, and chance
                may be repeated.
            policy: reads what the person agrees to; asked before every answer. Simulated devices need none.
            observe: hears what came of every computation, see `Contributor`; must keep it on the device.
            run: does the work of an answer, see `Contributor`; a simulated device does it at once.
            masks: whether a simulated device masks its words at present, where sums are secure; a person's always does.

        Raises:
            Refused: a person's device with chance of the caller's making, without a policy, with a ledger that would
                not outlive its process, or whose answers would leave when they are made.
        """
        if randomness is not None and not simulated:
            raise Refused(
                "policy: a person's device takes its chance from the operating system, not from its caller",
                code="not-a-persons-device",
            )
        if policy is None and not simulated:
            raise Refused("policy: a person's device answers nothing without its policy file", code="policy-file")
        if isinstance(state, MutableMapping) and not simulated:
            raise Refused(
                "policy: a person's device keeps its ledger in a file, not in memory", code="not-a-persons-device"
            )
        if run is None and not simulated:
            raise Refused(
                "policy: a person's device answers at a moment that tells nothing of its work; give it `run`",
                code="not-a-persons-device",
            )
        self._member = membership
        self._find_release = find_release
        self._budget = BudgetGuard(state)
        self._session = RoundState(session)
        self._randomness = randomness or (lambda _: SystemRandomness())
        self._contributor = Contributor(log, self._randomness, observe, run or run_at_once)
        self._now_seconds = now_seconds
        self._simulated = simulated
        self._policy = policy
        self._masks = masks

    def __repr__(self) -> str:
        return f"Device({self.identity[:8]})"

    @property
    def identity(self) -> str:
        """Public id, hexadecimal."""
        return self._member.identity.device.hex()

    def plain(self, request: RoundRequest, vector: Vector | None) -> NDArray[np.float32]:
        """A summand in the open, float32 [d]: for simulations that study the model alone.

        Raises:
            Refused: this is a person's device, the federation asks for more, or the budget is spent.
            Misconfigured: the round is not of the federation or of a release this device has, or does not fit it.
        """
        installed = self._installed(request)
        federation = installed.release.federation
        check_asked(request, federation)
        self._check_mode(federation, "plain")
        parameters = parameters_for(request, installed, vector)
        charges = charges_of(federation, request.task, None)
        self._budget.check(federation, request.task, charges)
        dimension = summand_length(request, installed)
        contribution = self._contributor.contribution(request, installed, parameters, dimension, np.inf)
        self._budget.charge_round(federation, request.task, charges, request.number)
        over_clip = local_noise_over_clip(federation, request.task, dimension, 0)
        if not over_clip:
            return contribution.vector
        deviation = over_clip * TASK_ROWS[request.task].clip_norm(federation)
        noise = self._randomness(request.number).numpy("noise").normal(0.0, deviation, dimension)
        return contribution.vector + noise.astype(np.float32)

    def advertise(self, request: RoundRequest, vector: Vector | None, configuration: bytes) -> bytes:
        """Work for a private sum, keep the result, and say that one takes part.

        Whether, with what and how the device answers is settled by the round, the policy and the budget before the log
        is opened; what then comes of the log changes the summand alone (see `client.contributing`).

        Args:
            request: the round: its task, number, release, federation and the groups to train.
            vector: float32 [d_total], parameters to train from or to rank with; None for a count.
            configuration: what the server says all are asked; must be what this device derives itself.

        Returns:
            The advert of phase 0; nothing in the ideal sum.

        Raises:
            Refused, Misconfigured: as `plain`; or the policy says no, or the round was answered before.
        """
        self._session.wipe()
        installed = self._installed(request)
        federation = installed.release.federation
        check_asked(request, federation)
        mode = "ideal" if federation.sum.mode == "ideal" or not self._masks() else "secure"
        self._check_mode(federation, mode)
        parameters = parameters_for(request, installed, vector)
        clip_norm = RoundConfiguration.decode(configuration).clip_norm
        terms = self._terms(request, installed, vector, clip_norm)
        if configuration != terms.configuration.encode():
            raise Misconfigured(
                f"round {request.number} of {request.task}: expected the configuration that follows from the "
                "federation file and the release, got another"
            )
        if not terms.configuration.noise and not self._simulated:
            raise Refused(
                "policy: this federation promises no user-level privacy; this device sends no sum without it",
                code="no-noise",
            )
        self._ask_policy(federation, terms.configuration, request)
        self._budget.check(federation, request.task, terms.charges)
        self._budget.reserve_round(request.task, request.number)
        contribution = self._contributor.contribution(
            request, installed, parameters, terms.configuration.dimension, clip_norm
        )
        until = self._now_seconds() + federation.round.deadline_seconds + federation.sum.phase_seconds
        if mode == "ideal":
            kept = Prepared(configuration, contribution.vector.tobytes())
            self._session.put(RoundCheckpoint(request, terms.local_noise_over_clip, until, kept))
            return b""
        role = self._role(request, "advertise", terms.local_noise_over_clip)
        advert, joined = role.advertise(terms.configuration, contribution)
        self._session.put(RoundCheckpoint(request, terms.local_noise_over_clip, until, joined))
        return advert

    def reveal(self, ch: bytes, cohort: int) -> bytes:
        """The words that would enter the secure sum of a cohort of this size, without masks: the ideal functionality.

        Raises:
            Refused: as `phase`; or this is a person's device.
        """
        turn = self._session.take("reveal", ch, self._now_seconds())
        federation = self._installed(turn.request).release.federation
        self._check_mode(federation, "ideal")
        if not isinstance(turn.state, Prepared):
            raise RuntimeError(f"reveal: expected a prepared contribution, got {type(turn.state).__name__}")
        configuration = RoundConfiguration.decode(turn.state.configuration)
        parameters = configuration.for_cohort(cohort, turn.local_noise_over_clip)
        self._pay(turn, federation)
        words = encode_contribution(
            Contribution.of(turn.state), configuration, parameters, self._secrets(turn.request, "reveal")
        )
        return words.astype("<u4", copy=False).tobytes()

    def phase(self, name: str, ch: bytes, parts: Sequence[bytes]) -> bytes:
        """Answer a later phase of the secure sum: share, mask, agree or unmask.

        Args:
            name: of the phase: "share", "mask", "agree" or "unmask".
            ch: hash of the configuration of the round that is meant.
            parts: the message, in the order of the arguments of `SecAggClient`'s methods.

        Raises:
            Refused: out of turn, too late, of another round, or the budget is spent, or the policy says no by now.
            Corrupt: the message is not what it must be. The round is then lost for this device.
        """
        turn = self._session.take(name, ch, self._now_seconds())
        federation = self._installed(turn.request).release.federation
        self._ask_policy(federation, RoundConfiguration.decode(turn.state.configuration), turn.request)
        role = self._role(turn.request, name, turn.local_noise_over_clip)
        following: RoleState
        match name, turn.state, parts:
            case "share", Joined() as joined, (roster,):
                answer, following = role.share(joined, roster)
            case "mask", Shared() as shared, (u1, inbox):
                answer, following = role.mask(
                    shared,
                    u1,
                    inbox,
                    charge=lambda: self._pay(turn, federation),
                )
            case "agree", Masked() as masked, (u2, signatures):
                answer, following = role.agree(masked, u2, signatures)
            case "unmask", Agreed() as agreed, (agreements,):
                return role.unmask(agreed, agreements)
            case _:
                raise Corrupt(f"{name}: expected the parts of this phase, got {len(parts)}")
        until = self._now_seconds() + federation.sum.phase_seconds
        self._session.put(RoundCheckpoint(turn.request, turn.local_noise_over_clip, until, following))
        return answer

    def _pay(self, turn: RoundCheckpoint, federation: FederationFile) -> None:
        task, number = turn.request.task, turn.request.number
        configuration = RoundConfiguration.decode(turn.state.configuration)
        self._budget.charge_round(federation, task, charges_of(federation, task, configuration), number)

    def _role(self, request: RoundRequest, phase: str, local_noise_over_clip: float) -> SecAggClient:
        return SecAggClient(
            self._member,
            self._secrets(request, phase),
            self._now_seconds,
            local_noise_over_clip,
            same_work=not self._simulated,
        )

    def _secrets(self, request: RoundRequest, phase: str) -> RandomBytes:
        """Chance of one phase; `mask` and `reveal` make the same words of the same chance."""
        purpose = "words" if phase in ("mask", "reveal") else phase
        return self._randomness(request.number).bytes(f"{request.task} {purpose}")

    def _terms(
        self, request: RoundRequest, installed: LoadedRelease, vector: Vector | None, clip_norm: float
    ) -> RoundParameters:
        subject = round_binding(
            request.task,
            request.federation,
            request.release,
            request.number,
            request.groups,
            b"" if vector is None else vector.tobytes(),
        )
        dimension, federation = summand_length(request, installed), installed.release.federation
        return derive_round_parameters(
            federation, request.task, request.number, dimension, subject, self._member.registry, clip_norm
        )

    def _ask_policy(self, federation: FederationFile, configuration: RoundConfiguration, request: RoundRequest) -> None:
        """Hold a round against the person's policy as it is at this moment."""
        if self._policy is not None:
            reading(self._policy).check_round(federation, configuration, request.task)

    def _check_mode(self, federation: FederationFile, mode: str) -> None:
        """A sum goes out as the federation file says, and open ones in simulations only."""
        unmasked = self._simulated and (federation.sum.mode, mode) == ("secure", "ideal")
        if federation.sum.mode != mode and not unmasked:
            raise Refused(
                f"policy: expected the {federation.sum.mode} sum of the federation file, got the {mode} one",
                code="sum-mode",
            )
        if mode != "secure" and not self._simulated:
            raise Refused(
                f"policy: a person's device takes part in secure sums only, not in {mode} ones", code="sum-mode"
            )

    def _installed(self, request: RoundRequest) -> LoadedRelease:
        installed = self._find_release(request.release)
        held = federation_digest(installed)
        if request.federation != held:
            raise Misconfigured(
                f"round {request.number}: expected federation {held[:12]}, got {request.federation[:12]}"
            )
        return installed
