"""Other terms for a federation that lives: the release that counts, published again under a changed federation file.

Devices look at the terms of every release: what they have to be asked about they take only once their person, or their
person's policy, has accepted it. Until then they go on under the release they have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.home import Home
from server.releases import AMENDED, Releases, terms_path
from server.training.jobs import read_progress
from server.training.runner import POPULARITY, SUMS
from shared.amendment import TermChange, changes_to_accept, check_amendable, term_changes
from shared.errors import NotYet
from shared.federation import FederationFile, read_federation, write_toml
from shared.files import write_atomically


@dataclass(frozen=True, slots=True)
class Amendment:
    """What publishing the federation file would change.

    Attributes:
        federation: the file as it shall be.
        changes: of the terms of the release that counts.
        asked: those that people have to accept.
        after: number of the publication that the changes are seen from.
    """

    federation: FederationFile
    changes: tuple[TermChange, ...]
    asked: tuple[TermChange, ...]
    after: int


def prepare_amendment(home: Home, settings: Sequence[str] = ()) -> Amendment:
    """What the federation file, with some settings over it, would change of the terms that count. Nothing is written.

    Args:
        home: folder of the server.
        settings: "section.key=value" each.

    Raises:
        NotYet: there is no release yet.
        Misconfigured: a key is unknown or impossible, or one differs that stays as long as the federation lives.
        Corrupt: the chain or a release is damaged.
    """
    link = Releases(home).head()
    if link is None:
        raise NotYet(
            f"{home.directory}: expected a release whose terms are to change, got none; as long as there is none, "
            f"change {home.federation_path} itself"
        )
    counting = read_federation(terms_path(home))
    wanted = read_federation(home.federation_path, settings)
    check_amendable(counting, wanted)
    return Amendment(wanted, term_changes(counting, wanted), changes_to_accept(counting, wanted), link.sequence)


def publish_amendment(home: Home, amendment: Amendment) -> int:
    """Write the federation file and publish the release that counts under it; broken off in between, do it again.

    Returns:
        the number of the publication.

    Raises:
        NotYet: another release was published meanwhile; or a sum is recorded that training has not gone on from, which
            it would ask for once more under other terms, and devices answer a round once.
        Misconfigured: something cannot be written.
        Corrupt: the chain or the release is damaged.
    """
    from shared.release import amended_release  # torch comes with it, and other commands list releases without

    releases = Releases(home)
    last = releases.all()[-1]
    if last.sequence != amendment.after:
        raise NotYet("amend: expected the publication that was looked at to count still, got a newer one; look again")
    _check_nothing_recorded(home, releases)
    head = releases.load(last.release)
    if read_federation(home.federation_path) != amendment.federation:
        write_atomically(home.federation_path, write_toml(amendment.federation).encode())
    following = amended_release(head, amendment.federation)
    changed = ", ".join(change.key for change in amendment.changes)
    return releases.publish(following, f"{AMENDED}: {changed}", amendment.after, again=True).sequence


def _check_nothing_recorded(home: Home, releases: Releases) -> None:
    done, sums = read_progress(home).round, home.training / SUMS
    waiting = [*sums.glob(f"*-{done + 1}.safetensors"), *sums.glob(f"*-{done + 1}-*.safetensors")]
    if all(link.why != POPULARITY for link in releases.all()):
        waiting += sums.glob("statistics-0*.safetensors")
    if waiting:
        raise NotYet(
            f"amend: expected a training that has gone on from all its sums, got {min(waiting).name}, which waits for "
            "it; let the round come to its end (a server that is up does so by itself), then amend"
        )
