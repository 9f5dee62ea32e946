"""TLS: a certificate with its chain and its key, from files that can be read again.

A certificate is tried before it is used, in a handshake with a client that trusts it.
"""

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from skylogin.config import ConfigurationError, Settings

# OpenSSL's words for a key that does not belong to the certificate.
NOT_A_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
# OpenSSL's codes for a certificate that is not valid now.
NOT_YET_VALID, EXPIRED = 9, 10
BEGIN = "-----BEGIN CERTIFICATE-----"
BYTES_MAX = 1_000_000
# A handshake takes two or three turns.
TURNS_MAX = 10


class Certificate:
    """A server's certificate. *expires_at* is in seconds since 1970."""

    def __init__(self, settings: Settings) -> None:
        """Read the files that *settings* name. Raises ConfigurationError."""
        self._newest, self.expires_at, self._chain = _read(settings)
        self.context = self._newest
        self.context.sni_callback = self._use_newest

    def _use_newest(self, connection: ssl.SSLObject, *_: object) -> None:
        # Called in every handshake, even if the client names no server.
        connection.context = self._newest

    def reload(self, settings: Settings) -> Callable[[], bool]:
        """Read the files again. Returns a function that starts using them.

        That returns whether they have changed. Open connections continue. Raises
        ConfigurationError.
        """
        newest, expires_at, chain = _read(settings)

        def use() -> bool:
            has_changed = chain != self._chain
            self._newest, self.expires_at, self._chain = newest, expires_at, chain
            return has_changed

        return use


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate that *settings* name, None if there is no TLS.

    Raises ConfigurationError.
    """
    return Certificate(settings) if settings.tls_cert else None


def _read(settings: Settings) -> tuple[ssl.SSLContext, float, str]:
    """Return the context of the certificate, when it expires, and its text with the key's."""
    of_chain, of_key = (
        f"SKYLOGIN_TLS_CERT {settings.tls_cert}",
        f"SKYLOGIN_TLS_KEY {settings.tls_key}",
    )
    chain, key = _text(settings.tls_cert, of_chain), _text(settings.tls_key, of_key)
    if BEGIN not in chain:
        raise ConfigurationError([f"{of_chain}: it has no certificate in PEM"])
    if "PRIVATE KEY-----" not in key:
        raise ConfigurationError([f"{of_key}: it has no private key in PEM"])
    client = _client(chain, of_chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_refuse_password)
    except _EncryptedError:
        raise ConfigurationError([f"{of_key}: it is encrypted; decrypt it first"]) from None
    except ssl.SSLError as error:
        if error.reason in NOT_A_PAIR:
            problem = "it is not the key of the certificate in SKYLOGIN_TLS_CERT"
        else:
            problem = f"it cannot be used with SKYLOGIN_TLS_CERT ({error.reason or error})"
        raise ConfigurationError([f"{of_key}: {problem}"]) from None
    try:
        shown = _shake_hands(context, client)
    except ssl.SSLError as error:
        raise ConfigurationError([f"{of_chain}: {_problem_with(error, chain)}"]) from None
    return context, ssl.cert_time_to_seconds(str(shown["notAfter"])), chain + key


def _problem_with(error: ssl.SSLError, chain: str) -> str:
    """Return why a client refuses the certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code not in (NOT_YET_VALID, EXPIRED) and chain.count(BEGIN) > 1:
            return "its second certificate is not that of the issuer of the first"
        return f"no client accepts it: {error.verify_message}"
    return f"it cannot be used ({error.reason or error})"


def _text(path: str, setting: str) -> str:
    try:
        with Path(path).open(encoding="latin-1") as file:
            return file.read(BYTES_MAX)
    except OSError as error:
        raise ConfigurationError([f"{setting}: {error.strerror}"]) from None


class _EncryptedError(Exception):
    """OpenSSL needs a password, which it would ask for on the terminal."""


def _refuse_password() -> str:
    raise _EncryptedError


def _client(chain: str, setting: str) -> ssl.SSLContext:
    """Return a client that trusts the first certificate's issuer, or else that certificate."""
    certificates = [BEGIN + text for text in chain.split(BEGIN)[1:]]
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata="".join(certificates))
        client.load_verify_locations(cadata=certificates[min(1, len(certificates) - 1)])
    except (ssl.SSLError, ValueError):
        raise ConfigurationError([f"{setting}: it has a certificate that is damaged"]) from None
    return client


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """Return the certificate that *client* sees. Raises ssl.SSLError if it accepts none."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(TURNS_MAX):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert() or {}
