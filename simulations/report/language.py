"""The words of a report in each language, from one file beside its templates: what is the same in all is not there."""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from simulations.options import Language

_SEPARATORS = {"en": ", ", "zh": "、"}


def language_of(spec: str) -> Language:
    """The language of a data set that says which it is in."""
    return "zh" if spec.startswith("demo-zh") or spec.endswith("language=zh") else "en"


class Words:
    """The sentences of one language, by key.

    Example:
        >>> words = Words("en")
        >>> words("interval", low="0.1", high="0.2")
        '0.1 to 0.2'
        >>> words.listed(["a", "b"])
        'a, b'
    """

    def __init__(self, language: Language) -> None:
        """Read them."""
        self.language = language
        self._sentences = _sentences()[language]

    def __repr__(self) -> str:
        return f"Words({self.language})"

    def __call__(self, key: str, **figures: object) -> str:
        """The sentence of a key, with figures in their places."""
        return self._sentences[key].format(**figures)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def named(self, kind: str, name: str) -> str:
        """What something is called; names that nobody translated stand as they are."""
        key = f"{kind}_{name}".replace(" ", "_").replace("-", "_")
        return self(key) if key in self else name

    def listed(self, parts: Sequence[str]) -> str:
        """Several things, one after the other."""
        return _SEPARATORS[self.language].join(parts)


@lru_cache
def _sentences() -> dict[str, dict[str, str]]:
    text = resources.files("simulations.report").joinpath("templates", "words.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found
