"""A device's side of secure aggregation (FEDREC-SA/1): role, encoded update, state kept between phases."""

from client.secagg.encode import noised_words
from client.secagg.role import Membership, Summand
from client.secagg.round_state import RoundRequest, Session, Turn
from client.secagg.state import (
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

__all__ = [
    "Agreed", "Contribution", "Joined", "Masked", "Membership", "Prepared", "RoleState", "RoundRequest", "Session",
    "Shared", "Summand", "Turn", "Value", "noised_words", "state_from", "state_to",
]  # fmt: skip
