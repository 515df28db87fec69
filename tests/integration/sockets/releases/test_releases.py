"""Releases from an operator who is honest, and from one who is not: what a device takes, and what it goes on with."""

import hashlib
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.membership import Membership
from client.releases import LARGEST_BYTES, ChainPast, Releases
from shared.enrolment import parse_authorization
from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused
from shared.federation import read_federation
from shared.release.publication import FileEntry, Publication
from tests.integration.sockets.releases.conftest import TERMS
from tests.support.gateways import Gateway, Operator, Reply, endless


def fetched(gateway):
    """Names of the files that were downloaded."""
    return [path.rpartition("/")[2] for path in gateway.paths() if "chain" not in path]


def everything(home):
    return {
        path.relative_to(home.releases): path.read_bytes()
        for path in home.releases.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_device_takes_the_newest_release_with_all_its_files(home, releases, publisher, tried):
    assert releases.update() is None
    assert releases.current() is None
    link = publisher.publish(b"one")
    assert releases.update() == link
    assert releases.current() == link
    folder = home.releases / link.release
    assert releases.find(link.release) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == publisher.files(
        b"one", read_federation(settings=TERMS)
    )
    assert tried == [link.release]
    assert releases.update() is None


def test_requests_are_signed_by_the_device(home, releases, publisher, gateway):
    publisher.publish(b"one")
    releases.update()
    identity = home.keys.identity()
    for asked in gateway.asked:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        signed = parse_authorization(headers["authorization"])
        signed.verify(identity.public_key, "GET", asked.path, signed.seconds)


def test_what_has_not_changed_is_not_fetched_again_and_a_kind_that_loaded_is_not_tried_again(
    home, releases, publisher, gateway, tried
):
    first = publisher.publish(b"one")
    releases.update()
    gateway.asked.clear()
    second = publisher.publish(b"two")
    releases.update()
    assert sorted(fetched(gateway)) == ["manifest.json", "model.safetensors"]
    assert (home.releases / second.release / "index.safetensors").read_bytes() == b"index" * 100
    assert tried == [first.release]


def test_a_device_that_was_away_follows_every_link_and_fetches_the_last_release_only(
    home, releases, publisher, gateway
):
    for number in range(70):
        last = publisher.publish(b"%d" % number)
    assert releases.update() == last
    assert [path for path in gateway.paths() if "chain" in path] == [
        "/v1/releases/chain?after=0",
        "/v1/releases/chain?after=64",
    ]
    assert {path.split("/")[3] for path in gateway.paths() if "chain" not in path} == {last.release}


def test_a_release_is_found_on_demand_when_a_round_names_it(releases, publisher):
    link = publisher.publish(b"one")
    assert releases.find(link.release).name == link.release


def test_a_release_that_nobody_published_is_not_found(releases, publisher):
    publisher.publish(b"one")
    with pytest.raises(Misconfigured, match="expected the one that counts"):
        releases.find("ab" * 32)


def test_a_rollback_is_a_new_link_and_brings_the_older_release_back(home, releases, publisher):
    first = publisher.publish(b"one")
    releases.update()
    publisher.publish(b"two")
    releases.update()
    back = publisher.publish(b"one")
    assert back.release == first.release
    assert back.sequence == 3
    releases.update()
    assert releases.current() == back


def test_the_last_good_release_is_kept_and_older_ones_are_removed(home, releases, publisher):
    links = []
    for model in (b"one", b"two", b"three"):
        links.append(publisher.publish(model))
        releases.update()
    kept = {path.name for path in home.releases.iterdir() if path.is_dir()}
    assert kept == {links[1].release, links[2].release}


def test_a_damaged_copy_is_not_taken_over_but_fetched_again(home, releases, publisher, gateway):
    first = publisher.publish(b"one")
    releases.update()
    (home.releases / first.release / "index.safetensors").write_bytes(b"INDEX" * 100)
    second = publisher.publish(b"two")
    gateway.asked.clear()
    releases.update()
    assert "index.safetensors" in fetched(gateway)
    assert (home.releases / second.release / "index.safetensors").read_bytes() == b"index" * 100


def another_operator(publisher, gateway, first):
    forged = publisher.publish(b"two")
    publisher.links[-1] = forged.sign(Operator("").operator)


def unsigned(publisher, gateway, first):
    publisher.links[-1] = publisher.publish(b"two").model_copy(update={"signature": ""})


def changed_after_signing(publisher, gateway, first):
    publisher.links[-1] = publisher.publish(b"two").model_copy(update={"why": "other words"})


def a_link_left_out(publisher, gateway, first):
    publisher.publish(b"two")
    publisher.publish(b"three")
    del publisher.links[1]


def another_past(publisher, gateway, first):
    other = Publication.after(None, first.release, first.federation, first.files, 1, "another").sign(
        publisher.operator.operator
    )
    publisher.links = [other]
    publisher.publish(b"two")


def an_older_sequence(publisher, gateway, first):
    publisher.publish(b"two", sequence=1)


def a_huge_release(publisher, gateway, first):
    files = dict(first.files) | {"index.safetensors": FileEntry(sha256="ab" * 32, size_bytes=10 * 2**30)}
    publisher.publish(b"two", files=files, release=first.release)


def a_huge_manifest(publisher, gateway, first):
    entry = publisher.publish(b"two").files["manifest.json"]
    grown = FileEntry(sha256=entry.sha256, size_bytes=2**30)
    link = publisher.links.pop()
    publisher.publish(b"two", files={**link.files, "manifest.json": grown})


def an_endless_file(publisher, gateway, first):
    link = publisher.publish(b"two")
    gateway.answers[f"/v1/releases/{link.release}/model"] = lambda _: Reply(endless())


def a_file_that_is_too_short(publisher, gateway, first):
    link = publisher.publish(b"two")
    gateway.answers[f"/v1/releases/{link.release}/model"] = lambda _: Reply([b"t"])


def a_file_with_a_wrong_length(publisher, gateway, first):
    link = publisher.publish(b"two")
    gateway.answers[f"/v1/releases/{link.release}/model"] = lambda _: Reply(b"two", length=10)


def another_model(publisher, gateway, first):
    link = publisher.publish(b"two")
    gateway.answers[f"/v1/releases/{link.release}/model"] = lambda _: Reply(b"owt")


def another_federation_file(publisher, gateway, first):
    link = publisher.publish(b"two", read_federation(settings=[*TERMS, "training.rounds=900"]))
    publisher.links[-1] = link.model_copy(update={"federation": first.federation}).sign(publisher.operator.operator)


def weaker_terms(publisher, gateway, first):
    publisher.publish(b"two", read_federation(settings=[*TERMS, "privacy.user_epsilon=7.9"]))


def another_unit(publisher, gateway, first):
    publisher.publish(b"two", read_federation(settings=[*TERMS, "windows.events=4"]))


def a_smaller_cohort(publisher, gateway, first):
    publisher.publish(b"two", read_federation(settings=["round.minimum_answers=55"]))


def another_backbone(publisher, gateway, first):
    publisher.publish(b"two", read_federation(settings=[*TERMS, f"backbone.model_sha256={'ab' * 32}"]))


def garbage(publisher, gateway, first):
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(b"\x00garbage\n")


def an_endless_chain(publisher, gateway, first):
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(endless())


def compressed(publisher, gateway, first):
    import gzip

    link = publisher.publish(b"two")
    body = gzip.compress(link.encode() + b"\n")
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(body, headers={"content-encoding": "gzip"})


EVIL = [
    (another_operator, Corrupt, "expected the operator's signature"),
    (unsigned, Corrupt, "expected the operator's signature"),
    (changed_after_signing, Corrupt, "expected the operator's signature"),
    (a_link_left_out, Corrupt, "expected number 2, got 3"),
    (another_past, Corrupt, "got another past"),
    (an_older_sequence, Corrupt, "expected number 2, got 1"),
    (a_huge_release, Corrupt, f"at most {LARGEST_BYTES} bytes"),
    (a_huge_manifest, Corrupt, "manifest.json of at most"),
    (an_endless_file, Corrupt, "expected at most 3 bytes"),
    (a_file_that_is_too_short, Corrupt, "expected 3 bytes, got 1"),
    (a_file_with_a_wrong_length, NotYet, "could not be reached"),
    (another_model, Corrupt, "the file that the operator signed"),
    (another_federation_file, Corrupt, "expected federation"),
    (weaker_terms, Refused, "terms: privacy"),
    (another_unit, Refused, "terms: windows"),
    (a_smaller_cohort, Refused, "terms: round.minimum_answers"),
    (another_backbone, Refused, "terms: backbone"),
    (garbage, Corrupt, "canonical JSON"),
    (an_endless_chain, Corrupt, "expected at most"),
    (compressed, Corrupt, "expected"),
]


@pytest.mark.parametrize(("evil", "error", "words"), EVIL, ids=lambda value: getattr(value, "__name__", ""))
def test_a_device_refuses_it_says_why_and_goes_on_with_the_last_good_release(
    home, releases, publisher, gateway, evil, error, words
):
    first = publisher.publish(b"one")
    releases.update()
    before = everything(home)
    evil(publisher, gateway, first)
    with pytest.raises(error, match=words) as refused:
        releases.update()
    assert "\n" not in str(refused.value)
    assert everything(home) == before
    assert releases.current() == first
    assert releases.find(first.release) == home.releases / first.release


def test_the_accepted_link_once_more_is_nothing_newer(releases, publisher, gateway):
    first = publisher.publish(b"one")
    releases.update()
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(first.encode() + b"\n")
    assert releases.update() is None
    assert releases.current() == first


def restored(publisher, gateway, links, superseding=True):
    """A server that has so many links alone; given one back that it does not have, it goes on in its place."""
    publisher.links = publisher.links[:links]

    def chain(asked):
        after = int(asked.path.partition("after=")[2])
        return Reply(b"", 409) if after > len(publisher.links) else publisher.chain(asked)

    def take_back(asked):
        held = Publication.decode(asked.body)
        held.verify(publisher.operator.operator.public_key().public_bytes_raw())
        if superseding:
            while len(publisher.links) < held.sequence - 1:
                publisher.publish(b"one")
            publisher.publish(b"one", supersedes=held.digest())
        return Reply(b"{}")

    gateway.answers |= {"/v1/releases/chain": chain, "/v1/held/publication": take_back}


@pytest.mark.parametrize("fork", [0, 1, 2], ids=["shorter", "as long", "longer"])
def test_a_server_that_lost_a_publication_is_given_it_back_and_gone_on_with(releases, publisher, gateway, fork):
    first = publisher.publish(b"one")
    second, third = publisher.publish(b"two"), publisher.publish(b"three")
    releases.update()
    assert releases.current() == third
    restored(publisher, gateway, 1)
    for number in range(fork * 2 - (fork == 2)):  # none, two, three
        publisher.publish(b"fork %d" % number)
    assert releases.find(first.release).name == first.release
    taken = releases.current()
    assert taken == publisher.links[-1]
    assert taken.supersedes == third.digest()
    assert [asked.path for asked in gateway.asked if asked.method == "POST"] == ["/v1/held/publication"]
    later = publisher.publish(b"four")
    assert releases.update() == later  # by the ordinary rule
    assert second not in publisher.links


def test_a_look_at_a_shorter_chain_is_enough_to_notice(releases, publisher, gateway):
    publisher.publish(b"one")
    publisher.publish(b"two")
    releases.update()
    restored(publisher, gateway, 1)
    assert releases.update() == publisher.links[-1]


def test_a_chain_that_does_not_name_what_is_held_is_not_gone_on_with(home, releases, publisher, gateway):
    first = publisher.publish(b"one")
    second = publisher.publish(b"two")
    releases.update()
    restored(publisher, gateway, 1, superseding=False)
    publisher.publish(b"fork", supersedes=first.digest())
    before = everything(home)
    for thoroughly in (False, True):
        with pytest.raises(Corrupt, match="publication 2: expected a chain that has it, or a link of"):
            releases.update(thoroughly=True) if thoroughly else releases.find("ab" * 32)
    assert everything(home) == before
    assert releases.current() == second


def test_a_short_chain_does_not_take_the_place_of_a_long_one(home, releases, publisher, gateway):
    for number in range(5):
        fifth = publisher.publish(b"%d" % number)
    releases.update()
    restored(publisher, gateway, 1, superseding=False)
    for number in (2, 3, 4):  # one link that supersedes is signed by the operator; its number is smaller
        assert publisher.publish(b"fork", supersedes=fifth.digest()).sequence == number
        with pytest.raises(Corrupt, match="publication 5: expected a chain that has it, or a link of no smaller"):
            releases.update(thoroughly=True)
        assert releases.current() == fifth
    taken = publisher.publish(b"fork", supersedes=fifth.digest())
    assert releases.update(thoroughly=True) == taken
    assert taken.sequence == fifth.sequence


def test_what_was_superseded_is_warned_of_and_kept(home, releases, publisher, gateway, caplog):
    first, second = publisher.publish(b"one"), publisher.publish(b"two")
    releases.update()
    assert ChainPast.load(home.past) == ChainPast(first=first.digest())
    restored(publisher, gateway, 1)
    with caplog.at_level(logging.WARNING):
        taken = releases.update(thoroughly=True)
    (kept,) = ChainPast.load(home.past).superseded
    assert (kept.sequence, kept.digest) == (2, second.digest())
    assert (kept.by_sequence, kept.by_digest) == (2, taken.digest())
    assert "publication 2: superseded by publication 2" in caplog.text
    publisher.publish(b"three")
    releases.update()
    assert ChainPast.load(home.past).superseded == (kept,)


@pytest.mark.parametrize("known", [True, False], ids=["which it knows", "which it does not know"])
def test_a_chain_that_begins_otherwise_does_not_take_the_place_of_one(releases, publisher, gateway, home, known):
    first = publisher.publish(b"one")
    second = publisher.publish(b"two")
    releases.update()
    if not known:  # as a device that took its releases before beginnings were kept
        home.past.unlink()
    other = Publication.after(None, first.release, first.federation, first.files, 1, "another").sign(
        publisher.operator.operator
    )
    publisher.links = [other]
    gateway.answers["/v1/held/publication"] = lambda _: Reply(b"{}")
    taken = publisher.publish(b"one", supersedes=second.digest())
    if not known:
        assert releases.update(thoroughly=True) == taken
        assert ChainPast.load(home.past).first == other.digest()
        return
    before = everything(home)
    with pytest.raises(Corrupt, match="publication 1: expected the one that this chain began with"):
        releases.update(thoroughly=True)
    assert everything(home) == before
    assert releases.current() == second


def test_a_past_that_somebody_changed_is_not_believed(home, releases, publisher):
    publisher.publish(b"one")
    releases.update()
    home.past.write_bytes(b'{"first":"x"}')
    with pytest.raises(Corrupt, match=r"past\.json: expected what this device keeps"):
        releases.update()


def test_a_link_that_supersedes_counts_only_under_the_operators_signature(releases, publisher, gateway):
    publisher.publish(b"one")
    second = publisher.publish(b"two")
    releases.update()
    restored(publisher, gateway, 1)
    link = publisher.publish(b"one").model_copy(update={"supersedes": second.digest()})  # after it was signed
    publisher.links[-1] = link
    gateway.answers["/v1/held/publication"] = lambda _: Reply(b"{}")
    with pytest.raises(Corrupt, match="expected the operator's signature"):
        releases.update(thoroughly=True)
    assert releases.current() == second


def test_after_an_attack_the_honest_release_is_taken(home, releases, publisher, gateway):
    publisher.publish(b"one")
    releases.update()
    link = publisher.publish(b"two")
    path = f"/v1/releases/{link.release}/model"
    gateway.answers[path] = lambda _: Reply(endless())
    with pytest.raises(Corrupt):
        releases.update()
    del gateway.answers[path]
    assert releases.update() == link


def test_a_release_that_cannot_be_loaded_does_not_replace_one_that_can(home, releases, publisher):
    first = publisher.publish(b"one")
    releases.update()

    def fail(folder, release):
        raise Corrupt("cannot be loaded")

    releases._try_out = fail
    files = publisher.files(b"two", read_federation(settings=TERMS))
    files["manifest.json"] = files["manifest.json"].replace(b'"format": 4', b'"format": 5')
    entries = {name: FileEntry.of(content) for name, content in files.items()}
    link = Publication.after(first, entries["manifest.json"].sha256, first.federation, entries, 5, "new format")
    link = link.sign(publisher.operator.operator)
    publisher.links.append(link)
    publisher.contents |= {(link.release, name): content for name, content in files.items()}
    with pytest.raises(Corrupt, match="cannot be loaded"):
        releases.update()
    assert releases.current() == first


def test_another_step_of_the_servers_own_is_within_what_was_agreed_to(releases, publisher):
    publisher.publish(b"one")
    changed = ["optimizer.learning_rate=0.02", "training.clients_per_round=150"]
    link = publisher.publish(b"two", read_federation(settings=[*TERMS, *changed]))
    assert releases.update() == link


def test_the_persons_policy_counts_for_each_release(home, releases, publisher):
    first = publisher.publish(b"one")
    releases.update()
    home.policy_path.write_text(home.policy_path.read_text().replace("smallest_cohort = 50", "smallest_cohort = 61"))
    publisher.publish(b"two")
    with pytest.raises(Refused, match="policy: smallest_cohort: allows 61 people and more, got 60"):
        releases.update()
    assert releases.current() == first


def test_a_server_that_no_longer_knows_the_device_is_told_apart_from_one_that_is_away(releases, publisher, gateway):
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(b"", 403)
    with pytest.raises(Refused, match="does not know this device, or no longer"):
        releases.update()
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(b"", 503)
    with pytest.raises(NotYet):
        releases.update()


def test_a_server_whose_certificate_another_authority_made_is_not_talked_to(home, publisher, gateway, tmp_path):
    publisher.publish(b"one")
    other = Gateway(tmp_path / "other").pem
    membership = Membership.load(home.membership).model_copy(update={"authority": other})
    with membership.gateway(home.keys.identity()) as link, pytest.raises(Corrupt, match="pinned authority"):
        Releases(home, membership, link).update()
    assert gateway.asked == []


def test_a_redirect_is_not_followed(releases, publisher, gateway):
    elsewhere = {"location": gateway.url + "/elsewhere"}
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(b"", 307, headers=elsewhere)
    with pytest.raises(Corrupt, match="status 307"):
        releases.update()
    assert "/elsewhere" not in gateway.paths()


def test_a_current_json_that_somebody_changed_is_not_believed(home, releases, publisher):
    link = publisher.publish(b"one")
    releases.update()
    home.current.write_bytes(link.encode().replace(b"trained", b"trainer"))
    with pytest.raises(Corrupt, match="operator's signature"):
        releases.current()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), status=st.sampled_from([200, 200, 200, 204, 302, 400, 418, 500]))
def test_garbage_for_a_chain_is_one_of_our_errors_and_changes_nothing(home, releases, publisher, gateway, body, status):
    before = everything(home)
    gateway.answers["/v1/releases/chain"] = lambda _: Reply(body, status)
    try:
        assert releases.update() is None
        assert (body, status) == (b"", 200)
    except HushrecError:
        pass
    assert everything(home) == before


def test_the_digest_of_a_release_is_that_of_its_manifest(releases, publisher):
    link = publisher.publish(b"one")
    folder = releases.find(link.release)
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == link.release
