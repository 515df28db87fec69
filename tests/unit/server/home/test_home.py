"""A server's folder: made whole or not at all, private, and able to say what is wrong with it."""

import os
import shutil
import sqlite3
import stat
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from server.doctor import check_server, repair_server
from server.home import Home, ServerSettings, create_server, federation_text, write_private
from server.home import create as create_module
from shared.errors import Corrupt, Misconfigured
from shared.federation import default_federation_text, read_federation
from shared.secure_sum import Identity, verify_certificate


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A server nobody changes."""
    return create_server(tmp_path_factory.mktemp("made") / "server")


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A server to damage."""
    shutil.copytree(made.directory, tmp_path / "server")
    return Home.open(tmp_path / "server")


def modes(directory: Path) -> dict[str, int]:
    return {str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*")}


def test_a_new_server_has_nothing_wrong_with_it(made):
    assert check_server(made.directory) == []
    assert repair_server(made.directory) == []
    assert made.settings == ServerSettings()


def test_a_new_federation_is_the_shipped_one_but_for_the_cohorts_that_a_devices_policy_allows(made):
    assert made.federation() == read_federation(settings=["round.minimum_answers=50"])
    written, shipped = (text.splitlines() for text in (made.federation_path.read_text(), default_federation_text()))
    assert [line.split()[0] for line, other in zip(written, shipped, strict=True) if line != other] == [
        "minimum_answers",
    ]
    changed = tomllib.loads(federation_text(settings=["training.rounds=20"]))
    assert (changed["training"]["rounds"], changed["round"]["minimum_answers"]) == (20, 50)
    assert tomllib.loads(federation_text(settings=["round.minimum_answers=7"]))["round"]["minimum_answers"] == 7


def test_private_files_are_0600_and_folders_0700_even_under_a_lax_umask(tmp_path):
    before = os.umask(0)
    try:
        home = create_server(tmp_path / "server")
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.directory.stat().st_mode) == 0o700
    found = modes(home.directory)
    assert {name for name, mode in found.items() if mode == 0o644} == {"keys/authority.pem", "keys/server.pem"}
    others = {mode for name, mode in found.items() if not name.endswith(".pem")}
    assert others == {0o600, 0o700}
    assert check_server(home.directory) == []


def test_files_can_be_read_even_under_a_strict_umask(tmp_path):
    before = os.umask(0o777)
    try:
        home = create_server(tmp_path / "server")
    finally:
        os.umask(before)
    assert set(modes(home.directory).values()) == {0o600, 0o644, 0o700}


def test_two_servers_share_no_secret(made, tmp_path):
    other = create_server(tmp_path / "server")
    for name in ("operator.key", "registry.key", "authority.key", "server.key", "superexec.secret"):
        assert (made.keys / name).read_bytes() != (other.keys / name).read_bytes()
    assert len(other.superexec_secret_path.read_bytes()) == 64


def test_a_folder_that_holds_something_is_left_as_it_was(tmp_path, home):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    key = home.operator_key_path.read_bytes()
    for name in ("full", "file", "link", "server"):
        with pytest.raises(Misconfigured, match="expected a new or an empty folder"):
            create_server(tmp_path / name)
    assert (tmp_path / "full" / "letter").read_text() == "dear"
    assert home.operator_key_path.read_bytes() == key
    assert sorted(os.listdir(tmp_path)) == ["file", "full", "link", "server"]


def test_an_empty_folder_and_one_deep_down_do(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert check_server(create_server(tmp_path / "empty").directory) == []
    monkeypatch.chdir(tmp_path)
    assert create_server(Path("a/b/c")).directory == tmp_path / "a" / "b" / "c"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(Misconfigured, match="another folder than the current one"):
        create_server(Path("."))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", ["write_private", "write_key", "issue_server_certificate"])
def test_an_interrupted_init_leaves_nothing(tmp_path, monkeypatch, step, error):
    def interrupted(*_):
        raise error

    monkeypatch.setattr(create_module, step, interrupted)
    expected = Misconfigured if isinstance(error, OSError) else error
    with pytest.raises(expected):
        create_server(tmp_path / "server")
    assert os.listdir(tmp_path) == []


def test_of_two_inits_of_one_folder_at_once_one_wins(tmp_path, monkeypatch):
    rename = os.rename

    def late(source, target):
        (tmp_path / "server").mkdir()
        (tmp_path / "server" / "server.toml").write_text("the other one's")
        rename(source, target)

    monkeypatch.setattr(create_module.os, "rename", late)
    with pytest.raises(Misconfigured, match="could not be made there"):
        create_server(tmp_path / "server")
    assert os.listdir(tmp_path) == ["server"]
    assert os.listdir(tmp_path / "server") == ["server.toml"]


def test_a_wrong_federation_file_makes_no_server(tmp_path):
    with pytest.raises(Misconfigured, match=r"training\.rounds"):
        create_server(tmp_path / "server", federation="[training]\nrounds = -1\n")
    with pytest.raises(Corrupt, match="expected TOML"):
        create_server(tmp_path / "server", federation="no toml")
    assert os.listdir(tmp_path) == []


def test_only_a_servers_folder_opens(tmp_path, home):
    with pytest.raises(Misconfigured, match="`hushrec-server init "):
        Home.open(tmp_path)
    home.settings_path.write_text("port = 'x'")
    with pytest.raises(Misconfigured, match="port: expected a valid integer, got 'x'"):
        Home.open(home.directory)


def test_the_registrys_key_certifies_devices(made):
    device = Identity(made.operator_key())
    certificate = made.certify(device.public_key, 1000)
    registry = made.registry_key().public_key().public_bytes_raw()
    verify_certificate(registry, device.public_key, certificate, 999)
    with made.registry() as opened:
        assert opened.devices() == ()


def test_a_home_prints_its_place_alone(made):
    assert repr(made) == f"Home({made.directory})"


def test_a_server_certificate_signs_no_other(made):
    certificate = x509.load_pem_x509_certificate(made.server_certificate_path.read_bytes())
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    authority = x509.load_pem_x509_certificate(made.authority_path.read_bytes())
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


PRIVATE = ["keys/operator.key", "keys/registry.key", "keys/authority.key", "keys/server.key", "keys/superexec.secret"]
FILES = [*PRIVATE, "keys/authority.pem", "keys/server.pem", "registry.sqlite", "federation.toml"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_each_file_that_is_missing_or_something_else_is_named_with_what_to_do(home, name, damage):
    path = home.directory / name
    path.unlink() if damage == "missing" else path.write_bytes({"empty": b"", "garbage": b"\xff x" * 40}[damage])
    if (name, damage) in (("keys/superexec.secret", "garbage"), ("federation.toml", "empty")):
        return  # any 32 bytes are a secret; an empty file means the shipped values
    findings = check_server(home.directory)
    assert name in {finding.what for finding in findings}
    for finding in findings:
        assert finding.expected
        assert finding.got
        assert "restore it" in finding.fix or "--mend" in finding.fix or "edit it" in finding.fix
        assert "\\xff" not in str(finding)


@pytest.mark.parametrize("name", ["", "keys", *FILES[:7], "registry.sqlite", "keys/console-operator.token"])
def test_each_mode_that_lets_others_in_is_named_and_mended(home, name):
    write_private(home.console_tokens["operator"], b"t" * 43)
    path = home.directory / name
    path.chmod(0o777 if path.is_dir() else 0o666)
    (finding,) = check_server(home.directory)
    assert finding.expected.startswith("mode 0")
    assert f"chmod {finding.expected.removeprefix('mode 0')} {path}" in finding.fix
    assert len(repair_server(home.directory)) == 1
    assert check_server(home.directory) == []


def test_keys_that_do_not_belong_together_are_found(home, tmp_path):
    other = create_server(tmp_path / "other")
    shutil.copy(other.authority_key_path, home.authority_key_path)
    assert {str(finding.what) for finding in check_server(home.directory)} == {"keys/authority.pem"}
    shutil.copy(other.authority_path, home.authority_path)
    (finding,) = check_server(home.directory)
    assert (finding.what, finding.expected) == ("keys/server.pem", "one signed by keys/authority.pem")
    shutil.copy(other.server_key_path, home.server_key_path)
    assert "the certificate of keys/server.key" in {finding.expected for finding in check_server(home.directory)}
    repair_server(home.directory)
    assert check_server(home.directory) == []


def test_a_key_of_another_kind_is_found(home):
    shutil.copy(home.operator_key_path, home.server_key_path)
    shutil.copy(home.authority_key_path, home.operator_key_path)
    assert {finding.what for finding in check_server(home.directory)} == {"keys/operator.key", "keys/server.key"}
    create_module.write_key(home.server_key_path, ec.generate_private_key(ec.SECP384R1()))
    assert "keys/server.key" in {finding.what for finding in check_server(home.directory)}


def test_names_added_to_the_settings_need_a_new_server_certificate_and_get_one(home):
    text = home.settings_path.read_text().replace("names = []", 'names = ["FILMS.example.org", "2001:DB8::7"]')
    home.settings_path.write_text(text)
    (finding,) = check_server(home.directory)
    assert finding.got == "none for 2001:db8::7, films.example.org"
    key, authority = home.server_key_path.read_bytes(), home.authority_path.read_bytes()
    assert "keys/server.pem: made anew" in repair_server(home.directory)[0]
    assert check_server(home.directory) == []
    assert home.server_key_path.read_bytes() != key
    assert home.authority_path.read_bytes() == authority  # devices pinned it


def test_the_end_of_a_certificate_is_said_in_good_time(home):
    now = datetime.now(UTC)
    assert check_server(home.directory, now + timedelta(days=794)) == []
    (finding,) = check_server(home.directory, now + timedelta(days=796))
    assert (finding.what, finding.expected) == ("keys/server.pem", "at least 30 days left")
    late = now + timedelta(days=7000)
    assert len(repair_server(home.directory, late)) == 1
    (finding,) = check_server(home.directory, late)
    assert finding.what == "keys/authority.pem"
    assert "devices have to join it anew" in finding.fix


def test_what_can_be_mended_is_even_when_something_else_cannot(home):
    home.authority_key_path.unlink()
    home.server_certificate_path.unlink()
    home.operator_key_path.chmod(0o644)
    assert repair_server(home.directory) == ["keys/operator.key: mode is 0600 now"]
    assert {finding.what for finding in check_server(home.directory)} == {"keys/authority.key", "keys/server.pem"}


def test_a_server_certificate_is_kept_while_the_authority_does_not_fit(home, tmp_path):
    shutil.copy(create_server(tmp_path / "other").authority_key_path, home.authority_key_path)
    home.settings_path.write_text(home.settings_path.read_text().replace("names = []", 'names = ["example.org"]'))
    before = home.server_certificate_path.read_bytes(), home.server_key_path.read_bytes()
    assert repair_server(home.directory) == []
    assert (home.server_certificate_path.read_bytes(), home.server_key_path.read_bytes()) == before


def test_wrong_settings_do_not_hide_what_else_is_wrong(home):
    home.settings_path.write_text("port = 'x'")
    home.operator_key_path.unlink()
    assert [finding.what for finding in check_server(home.directory)] == ["server.toml", "keys/operator.key"]


def test_a_newer_registry_and_a_sum_that_devices_do_not_answer_are_found(home):
    connection = sqlite3.connect(home.registry_path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    home.federation_path.write_text('[privacy]\nlevel = "none"\n[sum]\nmode = "plain"\n')
    registry, federation = check_server(home.directory)
    assert "update Hushrec" in registry.got
    assert (federation.what, federation.got) == ("federation.toml: sum.mode", "'plain'")


def test_a_catalogue_that_cannot_be_read_is_found(home):
    (home.catalogue / "items.jsonl").write_text("{}\n")
    (finding,) = check_server(home.directory)
    assert finding.what == "catalogue/items.jsonl"


def test_checking_changes_nothing(home):
    home.server_certificate_path.unlink()
    home.operator_key_path.chmod(0o644)
    before = {path: path.read_bytes() for path in home.directory.rglob("*") if path.is_file()}
    check_server(home.directory)
    assert {path: path.read_bytes() for path in home.directory.rglob("*") if path.is_file()} == before


def test_a_folder_that_is_no_server_is_one_finding(tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        (finding,) = check_server(directory)
        assert "`hushrec-server init " in finding.fix
        with pytest.raises(Misconfigured):
            repair_server(directory)
