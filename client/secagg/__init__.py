"""A device's side of secure aggregation (FEDREC-SA/1): role, encoded update, state kept between phases."""

from client.secagg.encode import encode_contribution, encode_rows
from client.secagg.role import Credentials, SecAggClient
from client.secagg.round_state import RoundCheckpoint, RoundRequest, RoundState
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
    "Agreed",
    "Contribution",
    "Credentials",
    "Joined",
    "Masked",
    "Prepared",
    "RoleState",
    "RoundCheckpoint",
    "RoundRequest",
    "RoundState",
    "SecAggClient",
    "Shared",
    "Value",
    "encode_contribution",
    "encode_rows",
    "state_from",
    "state_to",
]  # fmt: skip
