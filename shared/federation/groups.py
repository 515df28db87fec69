"""The table of parameter groups: what is trained, clipped and stepped together. A new group is one row here.

Shares of the clipping norm and rates of the server's step stand in the federation file, by the group's name, as its
digest is what devices and the server agree on; both are 1 for a group that the file does not name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """A row.

    Attributes:
        name: in the federation file, in layouts of vectors, and in JSON.
        parameters: names of the model's parameters that belong to it; a name that ends in a dot stands for all below
            it.
        view: the view without which the group does not exist; of any when empty.
        exists: whether a `FederationFile` asks for it beyond its views.
    """

    name: str
    parameters: tuple[str, ...]
    view: str = ""
    exists: Callable[[Any], bool] | None = None


PARAMETER_GROUPS = (
    ParameterGroup("dense", ("dense.change.weight",), view="dense"),
    ParameterGroup("concepts", ("concepts.weight",), view="concepts"),
    ParameterGroup("transitions", ("transitions.weight",), view="concepts"),
    ParameterGroup("forgetting", ("forgetting.gamma",)),
    ParameterGroup("evolution", ("evolution.",), exists=lambda file: file.interest.evolution != "forgetting"),
    ParameterGroup("gates", ("gates.levels",), exists=lambda file: bool(file.model.blocks)),
    ParameterGroup("context", ("context.weight",), view="concepts", exists=lambda file: file.interest.context),
    ParameterGroup("bias", ("bias.weight",)),
    ParameterGroup("scales", ("scales.levels",)),
    ParameterGroup("adapters", ("adapters.",)),
)
GROUPS = tuple(group.name for group in PARAMETER_GROUPS)  # in canonical order
# Those of the heads that no further key has to ask for.
PLAIN_HEAD_GROUPS = tuple(group.name for group in PARAMETER_GROUPS if group.exists is None and group.name != "adapters")


def group_of_parameter(name: str) -> str:
    """The group of a parameter.

    Raises:
        KeyError: no row names it.
    """
    for group in PARAMETER_GROUPS:
        for known in group.parameters:
            if name == known or (known.endswith(".") and name.startswith(known)):
                return group.name
    raise KeyError(name)


def _known(name: str) -> str:
    if name not in GROUPS:
        raise ValueError(f"expected one of {', '.join(GROUPS)}, got {name!r}")
    return name


Group = Annotated[str, AfterValidator(_known)]
