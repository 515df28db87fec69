"""One thing that is wrong with a server's folder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and how to mend it.

    Attributes:
        what: a file or folder, from the server's folder, or a key of a file.
        expected: what should be there.
        got: what is.
        fix: what to do about it.
    """

    what: str
    expected: str
    got: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}; {self.fix}"
