"""Takes the masks off a sum: rebuilds the seeds that a quorum lets it rebuild, checks each, subtracts its words.

Implements FEDREC-SA/1 section 5 (phase 4).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import Corrupt, NotYet
from shared.secure_sum import (
    Roster,
    UnmaskShares,
    Words,
    add_mask,
    commitment,
    mask_secret,
    pair_key,
    public_key,
    recover_checked,
    self_key,
    shared_secrets,
)


@dataclass(frozen=True, slots=True, order=True)
class Culprit:
    """A member that revealed shares which do not fit the others', and how many."""

    member: int
    wrong_shares: int


def unmask(
    accumulator: Words,
    roster: Roster,
    session: bytes,
    ch: bytes,
    threshold: int,
    neighbours: Sequence[Sequence[int]],
    summed: frozenset[int],
    dropped: frozenset[int],
    revealed: Mapping[int, UnmaskShares],
) -> tuple[Culprit, ...]:
    """Subtract every mask from `accumulator`, uint32 [d], in place (FEDREC-SA/1 phase 4).

    Args:
        accumulator: uint32 [d], the sum of the masked vectors modulo 2^32; changed in place.
        roster: the adverts of all members, by place.
        session: ctx, 32 bytes.
        ch: hash of the round's configuration, 32 bytes.
        threshold: shares that rebuild a seed.
        neighbours: places of the neighbours of each place.
        summed: places whose vectors are in the sum; their own masks come off.
        dropped: places whose neighbours masked for them, but whose vectors are not in it; those pair masks come off.
        revealed: shares by the place that revealed them.

    Raises:
        NotYet: too few shares of some secret, or too many wrong ones.
    """
    shares: dict[int, dict[int, int]] = {place: {} for place in summed | dropped}
    for holder, message in revealed.items():
        for share in message.shares:
            shares[share.member][holder + 1] = share.share
    wrong: dict[int, int] = {}

    def rebuilt(place: int, recognised: Callable[[int], bool]) -> int:
        try:
            secret, points = recover_checked(shares[place], threshold, recognised)
        except Corrupt as error:
            raise NotYet(f"private sum: a seed of member {place} cannot be rebuilt ({error})") from None
        for point in points:
            wrong[point - 1] = wrong.get(point - 1, 0) + 1
        return secret

    for place in sorted(summed):
        advert = roster.adverts[place]

        def own(value: int, device: bytes = advert.device, committed: bytes = advert.commitment) -> bool:
            return commitment(ch, device, value) == committed

        add_mask(accumulator, self_key(rebuilt(place, own), session, advert.device), -1)
    for place in sorted(dropped):
        advert = roster.adverts[place]

        def seed(value: int, key: bytes = advert.mask_key) -> bool:
            return public_key(mask_secret(value)) == key

        secret = mask_secret(rebuilt(place, seed))
        masked = [neighbour for neighbour in neighbours[place] if neighbour in summed]
        shared = shared_secrets(secret, (roster.adverts[neighbour].mask_key for neighbour in masked))
        for neighbour, word in zip(masked, shared, strict=True):
            key = pair_key(word, session, advert.device, roster.adverts[neighbour].device)
            add_mask(accumulator, key, 1 if place < neighbour else -1)
    return tuple(Culprit(member, count) for member, count in sorted(wrong.items()))
