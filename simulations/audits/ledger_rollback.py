"""The ledger against its being put back: deleted, cut, an older copy of it or of the whole folder, a second folder.

* Claim: a ledger that is deleted, cut, put back or doubled gives no budget again.
* Adversary: whoever copies files of a device, the person among them; a backup or a virtual machine that goes back.
* Unit: one answer of one device.
* Method: a real device's folder on this machine, spent to the end of its budget; each attack then tries for further
  answers, and once more after the device was mended. There is no network: the server is a count that is signed.
* Bar: no further answer.
* Control: the same device without the comparison of ledger, heads and receipts.
* Paper: Parno et al. 2011, [Memoir: Practical State Continuity for Protected Modules](https://doi.org/10.1109/SP.2011.38),
  for what it takes to notice that state goes back.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import (
    BudgetGuard,
    FileRecord,
    Home,
    KeyringHead,
    Membership,
    Receipts,
    SealedHead,
    create_home,
    mend_device,
)
from shared.enrolment import sign_receipt
from shared.errors import Refused
from shared.federation import read_federation, write_toml
from shared.privacy import LedgerBudget, LedgerFile, LedgerHead
from shared.round_parameters import derive_round_parameters
from shared.tasks import Task
from simulations.audits.audit import AuditResult

_TASK: Task = "update"
_ANSWERS = 3  # of a device's life
_TRIES = 2 * _ANSWERS
_FEDERATION = read_federation(settings=["privacy.level=both", f"privacy.participations.update={_ANSWERS}"])
_CHARGES = derive_round_parameters(_FEDERATION, _TASK, 1, 1000, bytes(32), bytes(32)).charges


class _Server:
    """Counts answers, and signs how many there were."""

    def __init__(self, seed: int) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "little"))
        self.device = b""
        self.rounds: list[int] = []
        self.tells = True

    def get(self, path: str, largest_bytes: int) -> bytes:
        """A receipt."""
        told = self.rounds if self.tells else []
        answers: dict[Task, tuple[int, int]] = {_TASK: (len(told), max(told))} if told else {}
        return sign_receipt(self.key, self.device, answers, 0).encode()

    def post(self, path: str, content: bytes, largest_bytes: int) -> bytes:
        """A receipt that is given back changes nothing: what this server says is what it wants to say."""
        return self.get(path, largest_bytes)


class _Memory:
    """Stands for the system's keyring."""

    def __init__(self) -> None:
        self.text: str | None = LedgerHead().to_text()

    def remember(self, text: str) -> None:
        """Keep it."""
        self.text = text

    def remembered(self) -> str | None:
        """What was kept."""
        return self.text


class _Unchecked(FileRecord):
    """The control: nothing is compared, and a ledger that is gone is begun anew."""

    def _check_whole(self, *_: object) -> None:
        if not self._ledger.exists():
            LedgerFile(self._ledger, LedgerBudget()).close()


class _Device:
    """A device's folder, and who is asked for receipts."""

    def __init__(self, folder: Path, server: _Server, memory: _Memory | None, guarded: bool) -> None:
        self.home = Home(folder)
        self.server, self.memory, self._guarded = server, memory, guarded

    @classmethod
    def new(cls, folder: Path, seed: int, keyring: bool, guarded: bool) -> "_Device":
        """One that has joined."""
        server, home = _Server(seed), create_home(folder, keyring=False)
        server.device = home.keys.identity().device
        Membership(
            url="https://server:9443",
            server="server",
            authority="PEM",
            operator=server.key.public_key().public_bytes_raw().hex(),
            registry="02" * 32,
            device=server.device.hex(),
            certificate="04" * 72,
            certificate_days=365,
            federation=_FEDERATION.name,
            terms=write_toml(_FEDERATION),
        ).save(home.membership)
        return cls(folder, server, _Memory() if keyring else None, guarded)

    def answers(self, tries: int) -> int:
        """How many of so many further rounds it answers."""
        home, receipts = self.home, Receipts(self.home.receipt, Membership.load(self.home.membership))
        sealed = SealedHead(home.head, home.keys.data_key)
        heads = (sealed, KeyringHead(self.memory)) if self.memory else (sealed,)
        kind = FileRecord if self._guarded else _Unchecked
        guard = BudgetGuard(kind(home.ledger, home.rounds, heads, receipts.known, lambda: 0.0))
        answered = 0
        for _ in range(tries):
            number = max(self.server.rounds, default=0) + 1
            try:
                receipts.update(self.server)
                guard.check(_FEDERATION, _TASK, _CHARGES)
                guard.reserve_round(_TASK, number)
                guard.charge_round(_FEDERATION, _TASK, _CHARGES, number)
            except Refused:
                continue
            self.server.rounds.append(number)
            answered += 1
        return answered


_Attack = Callable[[_Device, Path, str | None], None]
"""Does something to a spent device, given an older copy of its folder and of what its keyring held then."""


def _delete(device: _Device, older: Path, remembered: str | None) -> None:
    device.home.ledger.unlink()


def _cut(device: _Device, older: Path, remembered: str | None) -> None:
    lines = device.home.ledger.read_bytes().splitlines(keepends=True)
    device.home.ledger.write_bytes(b"".join(lines[: -len(_CHARGES)]))


def _tear(device: _Device, older: Path, remembered: str | None) -> None:
    lines = device.home.ledger.read_bytes().splitlines(keepends=True)
    device.home.ledger.write_bytes(b"".join(lines[: -len(_CHARGES)]) + lines[-len(_CHARGES)][:-5])


def _copy_back(device: _Device, older: Path, remembered: str | None) -> None:
    shutil.copy(older / device.home.ledger.name, device.home.ledger)


def _cut_and_lose_the_head(device: _Device, older: Path, remembered: str | None) -> None:
    _cut(device, older, remembered)
    device.home.head.unlink()


def _lose_all(device: _Device, older: Path, remembered: str | None) -> None:
    for path in (device.home.ledger, device.home.head, device.home.rounds, device.home.receipt):
        path.unlink(missing_ok=True)


def _put_folder_back(device: _Device, older: Path, remembered: str | None) -> None:
    shutil.rmtree(device.home.directory)
    shutil.copytree(older, device.home.directory)


def _put_machine_back(device: _Device, older: Path, remembered: str | None) -> None:
    _put_folder_back(device, older, remembered)
    if device.memory is not None:
        device.memory.text = remembered


def _put_folder_back_and_hide_receipts(device: _Device, older: Path, remembered: str | None) -> None:
    _put_folder_back(device, older, remembered)
    device.server.tells = False


def _second_folder(device: _Device, older: Path, remembered: str | None) -> None:
    device.home = Home(older)


# Each attack, and whether the device has a keyring.
_ATTACKS: Mapping[str, tuple[_Attack, bool]] = {
    "ledger deleted": (_delete, False),
    "last lines cut": (_cut, False),
    "last line torn": (_tear, False),
    "older ledger put back": (_copy_back, False),
    "last lines cut and the head lost": (_cut_and_lose_the_head, False),
    "ledger, head and rounds lost": (_lose_all, False),
    "older folder put back": (_put_folder_back, False),
    "older folder put back, the server silent": (_put_folder_back_and_hide_receipts, True),
    "older folder and keyring put back": (_put_machine_back, True),
    "second folder": (_second_folder, False),
}


def attack(name: str, seed: int, guarded: bool) -> int:
    """How many answers beyond its budget a device gives under an attack, before and after it is mended."""
    made, keyring = _ATTACKS[name]
    with tempfile.TemporaryDirectory(prefix="hushrec-audit-") as folder:
        device = _Device.new(Path(folder) / "device", seed, keyring, guarded)
        device.answers(1)
        older, remembered = Path(folder) / "older", device.memory.text if device.memory else None
        shutil.copytree(device.home.directory, older)
        device.answers(_TRIES)
        made(device, older, remembered)
        device.answers(_TRIES)
        if guarded and not keyring:
            mend_device(device.home, lambda: 0.0)
            device.answers(_TRIES)
        return len(device.server.rounds) - _ANSWERS


def run_ledger_rollback(seed: int) -> AuditResult:
    """Put a spent ledger back in every way there is."""
    extra = Counter({name: attack(name, seed, guarded=True) for name in _ATTACKS})
    control = {name: attack(name, seed, guarded=False) for name in _ATTACKS}
    worst, most = extra.most_common(1)[0]
    least = min(control.values())
    found = f"most further answers {most}, by {worst!r}" if most else "no further answer"
    return AuditResult(
        passes=most <= 0,
        control_caught=least > 0,
        statistic=float(most),
        bar=0.0,
        interval=None,
        control=float(least),
        sentence=f"{len(_ATTACKS)} ways to put back a spent ledger of {_ANSWERS} answers: {found}; without heads and "
        f"receipts each gave at least {least} more.",
    )
