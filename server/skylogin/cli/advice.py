"""Advice of `skylogin doctor` on a server that can run, one sentence each."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from skylogin import config
from skylogin.clock import system_now
from skylogin.config import ConfigurationError, Settings
from skylogin.database.server_facts import PostgresqlFacts
from skylogin.domain import hosts
from skylogin.errors import Reason
from skylogin.relative_time import ago
from skylogin.web import tls
from skylogin.web.tls import Certificate

CERTIFICATE_DAYS_MIN = 21
FREE_BYTES_MIN = 2**30
BACKUP_AGE_MAX = timedelta(days=2)
# The oldest version that gets security updates.
POSTGRESQL_MIN = 14
EARLY = (Reason.ISSUED_IN_FUTURE, Reason.NOT_YET_VALID)


def on_values(values: Mapping[str, str]) -> Iterator[str]:
    """Yield advice on settings of `skylogin serve`, given as they are shown to people."""
    if values["CORS_HOST"] == "*":
        yield (
            "CORS_HOST is *: pages of every site may call the server; name your own, such as "
            "CORS_HOST=https://app.example.com"
        )
    if values["TOKEN_STORE_EXPIRY"] == "0":
        yield "access tokens never expire: set TOKEN_STORE_EXPIRY, such as 2592000 for 30 days"
    if values["TOKEN_STORE"] == "jwt":
        yield "a logout does not end an access token: set TOKEN_STORE to redis or fs if it should"


def on_settings(settings: Settings) -> Iterator[str]:
    """Yield advice that depends on the server's own machine."""
    yield from config.doubts(settings)
    host, _ = settings.address()
    has_operators = settings.admin_password or settings.admin_token
    is_encrypted = settings.tls_cert or settings.trusted_proxies
    if has_operators and not is_encrypted and not hosts.is_loopback(host):
        yield (
            "the portal and the admin API are open to the network without TLS: set "
            "SKYLOGIN_TLS_CERT, SKYLOGIN_TRUSTED_PROXIES for a proxy with TLS, or HOST=127.0.0.1"
        )
    # An unusable certificate is a problem, not advice.
    with suppress(ConfigurationError):
        yield from _on_certificate(tls.certificate_of(settings))
    yield from _on_disk(settings)


def _on_certificate(certificate: Certificate | None) -> Iterator[str]:
    if certificate is not None:
        days = int((certificate.expires_at - system_now().timestamp()) / 86400)
        if days < CERTIFICATE_DAYS_MIN:
            yield f"the certificate of SKYLOGIN_TLS_CERT expires in {days} days: renew it"


def _on_disk(settings: Settings) -> Iterator[str]:
    url = settings.database_url or settings.embedded_url
    paths = []
    if url.startswith(config.SQLITE_PREFIX):
        paths.append(Path(url.removeprefix(config.SQLITE_PREFIX)).parent)
    if settings.token_store == "fs":
        paths.append(Path(settings.token_store_path))
    for path in paths:
        if path.is_dir():
            free = shutil.disk_usage(path).free
            if free < FREE_BYTES_MIN:
                yield f"the disk of {path} has {free // 2**20:,} MiB left: free some space"


def on_logins(seen: Mapping[str, Any]) -> Iterator[str]:
    """Yield advice on the logins of the last day, from an app's overview."""
    early = sum(
        point["refused"].get(reason, 0) for point in seen["day"]["points"] for reason in EARLY
    )
    if early:
        yield (
            f"{early:,} logins of the last day were refused because their tokens are from the "
            "future: set the clocks by NTP, or SKYLOGIN_LEEWAY_SECONDS to a few seconds"
        )


def on_backup(at: str | None, now: datetime) -> Iterator[str]:
    """Yield advice on the last backup of an SQLite database."""
    if at is None:
        yield "`skylogin backup` has not made a backup yet: make one every day"
    elif now - datetime.fromisoformat(at) > BACKUP_AGE_MAX:
        yield f"the last backup was made {ago(datetime.fromisoformat(at), now)}: make one every day"


def on_postgresql(facts: PostgresqlFacts) -> Iterator[str]:
    """Yield advice on the database server."""
    if facts.synchronous_commit == "off":
        yield (
            "PostgreSQL's synchronous_commit is off: a crash loses logins that were answered; "
            "set it to on"
        )
    elif facts.synchronous_commit == "local" and facts.standbys:
        yield (
            "PostgreSQL's synchronous_commit is local: a failover loses logins that were answered; "
            "set it to on"
        )
    if facts.version < POSTGRESQL_MIN:
        yield f"PostgreSQL {facts.version} gets no security updates: upgrade it"
    free, each = max(0, facts.connections_free), facts.connections_per_process
    if free < each:
        yield (
            f"PostgreSQL has {free} of {facts.connections_max} connections left, and one more "
            f"server process takes {each}: raise max_connections, or use PgBouncer"
        )
