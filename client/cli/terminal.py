"""Between a command and its terminal: questions, checks of options, errors as messages and exit statuses."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from client.facade import EventRecord
from shared.arrays import JsonObject
from shared.cli import print_json
from shared.errors import Misconfigured, Refused

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

R = TypeVar("R", bound=BaseModel)

_EVENTS_AT_ONCE = 200
_BYTES_AT_ONCE = 2**19


def ask(question: str, yes: bool, otherwise: str) -> None:
    """Go on after a yes, given beforehand or now.

    Raises:
        Refused: the answer is no; `otherwise` says what did not happen.
        Misconfigured: nobody is there to answer.
    """
    if yes:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise Misconfigured(
            "expected yes or no on standard input, got its end; add --yes to answer beforehand"
        ) from None
    if not agreed:
        raise Refused(f"you said no: {otherwise}", code="person-declined")


def checked(record: type[R], fields: dict[str, Any]) -> R:
    """Options as a record.

    Raises:
        Misconfigured: naming those that are out of bounds.
    """
    try:
        return record.model_validate(fields)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'event'}: {one['msg']}" for one in error.errors()]
        raise Misconfigured("; ".join(wrong)) from None


def circumstance(pair: str) -> tuple[str, str]:
    """NAME:WORD as a pair.

    Raises:
        Misconfigured: it is of another form.
    """
    name, colon, word = pair.partition(":")
    if not (name and colon and word):
        raise Misconfigured("--context: expected NAME:WORD such as hour:08, got another form")
    return name, word


def parts(records: list[EventRecord]) -> Iterator[list[EventRecord]]:
    """Batches that are small enough for one call."""
    part: list[EventRecord] = []
    size = 0
    for record in records:
        weight = len(record.model_dump_json())
        if part and (len(part) == _EVENTS_AT_ONCE or size + weight > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(record)
        size += weight
    yield part


def show(answer: JsonObject, table: Callable[[JsonObject], None], as_json: bool) -> None:
    """An answer as one JSON object, or as a table."""
    if as_json:
        return print_json(answer)
    table(answer)
