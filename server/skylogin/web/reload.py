"""Reloading keys, secrets and the certificate without a restart."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skylogin import logs
from skylogin.config import PUBLIC_KEY, SECRET, SETTINGS, ConfigurationError, Setting, Settings
from skylogin.web.tls import Certificate

logger = logging.getLogger("skylogin.web")

# Reloaded besides keys and secrets. Other settings need a restart.
CERTIFICATE = ("tls_cert", "tls_key")


class Holder(Protocol):
    """A user of settings that may change while it runs."""

    settings: Settings

    def change(self, values: Mapping[str, Any]) -> None:
        """Replace keys and secrets, given by the names of their fields."""


def reload(holder: Holder, certificate: Certificate | None, read: Callable[[], Settings]) -> None:
    """Use the keys and secrets that *read* returns now, and the certificate in its files.

    If one of them cannot be used, log why, and change nothing. Calls in flight continue.
    """
    before = holder.settings
    try:
        now = read()
        # Read before anything changes.
        use_certificate = certificate and now.tls_cert and certificate.reload(now)
    except (ConfigurationError, OSError) as error:
        logger.error("cannot reload, so nothing has changed: %s", error)
        return
    differing = [row for row in SETTINGS if getattr(now, row.field) != getattr(before, row.field)]
    changed = [row for row in differing if _may_change(row, before, now)]
    holder.change({row.field: getattr(now, row.field) for row in changed})
    # The log masks the new secrets too.
    logs.set_up(holder.settings)
    names = [row.variable for row in changed]
    if use_certificate and use_certificate():
        names.append("the certificate")
    logger.info("reloaded; changed: %s", ", ".join(names) or "nothing")
    left = [row.variable for row in differing if row not in changed]
    if left:
        logger.warning("reloaded; needs a restart to change: %s", ", ".join(left))


def _may_change(row: Setting, before: Settings, now: Settings) -> bool:
    if row.field in CERTIFICATE:
        return bool(before.tls_cert) == bool(now.tls_cert)
    if row.field == "custom_token_secret":
        # Without the setting, the secrets are in the database.
        return (before.custom_token_secret is None) == (now.custom_token_secret is None)
    # A new token store secret would end all access tokens.
    return row.kind in (PUBLIC_KEY, SECRET) and row.field != "token_store_secret"
