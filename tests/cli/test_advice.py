"""What `skylogin doctor` advises, and when it has nothing to say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from skylogin import config
from skylogin.cli import advice
from skylogin.config import SERVE
from skylogin.database.server_facts import PostgresqlFacts

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OWN = {
    "API_KEY": "a-key-of-our-own",
    "MASTER_KEY": "6f1ed002ab5595859014ebf0951522d9",
    "DATABASE_URL": "sqlite:///x.db",
    "CORS_HOST": "https://app.example.com",
    "TOKEN_STORE": "redis",
    "TOKEN_STORE_PATH": "redis://127.0.0.1:1",
    "TOKEN_STORE_EXPIRY": "2592000",
}
# What changes, and the advice on it.
SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "every site": ({"CORS_HOST": ""}, "CORS_HOST is *: "),
    "tokens for ever": ({"TOKEN_STORE_EXPIRY": "0"}, "access tokens never expire: "),
    "tokens that no logout ends": (
        {"TOKEN_STORE": "jwt"},
        "a logout does not end an access token: ",
    ),
    "a weak secret": ({"MASTER_KEY": "aaaaaaaaaaaaaaaaaaaa"}, "MASTER_KEY may be guessed: "),
    "an open portal": (
        {"SKYLOGIN_ADMIN_PASSWORD": "97a1c4bd03f9f2e1d"},
        "the portal and the admin API are open to the network without TLS: ",
    ),
}


def on_settings(**changes: str) -> list[str]:
    """Return the advice on settings of `serve`."""
    settings = config.read({**OWN, **changes}, SERVE)
    values = {row.variable: row.value for row in config.in_force(settings)}
    return [*advice.on_values(values), *advice.on_settings(settings)]


@pytest.mark.parametrize(("changes", "begins"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_protect_less_are_reported(changes: dict[str, str], begins: str) -> None:
    """One line each, with what to do."""
    assert on_settings() == []
    [text] = on_settings(**changes)
    assert text.startswith(begins)
    assert "\n" not in text


@pytest.mark.parametrize("more", [{"HOST": "127.0.0.1"}, {"SKYLOGIN_TRUSTED_PROXIES": "10.0.0.1"}])
def test_operators_behind_a_proxy_or_on_loopback_are_fine(more: dict[str, str]) -> None:
    """Their passwords do not cross the network in the open."""
    assert on_settings(SKYLOGIN_ADMIN_TOKEN="97a1c4bd03f9f2e1d", **more) == []


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the database, and that of the access tokens."""
    (tmp_path / "tokens").mkdir()
    more = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "TOKEN_STORE": "fs",
        "TOKEN_STORE_PATH": f"{tmp_path}/tokens",
    }
    monkeypatch.setattr(advice, "FREE_BYTES_MIN", 2**62)

    assert [text.split(" has ")[0] for text in on_settings(**more)] == [
        f"the disk of {tmp_path}",
        f"the disk of {tmp_path}/tokens",
    ]


def test_tokens_from_the_future_are_reported() -> None:
    """Together, whatever time it was that they had."""
    refused = {"issued_in_future": 2, "not_yet_valid": 1, "signature_wrong": 7}
    points = [{"refused": {}}, {"refused": refused}]

    [text] = advice.on_logins({"day": {"points": points}})
    assert text.startswith("3 logins of the last day were refused")
    assert list(advice.on_logins({"day": {"points": points[:1]}})) == []


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        (None, "`skylogin backup` has not made a backup yet"),
        ((NOW - timedelta(days=3)).isoformat(), "the last backup was made 3 days ago"),
        ((NOW - timedelta(days=1)).isoformat(), None),
    ],
)
def test_an_old_backup_is_reported(at: str | None, begins: str | None) -> None:
    """And one that was never made."""
    found = list(advice.on_backup(at, NOW))

    assert [text.startswith(begins or "") for text in found] == [True] * (begins is not None)


WELL = PostgresqlFacts(16, "on", "", 100, 80, 10)
POSTGRESQL = {
    "commits that wait for nothing": ({"synchronous_commit": "off"}, "a crash loses"),
    "a standby behind": ({"synchronous_commit": "local", "standbys": "*"}, "a failover loses"),
    "an old version": ({"version": 12}, "no security updates"),
    "few connections": ({"connections_free": 9}, "9 of 100 connections left"),
}


@pytest.mark.parametrize(("changes", "part"), POSTGRESQL.values(), ids=POSTGRESQL)
def test_a_postgresql_that_protects_less_is_reported(changes: dict[str, object], part: str) -> None:
    """One that is well is not."""
    assert list(advice.on_postgresql(WELL)) == []
    assert list(advice.on_postgresql(replace(WELL, synchronous_commit="local"))) == []
    [text] = advice.on_postgresql(replace(WELL, **changes))
    assert part in text
