"""Terms that the operator offers in place of those that were agreed to: kept until the person has accepted them.

An offer is written down only once the operator's signature and the digest of its release have been checked. Nothing
here opens the log: whether terms are accepted is the person's word, or that of their policy file.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client.home import Home
from client.membership import Membership, parse_terms
from client.policy import Policy
from shared.amendment import TermChange, changes_to_accept, check_amendable
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.federation import FederationFile, write_toml
from shared.files import read_bounded, write_atomically

_LARGEST_BYTES = 131_072


class OfferedTerms(BaseModel):
    """terms-offered.json.

    Attributes:
        sequence: number of the publication that came with them.
        terms: the federation file, TOML.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    sequence: Annotated[int, Field(ge=1)]
    terms: Annotated[str, Field(min_length=1, max_length=65_536)]

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read the file; None where nothing is offered.

        Raises:
            Corrupt: the file is something else.
        """
        try:
            return cls.model_validate_json(read_bounded(path, _LARGEST_BYTES))
        except FileNotFoundError:
            return None
        except (ValidationError, ValueError):
            raise Corrupt(
                f"{path}: expected terms that a server offers, got something else; remove the file: it comes back with "
                "the next look at the server"
            ) from None


def settle_terms(home: Home, policy: Policy, federation: FederationFile, sequence: int) -> tuple[TermChange, ...]:
    """See that a release may come under these terms; other ones are accepted by the policy, or kept for the person.

    Args:
        home: folder of the device.
        policy: the person's.
        federation: the terms of the release, as its operator has signed them.
        sequence: number of the publication.

    Returns:
        The changes that the policy has accepted just now.

    Raises:
        Refused: the policy forbids them; they are others than were agreed to, and nobody has accepted them; or a
            federation cannot go on under them.
    """
    membership = Membership.load(home.membership)  # as it is now: the person may have accepted other terms since
    changes = changes_to_accept(membership.agreed(), federation)
    if changes:
        home.offered_terms.unlink(missing_ok=True)  # an earlier offer is none any more
        _check_amendable(membership, federation)
        if not policy.accept_changed_terms:
            offer = OfferedTerms(sequence=sequence, terms=write_toml(federation))
            write_atomically(home.offered_terms, offer.model_dump_json().encode())
            membership.check_terms(federation)
    policy.check_federation(federation)
    if changes:
        Membership.change(home.membership, terms=write_toml(federation))
    home.offered_terms.unlink(missing_ok=True)
    return changes


def offered_changes(home: Home) -> tuple[TermChange, ...]:
    """What the offered terms would change of those that were agreed to; nothing where none are offered.

    Raises:
        Misconfigured: the device has joined nothing.
        Corrupt: a file is not what it must be.
    """
    offer = OfferedTerms.load(home.offered_terms)
    if offer is None:
        return ()
    return changes_to_accept(Membership.load(home.membership).agreed(), parse_terms(offer.terms))


def accept_offered_terms(home: Home, expected: tuple[TermChange, ...]) -> Membership:
    """The person's yes to the offered terms; the device then takes the releases that come under them.

    Args:
        home: folder of the device.
        expected: the changes that the person has read.

    Raises:
        NotYet: nothing is offered, or other terms than the person has read.
        Refused: the policy forbids them, or a federation cannot go on under them.
    """
    offer, membership = OfferedTerms.load(home.offered_terms), Membership.load(home.membership)
    federation = None if offer is None else parse_terms(offer.terms)
    if offer is None or federation is None or changes_to_accept(membership.agreed(), federation) != expected:
        raise NotYet("terms: expected those that were shown to be on offer still, got others; look at them again")
    home.policy().check_federation(federation)
    _check_amendable(membership, federation)
    membership = Membership.change(home.membership, terms=offer.terms)
    home.offered_terms.unlink(missing_ok=True)
    return membership


def _check_amendable(membership: Membership, federation: FederationFile) -> None:
    try:
        check_amendable(membership.agreed(), federation)
    except Misconfigured as reason:
        raise Refused(f"terms: {reason}", code="terms-changed") from None
