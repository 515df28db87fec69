"""How many answers of a device a server has had, under the operator's signature: a ledger must hold as many."""

from typing import Annotated, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from shared.enrolment.wire import Device, Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import verify_signature
from shared.tasks import TASKS, Task

Whole = Annotated[int, Field(ge=0, lt=2**53)]


class Receipt(Message):
    """What a server has had of one device.

    Attributes:
        device: id, 16 bytes.
        answers: of each task the number of answers that entered a sum, and the last round of them; a task that was
            never answered is left out.
        seconds: when it was signed, since 1970 UTC; nothing is made of it.
        signature: of the operator, 64 bytes.
    """

    noun: ClassVar[str] = "receipt"
    largest_bytes: ClassVar[int] = 1024

    device: Device
    answers: dict[Task, tuple[Annotated[int, Field(ge=1, lt=2**53)], Whole]]
    seconds: Whole
    signature: Signature

    @property
    def total(self) -> int:
        """Answers of all tasks."""
        return sum(count for count, _ in self.answers.values())

    def verify(self, operator_public_key: bytes, device: bytes) -> None:
        """Check that the operator signed this, and that it is about this device (id of 16 bytes).

        Raises:
            Corrupt: another operator, or another device.
        """
        signed = _signed(self.device, self.answers, self.seconds)
        if self.device != device or not verify_signature(operator_public_key, self.signature, signed):
            raise Corrupt("receipt: expected the operator's word on this device, got another; nothing is answered")


def sign_receipt(
    operator_key: Ed25519PrivateKey, device: bytes, answers: dict[Task, tuple[int, int]], now_seconds: float
) -> Receipt:
    """The receipt of a device (id of 16 bytes); see `Receipt`."""
    seconds = int(now_seconds)
    signature = operator_key.sign(_signed(device, answers, seconds))
    return Receipt(device=device, answers=answers, seconds=seconds, signature=signature)


def _signed(device: bytes, answers: dict[Task, tuple[int, int]], seconds: int) -> bytes:
    parts = [device, seconds.to_bytes(8, "little")]
    for task in TASKS:
        if task in answers:
            count, last = answers[task]
            parts += [task.encode("ascii"), count.to_bytes(8, "little"), last.to_bytes(8, "little")]
    return statement("receipt", *parts)
