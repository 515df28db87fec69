"""A device's role in the private sum FEDREC-SA/1: what it answers in each phase, and what it keeps between them."""

from client.summand.role import Membership, Summand
from client.summand.state import (
    Agreed,
    Contribution,
    Joined,
    Masked,
    Prepared,
    RoleState,
    Shared,
    Value,
    state_from,
    state_to,
)
from client.summand.words import noised_words

__all__ = [
    "Agreed", "Contribution", "Joined", "Masked", "Membership", "Prepared", "RoleState", "Shared", "Summand",
    "Value", "noised_words", "state_from", "state_to",
]  # fmt: skip
