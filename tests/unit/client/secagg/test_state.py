"""What a device keeps between phases: it comes back as it was, holds no more than it must, and prints none of it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from client.secagg import Agreed, Contribution, Joined, Masked, Prepared, Shared, state_from, state_to
from shared.errors import Corrupt
from tests.support.private_round import PrivateRound, configuration, parties

KINDS = (Prepared, Joined, Shared, Masked, Agreed)


@pytest.fixture(scope="module")
def states():
    """Of member 0 after each phase of a round of six, one of whom drops before it masks."""
    members = parties(6, 40, local_noise_over_clip=1.0)
    one = PrivateRound(configuration(40, noise=1), members, local_noise_over_clip=1.0)
    found = {Prepared: Prepared(one.configuration.encode(), members[0].vector.tobytes())}
    for phase, kind in (("advertise", Joined), ("share", Shared), ("mask", Masked), ("agree", Agreed)):
        getattr(one, phase)({5} if phase == "mask" else ())
        found[kind] = one.parties[0].state
    return found


def secrets_of(states):
    """Everything of member 0 that must not be told, by what it is."""
    joined, shared = states[Joined], states[Shared]
    return {
        "encryption secret": joined.encryption_secret,
        "mask seed": joined.mask_seed,
        "self seed": joined.self_seed,
        "own key": shared.own_key,
        **{f"pair key {at}": shared.pair_keys[32 * at : 32 * at + 32] for at in range(5)},
        **{f"opening key {at}": shared.opening_keys[32 * at : 32 * at + 32] for at in range(5)},
        **{f"coordinate {at}": joined.vector[4 * at : 4 * at + 8] for at in range(0, 38, 2)},
        **{f"share {at}": states[Masked].shares[32 * at : 32 * at + 32] for at in range(10)},
    }


def held(state):
    return b"|".join(value for value in state_to(state).values() if isinstance(value, bytes))


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_comes_back_as_it_was(states, kind):
    state = states[kind]
    values = state_to(state)
    assert state_from(values) == state
    assert type(state_from(values)) is kind
    assert values["phase"] == kind.__name__.lower()
    assert set(values) == {"phase", *(field.name for field in fields(kind))}
    assert {type(value) for value in values.values()} <= {bytes, int, str}


def test_the_next_phase_goes_on_from_a_state_that_was_stored():
    one, stored = PrivateRound(configuration(), parties(5)), PrivateRound(configuration(), parties(5))
    for phase in ("advertise", "share", "mask", "agree"):
        getattr(one, phase)()
        getattr(stored, phase)()
        for member in stored.parties:
            member.state = state_from(dict(state_to(member.state)))
    assert one.unmask().units.tolist() == stored.unmask().units.tolist() == one.expected(range(5))
    assert one.sent == stored.sent


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_the_wrong_kind_or_with_a_field_missing_or_more_is_corrupt(states, kind):
    values = state_to(states[kind])
    others = [other.__name__.lower() for other in KINDS if other is not kind]
    wrong = [
        *(values | {"phase": name} for name in (*others, "", "done", kind.__name__, b"joined", 3)),
        *({name: value for name, value in values.items() if name != left_out} for left_out in values),
        values | {"more": b""},
        *(values | {name: "text"} for name in values if name != "phase"),
        *(values | {name: 1} for name, value in values.items() if isinstance(value, bytes)),
        *(values | {name: bytearray(value)} for name, value in values.items() if isinstance(value, bytes)),
        *(values | {name: bad} for name in values if name == "place" for bad in (True, 1.0, b"\x00")),
    ]
    assert len(wrong) > 10
    for changed in wrong:
        with pytest.raises(Corrupt, match="state of a private sum"):
            state_from(changed)
    with pytest.raises(Corrupt):
        state_from({})


def test_what_states_and_roles_print_has_no_secret_in_it(states):
    one = PrivateRound(configuration(40), parties(6, 40))
    one.advertise()
    member = one.parties[0]
    contribution = Contribution(member.vector)
    printed = [repr(value) for value in (*states.values(), contribution, member.role, member.member)]
    printed += [str(value) for value in (*states.values(), contribution, member.role, member.member)]
    key = member.member.identity._key.private_bytes_raw()
    text = "\n".join(printed)
    for what, secret in {**secrets_of(states), "signing key": key}.items():
        for form in (secret.hex(), repr(secret)[2:-1], str(int.from_bytes(secret, "little"))):
            assert form not in text, what
    for coordinate in member.vector.tolist():
        assert f"{coordinate:.4f}" not in text
    assert repr(states[Joined]) == "Joined(160 bytes)"
    assert repr(states[Shared]) == "Shared(6 members)"
    assert repr(states[Masked]) == "Masked(6 members)"
    assert repr(states[Agreed]) == "Agreed(6 members)"
    assert repr(states[Prepared]) == "Prepared(160 bytes)"
    assert repr(contribution) == "Contribution(d=40)"
    assert repr(member.role) == f"SecAggClient({member.device.hex()[:8]})"


def test_once_the_shares_are_out_the_seeds_and_the_secret_behind_them_are_gone(states):
    kept = held(states[Shared])
    for what, secret in secrets_of(states).items():
        if what in ("encryption secret", "mask seed", "self seed"):
            assert secret in held(states[Joined])
            assert secret not in kept, what


@pytest.mark.parametrize("kind", [Masked, Agreed])
def test_after_it_masked_a_device_keeps_nothing_of_its_own(states, kind):
    kept = held(states[kind])
    for what, secret in secrets_of(states).items():
        assert (secret in kept) == what.startswith("share"), what
    # and no more than the round's public facts and the shares of others
    state = states[kind]
    sizes = {"configuration": 123, "session": 32, "signers": 6 * 32, "senders": 5 * 2, "shares": 5 * 64, "u1": 1}
    sizes |= {"u2": 1} if kind is Agreed else {}
    assert {name: len(value) for name, value in state_to(state).items() if isinstance(value, bytes)} == sizes


def test_the_shares_kept_are_those_of_the_others_and_not_ones_own(states):
    masked = states[Masked]
    assert np.frombuffer(masked.senders, "<u2").tolist() == [1, 2, 3, 4, 5]
    assert masked.place == 0


def test_states_cannot_be_changed_in_place(states):
    for state in states.values():
        with pytest.raises(AttributeError):
            state.configuration = b""
        assert replace(state, configuration=b"").configuration == b""
