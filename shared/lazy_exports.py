"""Lets a folder's face name what it offers without importing it: each name is fetched when first asked for.

A device must rank without Flower, Opacus or PEFT; a face that imported all it names would bring them in. Nothing but a
folder's `__init__.py` uses this.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_exports(
    package: str, offered: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: the face's `__name__`.
        offered: names by the module that defines them.
    """
    home = {name: module for module, names in offered.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home[name]), name)
        setattr(sys.modules[package], name, value)  # asked for once only
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return __getattr__, __dir__
