"""How a device joins: the invitation says whom to trust, the promise is shown before a yes, and then keys are pinned.

Nothing is kept when the person says no or anything fails, and only a device's two public keys and the code ever leave.
"""

from collections.abc import Callable
from dataclasses import dataclass

from client.gateway import GatewayClient
from client.home import Home
from client.ledger_check import answers_in
from client.membership import Membership, parse_terms
from client.policy import Policy, pin
from client.wall_clock import WallClock, latest_seconds
from shared.charges import adds_local_noise, epsilon_alone, user_charge
from shared.enrolment import (
    Invitation,
    JoinAnswer,
    JoinRequest,
    Offer,
    OfferRequest,
    SignedAuthority,
    SignedOffer,
    fingerprint,
    fingerprint_text,
)
from shared.errors import Misconfigured, Refused
from shared.federation import FederationFile
from shared.files import write_atomically
from shared.privacy import ReadLedger, composed_epsilon, epsilon_text, people_share, read_ledger
from shared.secure_sum import Certificate, verify_certificate
from shared.tasks import TASK_ROWS, Task

_LEAST_TOLD = 1e-4


@dataclass(frozen=True, slots=True, repr=False)
class PendingEnrolment:
    """What a server offers, before anybody said yes. It holds the invitation's code, so it does not print.

    Attributes:
        lines: in plain words, for the person.
        offer: signed by the operator.
        invitation: that it came by.
        authority: PEM, signed by the operator.
    """

    lines: tuple[str, ...]
    offer: Offer
    invitation: Invitation
    authority: str

    def __repr__(self) -> str:
        return f"PendingEnrolment({self.offer.server} at {self.invitation.url})"


def prepare(home: Home, invitation: str, now_seconds: Callable[[], float] | None = None) -> PendingEnrolment:
    """Fetch the offer that an invitation leads to, and hold it against the device's policy. Nothing is written.

    Raises:
        Corrupt: no invitation; or the server is not the one it names, or the offer is not its operator's.
        Refused: the invitation has expired or was used, or the policy forbids what is offered.
        Misconfigured: this device has joined already or has left for good, or this version cannot read the offer.
        NotYet: the server cannot be reached.
    """
    invited = Invitation.decode(invitation)
    if home.membership.exists():
        raise Misconfigured(
            f"{home.directory}: expected a device that has joined nothing, this one has; a device has one federation, "
            "and what it spent there stays spent"
        )
    if home.left.exists():
        raise Misconfigured(
            f"{home.left}: expected a device that has joined nothing, this one has left a federation for good; make a "
            "new device, for another or for the same one"
        )
    policy = home.policy()
    if (latest_seconds(home.clock) if now_seconds is None else now_seconds()) >= invited.expires_seconds:
        raise Refused(
            "invitation: it has expired, or its end is missing; copy it whole, or ask the operator for another",
            code="invitation-expired",
        )
    authority, operator = _authority(invited)
    with GatewayClient(invited.url, authority) as gateway:
        asked = OfferRequest(code=invited.code).encode()
        answer = _invited(lambda: gateway.post("/v1/join/offer", asked, SignedOffer.largest_bytes))
    offer = SignedOffer.decode(answer).verify(operator)
    federation = parse_terms(offer.federation)
    policy.check_offer(offer.operator, offer.registry)
    policy.check_federation(federation)
    return PendingEnrolment(_in_words(offer, federation, policy), offer, invited, authority)


def enroll(home: Home, promise: PendingEnrolment, now_seconds: Callable[[], float] | None = None) -> Membership:
    """Ask for a certificate and pin what was promised: in policy.toml the keys and digests, in membership.json all.

    Raises:
        Corrupt: the certificate is not the registry's word for this device.
        Refused, Misconfigured, NotYet: as `prepare`. Nothing was kept then, and the same invitation can be tried again.
    """
    offer, identity = promise.offer, home.keys.identity()
    request = JoinRequest.make(promise.invitation.code, identity, home.keys.node_key())
    with GatewayClient(promise.invitation.url, promise.authority) as gateway:
        answer = _invited(lambda: gateway.post("/v1/join", request.encode(), JoinAnswer.largest_bytes))
    certificate = Certificate.decode(JoinAnswer.decode(answer).certificate)
    now = (now_seconds or WallClock(home.clock))()
    verify_certificate(offer.registry, identity.public_key, certificate, int(now))
    federation = parse_terms(offer.federation)
    membership = Membership(
        url=promise.invitation.url,
        server=offer.server,
        authority=promise.authority,
        operator=offer.operator.hex(),
        registry=offer.registry.hex(),
        device=identity.device.hex(),
        certificate=certificate.encode().hex(),
        certificate_days=offer.certificate_days,
        federation=federation.name,
        terms=offer.federation,
        answers_before=dict(answers_in(read_ledger(home.ledger) or ReadLedger())),
    )
    before = home.policy_path.read_bytes()
    pin(
        home.policy_path,
        operator=offer.operator,
        registry=offer.registry,
        model_sha256=federation.backbone.model_sha256,
        tokenizer_sha256=federation.backbone.tokenizer_sha256,
    )
    try:
        membership.save(home.membership)
    except BaseException:
        write_atomically(home.policy_path, before)
        raise
    return membership


def _authority(invitation: Invitation) -> tuple[str, bytes]:
    """The authority that the invited operator vouches for, and their public key.

    Whoever answers is a stranger until the fingerprint, which came by another way, and the signature hold.
    """
    with GatewayClient(invitation.url, authority=None) as stranger:
        signed = SignedAuthority.decode(stranger.get("/v1/authority", SignedAuthority.largest_bytes))
    signed.verify(invitation.operator)
    return signed.authority, signed.operator


def _invited(ask: Callable[[], bytes]) -> bytes:
    try:
        return ask()
    except Refused:
        raise Refused(
            "invitation: the server does not accept it: unknown, expired or used; ask for another",
            code="invitation-unknown",
        ) from None


def _in_words(offer: Offer, federation: FederationFile, policy: Policy) -> tuple[str, ...]:
    """What a person should know before saying yes."""
    privacy = federation.privacy
    span = privacy.span.replace("a device's", "this device's")
    leaves = [
        f"  {task}: {TASK_ROWS[task].sends}; {_times(privacy.most_answers(task))} in {span}, "
        f"epsilon {_epsilon_each(federation, task):.3g} each time"
        for task in privacy.tasks
        if task in policy.tasks
    ]
    window = f"for every {federation.windows.events} events in a row: epsilon"
    event = [f"  Besides, {window} {privacy.event_epsilon:g} at delta {privacy.event_delta:g}, against the same."]
    if adds_local_noise(federation):
        event.append(
            f"  And {window} {privacy.local_epsilon:g} from this device's own noise, should the sum be broken."
        )
    return (
        f"Server: {offer.server}; federation: {federation.name}",
        f"Fingerprint of the operator's key: {fingerprint_text(fingerprint(offer.operator))}",
        "",
        "What leaves this device, as one masked vector in a sum of many people's:",
        *(leaves or ["  nothing: your policy allows none of its tasks"]),
        f"  A sum is opened for {federation.round.minimum_answers} people or more, else not at all.",
        "",
        "What is promised:",
        f"  For everything you ever did here: epsilon {privacy.user_epsilon:g} at delta {privacy.user_delta:g} "
        "over this device's whole life.",
        "  Against everybody who reads a model or a sum, and a server that colludes with at most "
        f"{100 * federation.sum.corrupt_share:g} % of a round's devices.",
        "  That share is the operator's word, and no more than "
        f"{_percent(people_share(federation.round.minimum_answers, federation.sum.corrupt_share))} of all people, if "
        f"{federation.round.minimum_answers} are drawn at random. Were everybody else in a sum in league with the "
        f"server, it would be epsilon {epsilon_text(epsilon_alone(federation) or 0.0)}.",
        *(event if privacy.event else ()),
        *(_period_in_words(federation) if privacy.period_days else ()),
        "  When that is spent, the device sends no more, and goes on recommending.",
        "  It holds for what this one device sends. With two devices of yours, or a new one in the place of this one,",
        "  both together may tell of you what both promises add up to: twice as much.",
        "  Do not copy this device's folder to a second place: one of the two is refused as soon as the server tells.",
        "",
        "What never leaves: your events and texts, interests, what is shown to you and what you choose.",
        "What the server sees: that this device takes part, when, and its network address.",
        "",
        f"The certificate holds {offer.certificate_days} days and is renewed by itself. policy.toml can forbid more.",
    )


def _period_in_words(federation: FederationFile) -> list[str]:
    privacy = federation.privacy
    lines = [
        f"  Within this, for all that leaves in any {privacy.period_days} days in a row, by this device's clock:",
        f"  epsilon {privacy.period_user_epsilon:g} for everything you ever did.",
    ]
    if privacy.level == "both":
        lines.append(
            f"  And epsilon {privacy.period_event_epsilon:g} for every {federation.windows.events} events in a row."
        )
    lines.append("  When that much is spent, the device waits until its older answers lie further back.")
    return lines


def _times(most: int) -> str:
    return "once" if most == 1 else f"at most {most} times"


def _percent(share: float) -> str:
    """A share; the least of them are told as a bound, since 0 % would say that there is none."""
    return f"{100 * share:.2g} %" if share >= _LEAST_TOLD else f"{100 * _LEAST_TOLD:g} %"


def _epsilon_each(federation: FederationFile, task: Task) -> float:
    charge = user_charge(federation, task)
    return 0.0 if charge is None else composed_epsilon({charge: 1}, federation.privacy.user_delta)
