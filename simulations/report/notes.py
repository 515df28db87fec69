"""Sentences that a reader needs to judge the figures, kept so that they can be said in each language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulations.report.language import Words


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence; as text it is English.

    Attributes:
        key: of the sentence, among the words of a report that begin with `note_`.
        figures: that stand in it.

    Example:
        >>> str(Note("skipped", {"rounds": 3}))
        '3 rounds were skipped because too few devices answered.'
        >>> Note.told("The catalogue has two films of one name.").key
        'told'
    """

    key: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def told(cls, sentence: str) -> "Note":
        """A sentence that is there in English alone."""
        return cls("told", {"sentence": sentence})

    def __str__(self) -> str:
        return self.said(Words("en"))

    def said(self, words: Words) -> str:
        """The sentence in a language."""
        return words(f"note_{self.key}", **self.figures)
