"""What a run may name (promises, ways of adding, engines, baselines, languages, ...), and the forms of an export."""

from typing import Literal

Privacy = Literal["none", "event", "user", "both"]
Aggregation = Literal["checked", "secure", "ideal", "plain"]
Engine = Literal["local", "ray"]
AcceleratorName = Literal["auto", "cpu", "cuda", "mps"]
Which = Literal["fast", "all", "none"]
DataForm = Literal["events", "columns", "recbole"]
ReleaseForm = Literal["peft", "sentence-transformers"]
Language = Literal["en", "zh"]

DEFAULT_DATA = "demo?people=1000"  # of a run: enough people to teach a small model, and masked in a minute
QUICK_DATA = "demo?people=200"  # of a first look: too few to learn much from, through all the same steps
