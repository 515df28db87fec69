"""The promises, the ways of adding, the engines and the sets of baselines that a run may name."""

from typing import Literal

Privacy = Literal["none", "event", "user", "both"]
Aggregation = Literal["checked", "secure", "ideal", "plain"]
Engine = Literal["local", "ray"]
Which = Literal["fast", "all", "none"]
