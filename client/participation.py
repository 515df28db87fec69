"""The person's word on taking part: a pause for as long as they like, or leaving for good.

Both are decided and looked at without the log, so that a refusal for their sake tells nothing of it.
"""

import os

from client.home import Home
from client.membership import Membership, changing_membership
from shared.errors import Refused, StorageFailed
from shared.files import write_atomically
from shared.locks import exclusive

_LARGEST_ANSWER = 64


def pause_answers(home: Home) -> None:
    """Answer nothing from the next message on, a round under way included; the device goes on ranking.

    Raises:
        StorageFailed: it could not be written down, so answers go on.
    """
    write_atomically(home.paused, b"")


def resume_answers(home: Home) -> None:
    """Answer again; without effect on a device that is not paused.

    Raises:
        StorageFailed: it could not be written down, so the pause goes on.
    """
    try:
        home.paused.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"{home.paused}: could not be removed ({error.strerror}); mend who may write there"
        ) from None


def leave_federation(home: Home) -> Membership:
    """Put the membership aside, so that the device answers nobody any more; what was left, now or before.

    Raises:
        Misconfigured: the device has joined nothing.
        NotYet: it is up.
        Corrupt: its membership is not what joining wrote.
        StorageFailed: the folder cannot be written, so the device is a member still.
    """
    with exclusive(home.up_lock, f"{home.directory}: this device is up; stop it first, then leave"):
        if home.left.exists() and not home.membership.exists():
            return Membership.load(home.left)
        with changing_membership(home.membership):
            membership = Membership.load(home.membership)
            try:
                os.replace(home.membership, home.left)
                home.offered_terms.unlink(missing_ok=True)
            except OSError as error:
                raise StorageFailed(
                    f"{home.membership}: could not be put aside ({error.strerror}); mend who may write there"
                ) from None
    return membership


def tell_server(home: Home, membership: Membership) -> None:
    """Have the server end the part of a device that has left, so that nobody waits for it or takes it for a member.

    Raises:
        NotYet: the server cannot be reached; it can be told later.
        Corrupt: its answer is none.
    """
    with membership.gateway(home.keys.identity()) as gateway:
        try:
            gateway.post("/v1/leave", b"", _LARGEST_ANSWER)
        except Refused:
            return  # it does not take this device for a member any more
