"""How a device joins a server and is known to it afterwards: invitation, offer, join request, revocations, receipts."""

from shared.enrolment.authority import SignedAuthority, sign_authority
from shared.enrolment.invitation import CODE_BYTES, Invitation, fingerprint, fingerprint_text
from shared.enrolment.joining import JoinAnswer, JoinRequest, OfferRequest, RejoinRequest
from shared.enrolment.mail import MailAnswer
from shared.enrolment.offer import Offer, SignedOffer, sign_offer
from shared.enrolment.receipt import Receipt, sign_receipt
from shared.enrolment.requests import SignedRequest, authorization, parse_authorization
from shared.enrolment.revocations import Revocations, sign_revocations

__all__ = [
    "CODE_BYTES",
    "Invitation",
    "JoinAnswer",
    "JoinRequest",
    "MailAnswer",
    "Offer",
    "OfferRequest",
    "Receipt",
    "RejoinRequest",
    "Revocations",
    "SignedAuthority",
    "SignedOffer",
    "SignedRequest",
    "authorization",
    "fingerprint",
    "fingerprint_text",
    "parse_authorization",
    "sign_authority",
    "sign_offer",
    "sign_receipt",
    "sign_revocations",
]
