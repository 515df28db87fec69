"""The promises and the ways of adding that a run may name."""

from typing import Literal

Privacy = Literal["none", "event", "user", "both"]
Aggregation = Literal["secure", "ideal", "plain"]
