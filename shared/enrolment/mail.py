"""What the gateway tells a device that waits for messages: whether to ask for one now, and what else is new."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.enrolment.wire import Message

Count = Annotated[int, Field(ge=0, lt=2**53)]


class MailAnswer(Message):
    """The answer to `GET /v1/mail`. It is a hint: what it says wrongly costs time, and nothing else.

    Attributes:
        mail: whether the SuperLink may have a message for this device.
        present: whether this device counts as present without heartbeats of its own while it waits.
        publications: how many there are in the chain of releases.
        revocations: sequence of the list of revoked devices.
    """

    noun: ClassVar[str] = "mail answer"
    largest_bytes: ClassVar[int] = 1024

    mail: bool
    present: bool
    publications: Count
    revocations: Count
