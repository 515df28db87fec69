"""server.toml: strict, commented, and its errors name the key."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.home import Limits, Schedule, ServerSettings
from server.home.settings import default_settings_text, read_server_settings, settings_of
from shared.errors import Corrupt, Misconfigured


def test_the_shipped_file_holds_the_defaults_with_a_comment_before_each_key(tmp_path):
    (tmp_path / "server.toml").write_text(default_settings_text())
    assert read_server_settings(tmp_path / "server.toml") == ServerSettings()
    lines = default_settings_text().splitlines()
    keys = [place for place, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(keys) == len(ServerSettings.model_fields) + len(Limits.model_fields) + len(Schedule.model_fields)
    assert all(lines[place - 1].startswith("# ") or lines[place - 2].startswith("# ") for place in keys)


@given(
    name=st.text(st.characters(min_codepoint=32, exclude_categories=("C", "Z")), min_size=1, max_size=64),
    port=st.integers(1, 65_535),
    names=st.lists(st.sampled_from(["example.org", "192.0.2.7", "2001:db8::7", "a"]), max_size=4),
    body_bytes=st.integers(65_536, 2**30),
)
def test_settings_survive_their_file_and_keep_its_comments(tmp_path_factory, name, port, names, body_bytes):
    settings = ServerSettings(
        name=name,
        port=port,
        superlink_port=port % 65_535 + 1,
        names=tuple(names),
        limits=Limits(body_bytes=body_bytes),
        schedule=Schedule(every_hours=port / 8, rounds_per_day=len(names)),
    )
    path = tmp_path_factory.mktemp("settings") / "server.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert read_server_settings(path) == settings
    assert settings.to_toml().count("\n# ") == default_settings_text().count("\n# ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot: expected a known key, one of name, host, port"),
        ("[limits]\nbody = 1", "limits.body: expected a known key"),
        ("port = 0", "port: expected greater than or equal to 1, got 0"),
        ('port = "9443"', "port: expected a valid integer, got '9443'"),
        ("hold_seconds = 4", "hold_seconds: expected greater than or equal to 5, got 4"),
        ("hold_seconds = 241", "hold_seconds: expected less than or equal to 240, got 241"),
        ("[limits]\nconnections = 1", "limits.connections: expected greater than or equal to 16, got 1"),
        ("port = true", "port: expected a valid integer, got True"),
        ("port = 9442", "superlink_port: expected another port than the gateway's, got 9442 for both"),
        ('host = "127.0.0.1:9443"', "host: expected a name or an address to listen on, without a port"),
        ('host = "300.1.1.1"', "host: expected a name or an address"),
        ('host = "0.0.0.0"', "public_url: expected https://HOST:PORT where devices reach this server"),
        ('public_url = "http://a:1"', "public_url: expected https://HOST:PORT and nothing behind it"),
        ('public_url = "https://a:1/"', "public_url: expected https://HOST:PORT and nothing behind it"),
        ('public_url = "https://a:70000"', "public_url: expected https://HOST:PORT"),
        ('public_url = "https://a"', "public_url: expected https://HOST:PORT"),
        ('names = ["a b"]', "names: expected names and addresses without ports"),
        ('name = "a\\nb"', "name: expected printable characters"),
        ('name = "  "', "name: expected printable characters"),
        ("certificate_days = 0", "certificate_days: expected"),
    ],
)
def test_an_error_names_the_key_what_was_expected_and_what_came(text, said):
    with pytest.raises(Misconfigured) as caught:
        settings_of(tomllib.loads(text))
    assert str(caught.value).startswith(f"server.toml: {said}")


def test_a_file_that_is_missing_or_no_toml_is_said(tmp_path):
    with pytest.raises(Misconfigured, match="could not be read"):
        read_server_settings(tmp_path / "server.toml")
    for content in (b"port 1", b"\xff"):
        (tmp_path / "server.toml").write_bytes(content)
        with pytest.raises(Corrupt, match="expected TOML"):
            read_server_settings(tmp_path / "server.toml")


@pytest.mark.parametrize(
    ("settings", "url", "hosts"),
    [
        ({}, "https://127.0.0.1:9443", ("127.0.0.1", "localhost")),
        ({"host": "::1", "port": 1}, "https://[::1]:1", ("::1", "localhost", "127.0.0.1")),
        (
            {"host": "0.0.0.0", "public_url": "https://films.example.org:443", "names": ("192.0.2.7",)},
            "https://films.example.org:443",
            ("films.example.org", "192.0.2.7", "localhost", "127.0.0.1"),
        ),
        (
            {"host": "192.0.2.7", "public_url": "https://[2001:db8::7]:9443"},
            "https://[2001:db8::7]:9443",
            ("2001:db8::7", "192.0.2.7", "localhost", "127.0.0.1"),
        ),
    ],
)
def test_the_address_and_the_certificates_names_follow_from_the_settings(settings, url, hosts):
    made = ServerSettings(**settings)
    assert (made.url, made.hosts) == (url, hosts)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("https://127.0.0.1:9443", True),
        ("https://[::1]:9443", True),
        ("https://LOCALHOST:9443", True),
        ("https://192.0.2.7:9443", False),
        ("https://example.org:9443", False),
    ],
)
def test_an_address_of_this_machine_alone_is_known(url, local):
    assert ServerSettings(public_url=url).is_local is local
