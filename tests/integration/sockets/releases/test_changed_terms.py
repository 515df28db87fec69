"""An operator changes the terms twice, over real connections: three devices, each on the version its person chose."""

import json
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from client.cli.commands import app
from client.enrolment import enroll, prepare
from client.home import create_home
from client.membership import Membership, changing_membership
from client.privacy_report import spent_privacy
from client.releases import Releases
from client.terms import OfferedTerms, accept_offered_terms, offered_changes
from shared.errors import Corrupt, NotYet, Refused
from shared.federation import read_federation, write_toml
from tests.integration.sockets.releases.conftest import NOW, TERMS

SECOND, THIRD = (*TERMS, "windows.negatives=99"), (*TERMS, "windows.negatives=99", "privacy.user_epsilon=7.0")


def terms(*settings):
    return read_federation(settings=settings)


def joined(folder, operator, gateway, **policy):
    home = create_home(folder, policy, keyring=False)
    enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    return home


def look(home):
    """What the device does by itself, in a process that opens its folder anew."""
    membership = Membership.load(home.membership)
    with membership.gateway(home.keys.identity()) as link:
        releases = Releases(home, membership, link, lambda folder, release: None)
        with suppress(Refused):
            releases.update()
        return releases.current().sequence


def test_three_devices_live_on_three_versions_and_nobody_goes_beyond_what_was_accepted(
    tmp_path, operator, gateway, publisher
):
    never = joined(tmp_path / "never", operator, gateway)
    once = joined(tmp_path / "once", operator, gateway)
    always = joined(tmp_path / "always", operator, gateway, accept_changed_terms=True)
    homes = (never, once, always)
    publisher.publish(b"one")
    assert [look(home) for home in homes] == [1, 1, 1]
    publisher.publish(b"two", terms(*SECOND))
    assert [look(home) for home in homes] == [1, 1, 2]
    accept_offered_terms(once, offered_changes(once))
    assert not once.offered_terms.exists()
    assert [look(home) for home in homes] == [1, 2, 2]
    publisher.publish(b"three", terms(*THIRD))
    assert [look(home) for home in homes] == [1, 2, 3]
    assert [Membership.load(home.membership).agreed() for home in homes] == [
        terms(*TERMS),
        terms(*SECOND),
        terms(*THIRD),
    ]
    assert [[one.key for one in offered_changes(home)] for home in homes] == [
        ["privacy.user_epsilon", "windows.negatives"],  # of all that came since it joined
        ["privacy.user_epsilon"],
        [],
    ]
    publisher.publish(b"four", terms(*TERMS))  # and back again
    assert look(never) == 4
    assert not never.offered_terms.exists()
    assert look(once) == 2


def test_what_the_policy_forbids_is_accepted_by_nobody(tmp_path, operator, gateway, publisher):
    asking = joined(tmp_path / "asking", operator, gateway)
    always = joined(tmp_path / "always", operator, gateway, accept_changed_terms=True)
    publisher.publish(b"one")
    assert (look(asking), look(always)) == (1, 1)
    publisher.publish(b"two", terms(*TERMS, "privacy.user_epsilon=9.0"))
    assert (look(asking), look(always)) == (1, 1)
    with pytest.raises(Refused, match=r"^policy: largest_epsilon_in_life: allows 8.0, got 9"):
        accept_offered_terms(asking, offered_changes(asking))
    assert Membership.load(asking.membership).agreed() == Membership.load(always.membership).agreed() == terms(*TERMS)


def test_terms_that_a_federation_cannot_go_on_under_are_never_on_offer(home, releases, publisher):
    publisher.publish(b"one")
    releases.update()
    publisher.publish(b"two", terms(*TERMS, "windows.events=4"))
    with pytest.raises(Refused, match=r"^terms: windows.events: expected 32, as long as this federation lives"):
        releases.update()
    assert not home.offered_terms.exists()


def test_a_yes_is_to_what_was_read_and_to_nothing_else(home, releases, publisher):
    publisher.publish(b"one")
    releases.update()
    with pytest.raises(NotYet, match="terms: expected those that were shown"):
        accept_offered_terms(home, ())
    publisher.publish(b"two", terms(*SECOND))
    with pytest.raises(Refused, match=r"terms: windows.negatives: expected 128, as was agreed to, got 99"):
        releases.update()
    read = offered_changes(home)
    publisher.publish(b"three", terms(*THIRD))
    with pytest.raises(Refused, match=r"terms: privacy.user_epsilon: expected 8.0, as was agreed to, got 7"):
        releases.update()
    with pytest.raises(NotYet, match="terms: expected those that were shown"):
        accept_offered_terms(home, read)
    assert Membership.load(home.membership).agreed() == terms(*TERMS)
    assert spent_privacy(home)["offered_terms"] == [
        {"key": "privacy.user_epsilon", "before": 8.0, "after": 7.0},
        {"key": "windows.negatives", "before": 128, "after": 99},
    ]


def test_an_offer_that_somebody_put_there_is_taken_no_further_than_a_federation_can_go(home):
    others = terms(*TERMS, "windows.events=4")
    home.offered_terms.write_text(OfferedTerms(sequence=2, terms=write_toml(others)).model_dump_json())
    with pytest.raises(Refused, match=r"^terms: windows.events: expected 32, as long as this federation lives"):
        accept_offered_terms(home, offered_changes(home))
    assert Membership.load(home.membership).agreed() == terms(*TERMS)


def test_one_process_at_a_time_changes_the_membership(home):
    with changing_membership(home.membership), pytest.raises(NotYet, match="another process of this device"):
        Membership.change(home.membership, server="another")
    assert Membership.change(home.membership, server="another") == Membership.load(home.membership)


def test_a_damaged_offer_is_named(home):
    home.offered_terms.write_bytes(b"{")
    with pytest.raises(Corrupt, match="terms that a server offers"):
        OfferedTerms.load(home.offered_terms)


def test_the_command_shows_asks_accepts_and_fetches(home, releases, publisher):
    runner = CliRunner()
    said = runner.invoke(app, ["terms", str(home.directory)])
    assert (said.exit_code, "offers no others" in said.stdout) == (0, True)
    assert runner.invoke(app, ["terms", str(home.directory), "--accept"]).exit_code == 4
    publisher.publish(b"one")
    releases.update()
    publisher.publish(b"two", terms(*SECOND))
    assert look(home) == 1
    said = runner.invoke(app, ["terms", str(home.directory)]).stdout
    assert "windows.negatives" in said
    assert "catalogue items each window is contrasted with" in " ".join(said.split())
    assert runner.invoke(app, ["terms", str(home.directory), "--accept"], input="n\n").exit_code == 3
    assert look(home) == 1
    done = runner.invoke(app, ["terms", str(home.directory), "--accept", "--yes", "--json"])
    assert done.exit_code == 0
    (change,) = json.loads(done.stdout.splitlines()[-1])["changes"]
    assert (change["key"], change["before"], change["after"]) == ("windows.negatives", 128, 99)
    assert Membership.load(home.membership).agreed() == terms(*SECOND)
