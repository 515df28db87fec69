"""Secure aggregation FEDREC-SA/1: keys, shares, masks, the neighbour graph and the messages, without the parties.

FEDREC-SA-1.md in this folder is the text of the protocol.
"""

from shared.secure_sum.agreement import (
    commitment,
    mask_secret,
    pair_key,
    public_key,
    self_key,
    share_key,
    shared_secret,
    shared_secrets,
)
from shared.secure_sum.configuration import RHO_UNIT, RoundConfiguration, SumParameters
from shared.secure_sum.degrees import LARGEST_COHORT, PPM, Degrees, graph_degrees
from shared.secure_sum.envelopes import open_envelope, seal
from shared.secure_sum.hashing import LABEL, derive, device_id, digest
from shared.secure_sum.identity import Certificate, Identity, issue_certificate, verify_certificate, verify_signature
from shared.secure_sum.masks import Words, add_mask, mask_words
from shared.secure_sum.messages import (
    Agreements,
    Inbox,
    MaskedVector,
    ShareKind,
    ShareMessage,
    UnmaskShare,
    UnmaskShares,
    agree_statement,
    decode_bitmap,
    encode_bitmap,
    mask_statement,
)
from shared.secure_sum.reed_solomon import PRIME
from shared.secure_sum.ring import Ring, ring_of
from shared.secure_sum.roster import (
    Advert,
    Roster,
    places_of,
    read_roster,
    session_of,
    signers_of,
    verify_roster,
)
from shared.secure_sum.shamir import RandomBytes, draw_element, recover, recover_checked, split_secret

__all__ = [
    "LABEL", "LARGEST_COHORT", "PPM", "PRIME", "RHO_UNIT", "Advert", "Agreements", "Certificate", "Degrees", "Identity",
    "Inbox", "MaskedVector", "RandomBytes", "Ring", "Roster", "RoundConfiguration", "ShareKind", "ShareMessage",
    "SumParameters", "UnmaskShare", "UnmaskShares", "Words", "add_mask", "agree_statement", "commitment",
    "decode_bitmap", "derive", "device_id", "digest", "draw_element", "encode_bitmap", "graph_degrees",
    "issue_certificate", "mask_secret", "mask_statement", "mask_words", "open_envelope", "pair_key", "places_of",
    "public_key", "read_roster", "recover", "recover_checked", "ring_of", "seal", "self_key", "session_of",
    "share_key", "shared_secret", "shared_secrets", "signers_of", "split_secret", "verify_certificate",
    "verify_roster", "verify_signature",
]  # fmt: skip
