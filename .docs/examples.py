"""What stands under "Example:" in a docstring is code, and is shown as such."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^(?P<indent> *)Example:\n(?P<code>(?:(?P=indent) {4}.*(?:\n|\Z)|[ ]*\n)+)", re.MULTILINE)


class Examples(Extension):
    """Puts a fence around examples before docstrings are parsed; as text, their brackets would be taken for links."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the example of one object."""
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    indent, code = example["indent"] + "    ", example["code"].rstrip()
    language = "pycon" if code.lstrip().startswith(">>>") else "python"
    return f"{example['indent']}Example:\n{indent}```{language}\n{code}\n{indent}```\n\n"
