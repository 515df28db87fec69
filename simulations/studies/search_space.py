"""What a sweep may change: keys of the federation file, each with the values it may take."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.errors import Misconfigured

if TYPE_CHECKING:
    from optuna import Trial

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(,log)?")

# What someone who knows the field would try first, by key of the federation file.
DEFAULT_SPACE: Mapping[str, str] = MappingProxyType(
    {
        "optimizer.learning_rate": "0.003..0.1,log",
        "windows.per_device": "1..4",
        "windows.negatives": "32|64|128",
        "model.dense_scale": "2.0..8.0,log",
    }
)


@dataclass(frozen=True, slots=True)
class Dimension:
    """Values of one key.

    Attributes:
        key: of the federation file, such as "optimizer.learning_rate".
        choices: values as they are written with --set; empty for a range.
        low, high: ends of a range, both included.
        whole: whether a range holds whole numbers only.
        log: whether a range is searched evenly in its logarithm.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False

    @classmethod
    def parse(cls, text: str) -> "Dimension":
        """Read KEY=LOW..HIGH, KEY=LOW..HIGH,log or KEY=A|B|C.

        Raises:
            Misconfigured: it is none of these.

        Example:
            >>> Dimension.parse("training.rounds=8..80,log").whole
            True
            >>> Dimension.parse("windows.negatives=32|64").choices
            ('32', '64')
        """
        key, equals, values = text.partition("=")
        wrong = Misconfigured(
            f"--tune {text}: expected KEY=LOW..HIGH, KEY=LOW..HIGH,log or KEY=A|B|C, such as "
            "optimizer.learning_rate=0.003..0.1,log; got something else"
        )
        if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", key):
            raise wrong
        found = _RANGE.fullmatch(values)
        if found is None:
            choices = tuple(values.split("|"))
            if len(choices) < 2 or not all(choices) or len(set(choices)) < len(choices):
                raise wrong
            return cls(key, choices)
        low, high, log = float(found[1]), float(found[2]), found[3] is not None
        if not low < high or (log and low <= 0):
            raise Misconfigured(f"--tune {text}: expected LOW below HIGH (above 0 for log), got {low:g} and {high:g}")
        return cls(key, (), low, high, all(re.fullmatch(r"[+-]?\d+", end) for end in (found[1], found[2])), log)

    def setting(self, trial: "Trial") -> str:
        """What a trial takes, as `--set` takes it: KEY=VALUE."""
        if self.choices:
            return f"{self.key}={trial.suggest_categorical(self.key, self.choices)}"
        if self.whole:
            return f"{self.key}={trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)}"
        return f"{self.key}={trial.suggest_float(self.key, self.low, self.high, log=self.log)!r}"


def read_space(tune: Sequence[str]) -> list[Dimension]:
    """The dimensions of a sweep; those of `DEFAULT_SPACE` where nothing is said.

    Raises:
        Misconfigured: one cannot be read, or a key stands twice.
    """
    dimensions = [Dimension.parse(text) for text in tune or [f"{key}={text}" for key, text in DEFAULT_SPACE.items()]]
    keys = [dimension.key for dimension in dimensions]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise Misconfigured(f"--tune: expected each key once, got {', '.join(twice)} more often")
    return dimensions
