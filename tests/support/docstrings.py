"""Runs the examples of one docstring, with what they take for given."""

import doctest
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any


def run_examples(documented: Callable[..., Any], given: Mapping[str, Any]) -> int:
    """How many examples stand in the docstring; each is run and must give what it says.

    Args:
        documented: a class or a function; the names of its module are known to its examples.
        given: what else is known to them.
    """
    module = sys.modules[documented.__module__]
    text = inspect.getdoc(documented) or ""
    names = dict(vars(module)) | dict(given)
    test = doctest.DocTestParser().get_doctest(text, names, documented.__qualname__, module.__file__, 0)
    complaints: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=complaints.append)
    assert not complaints, "\n".join(complaints)
    assert not any(doctest.SKIP in example.options for example in test.examples)
    return len(test.examples)
