"""Says what is wrong with what a server has published: the chain, its releases, and the training behind the last."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from server.doctor.problem import Problem
from server.home import Home
from server.releases import unfinished
from shared.errors import HushrecError
from shared.release import FileEntry, Publication

_CHAIN = "releases/chain.jsonl"
_RESTORE_CHAIN = "restore it from a copy; devices accept nothing that does not follow what they have"
_COMPLETE_CHAIN = (
    "complete it from releases/newest.json with `hushrec-server check DIR --mend`; devices may have taken it, and "
    "accept nothing that leaves it out"
)


def check_published(home: Home) -> Iterator[Problem]:
    """Findings on the chain and on the releases it names; none before the first release."""
    try:
        operator = home.operator_key().public_key().public_bytes_raw()
    except HushrecError:
        operator = None  # another finding; the rest of the chain can be checked all the same
    previous: Publication | None = None
    publications: dict[str, Publication] = {}
    try:
        *lines, _torn = (home.chain.read_bytes() if home.chain.is_file() else b"").split(b"\n")
        for line in lines:
            link = Publication.decode(line)
            link.follows(previous)
            if operator is not None:
                link.verify(operator)
            publications[link.release] = previous = link
        rest = unfinished(home.chain, operator)
        if rest:
            got = f"one that lacks its last {len(rest)} bytes"
            yield Problem(f"{_CHAIN}: line {len(lines) + 1}", "a whole line", got, _COMPLETE_CHAIN)
    except HushrecError as error:
        place = 1 if previous is None else previous.sequence + 1
        yield Problem(f"{_CHAIN}: line {place}", "the next publication of this operator", str(error), _RESTORE_CHAIN)
    if previous is None:
        return
    for link in publications.values():
        yield from _files(home, link, link.release == previous.release)
    yield from _federation(home, previous)


def check_training(home: Home) -> Iterator[Problem]:
    """A finding if the current release is not what the recorded sums give; none before the first sum."""
    if not home.chain.is_file() or not any((home.training / "sums").glob("*.safetensors")):
        return
    from server.doctor.replay import check_replay  # torch comes with it

    try:
        wrong = check_replay(home)
    except HushrecError as error:
        wrong = str(error)
    if wrong:
        yield Problem(
            "parameters of the current release",
            "those that the sums in training/ give",
            wrong,
            "restore training/ and releases/ from one copy; whoever changed either can change what devices learn",
        )


def _files(home: Home, link: Publication, current: bool) -> Iterator[Problem]:
    folder = home.releases / link.release
    fix = f"restore {folder} from a copy"
    if current:
        fix += ", or go back to a whole release with `hushrec-server rollback`"
    for name, entry in link.files.items():
        wrong = _difference(folder / name, entry)
        if wrong:
            yield Problem(f"releases/{link.release}/{name}", f"{entry.size_bytes} bytes as published", wrong, fix)


def _difference(path: Path, entry: FileEntry) -> str:
    try:
        size_bytes = path.stat().st_size
        if size_bytes != entry.size_bytes:
            return f"{size_bytes} bytes"
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"none that can be read ({error.strerror})"
    return "" if digest == entry.sha256 else "other bytes"


def _federation(home: Home, head: Publication) -> Iterator[Problem]:
    try:
        digest = home.federation().digest()
    except HushrecError:
        return  # another finding
    if digest != head.federation:
        yield Problem(
            "federation.toml",
            "the terms of the current release",
            "a changed file",
            f"publish it with `hushrec-server amend {home.directory} --publish`, or put "
            f"{home.releases / head.release / 'federation.toml'} back in its place",
        )
