"""The settings of a server: a table, whose rows are the fields of one value.

Skygear's variables keep its names; ours begin with SKYLOGIN_.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from skylogin.config import parsers
from skylogin.config.parsers import Network, optional
from skylogin.domain import limit_table
from skylogin.domain.database_url import SQLITE_PREFIX
from skylogin.domain.limit_table import Given
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.domain.rate import Rule
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import EVERYBODY, OWNER, USERS
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL, Rules

DEV, SERVE = "dev", "serve"
# The file with the settings and users of a project.
PROJECT_FILE = "skylogin.yaml"
# Values of SKYLOGIN_SCHEMA_CHANGES, beside ORIGINAL, and of SKYLOGIN_LOGINS, beside CUSTOM_TOKEN.
SIGNED, ALL = "signed", "all"
PORT = 3000
LOOPBACK, LOOPBACK_NAME = "127.0.0.1", "localhost"
# Kinds of settings. All but the plain ones may come from a file. A URL may contain a password.
PLAIN, PUBLIC_KEY, URL, SECRET = "plain", "public key", "URL", "secret"

DEFAULT_API_KEY, DEFAULT_MASTER_KEY = "changeme", "secret"
# Keys and secrets that documentation and examples of Skygear show.
DEFAULT_KEYS = frozenset(
    (DEFAULT_API_KEY, DEFAULT_MASTER_KEY, "ssosecret", "another-secret", "my_skygear_jwt_secret")
)


class Setting(NamedTuple):
    """A row: the field of Settings, the variable, its default as text, its parser, a sentence."""

    field: str
    variable: str
    default: str
    parse: Callable[[str], Any]
    about: str
    kind: str


def _setting(
    variable: str, default: str, parse: Callable[[str], Any], about: str, kind: str = PLAIN
) -> Any:
    """Declare a field of Settings that is read from *variable*."""
    row = (variable, default, parse, about, kind)
    return field(metadata={"row": row}, repr=kind in (PLAIN, PUBLIC_KEY))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server, made once from the environment."""

    mode: str
    # A row stays on one line, whatever its length.
    # ruff: noqa: E501
    # fmt: off
    app_name: str = _setting("APP_NAME", "myapp", str, "Name of the default app, and `iss` of its access tokens.")
    api_key: str = _setting("API_KEY", "", str, "Key that clients send. `skylogin dev`: `changeme` unless set.", PUBLIC_KEY)
    master_key: str = _setting("MASTER_KEY", "", str, "Key of the operator's own servers. `skylogin dev`: `secret` unless set.", SECRET)
    custom_token_secret: str | None = _setting("CUSTOM_TOKEN_SECRET", "", str, "Signs custom tokens. Unset: a secret is generated and stored. Empty: under `skylogin dev`, the login with a custom token is off.", SECRET)
    database_url: str = _setting("DATABASE_URL", "", parsers.database_url, "URL of the database: a PostgreSQL URL as libpq takes it, or `sqlite:///path`. `skylogin dev`, `skylogin exec` and tests do not read it.", URL)
    dev_mode: bool | None = _setting("DEV_MODE", "", optional(parsers.boolean), "`yes`: the API key may add fields, and call `role:default`, `role:admin` and `schema:*`. `no`: only the master key may, and a login with a new profile field is refused. Unset: `SKYLOGIN_SCHEMA_CHANGES` says which calls add fields, and the API key may call these actions only under `skylogin dev`.")
    host: tuple[str, int | None] = _setting("HOST", ":3000", parsers.address, "Address to listen on: `host:port`, `:port` or `host`. Without a host, or with `[::]`: every IPv4 and IPv6 address; `skylogin dev` without a host: 127.0.0.1.")
    port: int | None = _setting("PORT", "", optional(parsers.port), "Port to listen on if `HOST` has none. 0: any free port.")
    cors_host: str = _setting("CORS_HOST", "*", parsers.header, "Value of the header `Access-Control-Allow-Origin`.")
    response_timeout_seconds: int = _setting("RESPONSE_TIMEOUT", "60", parsers.lenient_integer, "Seconds after which a call times out; 0 or less: never.")
    auth_record_keys: tuple[KeySet, ...] = _setting("AUTH_RECORD_KEYS", "username,email", parsers.key_sets, "Unique fields of the user record: names, or tuples such as `(email,realm)`.")
    token_store: str = _setting("TOKEN_STORE", "jwt", parsers.choice("jwt", "fs", "redis"), "How access tokens are stored: `jwt`: not at all, they are signed; `fs`: in files; `redis`: in Redis.")
    token_store_path: str = _setting("TOKEN_STORE_PATH", "data/token", str, "Directory for `fs`, or URL for `redis`: `redis://host:port` or `rediss://host:port`.", URL)
    token_store_prefix: str = _setting("TOKEN_STORE_PREFIX", "", str, "Prefix of the keys in Redis, without its colon.")
    token_store_expiry_seconds: int = _setting("TOKEN_STORE_EXPIRY", "0", parsers.lenient_integer, "Seconds after which an access token expires; 0: never.")
    token_store_secret: str = _setting("TOKEN_STORE_SECRET", "", str, "Signs access tokens. Unset: a secret is generated and stored.", SECRET)
    verify_required: bool = _setting("VERIFY_REQUIRED", "no", parsers.boolean, "Whether `me`, `record:*` and `device:*` require `is_verified` to be true on the user record.")
    password_length_min: int = _setting("USER_AUDIT_PW_MIN_LENGTH", "0", parsers.lenient_integer, "Minimum length of a new password, in bytes.")
    password_uppercase_required: bool = _setting("USER_AUDIT_PW_UPPERCASE_REQUIRED", "no", parsers.boolean, "Whether a new password needs a letter from A to Z.")
    password_lowercase_required: bool = _setting("USER_AUDIT_PW_LOWERCASE_REQUIRED", "no", parsers.boolean, "Whether a new password needs a letter from a to z.")
    password_digit_required: bool = _setting("USER_AUDIT_PW_DIGIT_REQUIRED", "no", parsers.boolean, "Whether a new password needs a digit.")
    password_symbol_required: bool = _setting("USER_AUDIT_PW_SYMBOL_REQUIRED", "no", parsers.boolean, "Whether a new password needs a character that is neither a letter nor a digit.")
    password_guessable_level_min: int = _setting("USER_AUDIT_PW_MIN_GUESSABLE_LEVEL", "0", parsers.guessable_level, "Minimum strength of a new password, from 1 to 5 (zxcvbn's score plus one); 0: any.")
    password_excluded_keywords: tuple[str, ...] = _setting("USER_AUDIT_PW_EXCLUDED_KEYWORDS", "", parsers.texts, "Words that a new password may not contain, in any case.")
    password_excluded_fields: tuple[str, ...] = _setting("USER_AUDIT_PW_EXCLUDED_FIELDS", "", parsers.texts, "Fields of the user record whose text a new password may not contain.")
    password_history_size: int = _setting("USER_AUDIT_PW_HISTORY_SIZE", "0", parsers.lenient_integer, "Number of earlier passwords that may not be used again.")
    password_history_days: int = _setting("USER_AUDIT_PW_HISTORY_DAYS", "0", parsers.days, "Days during which an earlier password may not be used again.")
    password_expiry_days: int = _setting("USER_AUDIT_PW_EXPIRY_DAYS", "0", parsers.days, "Days after which a password has to be changed; 0: never.")
    log_level: str = _setting("LOG_LEVEL", "info", parsers.log_level, "Level of the log: `debug`, `info`, `warn`, `error` or `fatal`. No level logs a secret, a token or a body.")
    log_format: str = _setting("LOG_FORMATTER", "text", parsers.choice("text", "json"), "Format of the log: `text` or `json`.")
    log_calls: bool = _setting("SKYLOGIN_LOG_CALLS", "no", parsers.boolean, "Whether each request is logged, with its action, app, status, reason, duration and client address. Unset: only by `skylogin dev` on a terminal.")
    contract: str = _setting("SKYLOGIN_CONTRACT", DOCUMENTED, parsers.choice(DOCUMENTED, ORIGINAL), "Whether to follow Skygear's documentation (`documented`) or its code (`original`) where they differ.")
    schema_changes: str = _setting("SKYLOGIN_SCHEMA_CHANGES", "", optional(parsers.choice(SIGNED, ORIGINAL)), "Which calls may add fields and record types while `DEV_MODE` is unset. `signed`: logins with a custom token, and calls with the master key. `original`: also any call with the API key. Unset: `signed` under `skylogin serve` with the contract `documented`, else `original`.")
    logins: str = _setting("SKYLOGIN_LOGINS", "", optional(parsers.choice(CUSTOM_TOKEN, ALL)), "Which logins are on. `custom_token`: only those with a custom token. `all`: also sign-up, passwords, anonymous users and OAuth. Unset: `custom_token` under `skylogin serve` with the contract `documented`, else `all`.")
    user_directory: str = _setting("SKYLOGIN_USER_DIRECTORY", "", optional(parsers.choice(EVERYBODY, USERS, OWNER)), "Who can read user records, as far as their access lists allow: `everybody` with the API key, `users` who are logged in, or only the `owner` of each. Unset: `users` under `skylogin serve` with the contract `documented`, else `everybody`.")
    own_database_url: str = _setting("SKYLOGIN_DATABASE_URL", "", parsers.database_url, "Like `DATABASE_URL`, but read by every command; it takes precedence. Unset: `skylogin dev` uses embedded SQLite.", URL)
    data: str = _setting("SKYLOGIN_DATA", ".skylogin", str, "Directory of the embedded database.")
    allowed_algorithms: frozenset[str] = _setting("SKYLOGIN_ALLOWED_ALGORITHMS", "HS256,HS384,HS512", parsers.algorithms, "Algorithms that a custom token may be signed with.")
    token_lifetime_max_seconds: int = _setting("SKYLOGIN_TOKEN_LIFETIME_MAX_SECONDS", "0", parsers.integer, "Maximum lifetime of a custom token, from `iat` to `exp`; 0: no limit.")
    audience: str = _setting("SKYLOGIN_AUDIENCE", "", str, "Required `aud` of a custom token; empty: any.")
    issuer: str = _setting("SKYLOGIN_ISSUER", "", str, "Required `iss` of a custom token; empty: any.")
    leeway_seconds: int = _setting("SKYLOGIN_LEEWAY_SECONDS", "0", parsers.integer, "Seconds by which the clock of the authentication server may differ.")
    login_log_rows_max: int = _setting("SKYLOGIN_LOGIN_LOG_ROWS_MAX", "100000", parsers.positive_integer, "Number of login attempts that the login log keeps.")
    login_log_days: int = _setting("SKYLOGIN_LOGIN_LOG_DAYS", "30", parsers.positive_days, "Days for which the login log keeps an attempt.")
    login_log_profiles: bool | None = _setting("SKYLOGIN_LOGIN_LOG_PROFILES", "", optional(parsers.boolean), "Whether the login log keeps the profiles of tokens, up to 4 KiB each. Unset: only under `skylogin dev`.")
    tls_cert: str = _setting("SKYLOGIN_TLS_CERT", "", str, "PEM file with the server's certificate, followed by those of its chain; the server then accepts only TLS. Unset: no TLS.")
    tls_key: str = _setting("SKYLOGIN_TLS_KEY", "", str, "PEM file with the certificate's private key, not encrypted.")
    trusted_proxies: tuple[Network, ...] = _setting("SKYLOGIN_TRUSTED_PROXIES", "", parsers.networks, "Addresses or networks of proxies whose headers `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Prefix` and `Forwarded` are trusted.")
    domain: str = _setting("SKYLOGIN_DOMAIN", "", parsers.domain, "Domain whose subdomains are apps: `NAME.DOMAIN`. `skylogin dev`: `localhost` unless set.")
    body_bytes_max: int = _setting("SKYLOGIN_BODY_BYTES_MAX", "2097152", parsers.positive_integer, "Maximum size of a call's body with the API key or without a key; a larger one is refused with 413.")
    master_body_bytes_max: int = _setting("SKYLOGIN_MASTER_BODY_BYTES_MAX", "16777216", parsers.positive_integer, "The same for calls with the master key in a header, and for the admin API and the portal.")
    token_bytes_max: int = _setting("SKYLOGIN_TOKEN_BYTES_MAX", "262144", parsers.positive_integer, "Maximum size of a custom token; a larger one is refused unread.")
    pubsub_message_bytes_max: int = _setting("SKYLOGIN_PUBSUB_MESSAGE_BYTES_MAX", "65536", parsers.positive_integer, "Maximum size of a websocket message; a larger one closes the connection with 1009.")
    connections_max: int = _setting("SKYLOGIN_CONNECTIONS_MAX", "10000", parsers.positive_integer, "Maximum number of open client connections, also limited by the file descriptors of the process. Beyond it, only `/healthz` and `/readyz` are answered.")
    connections_per_address_max: int = _setting("SKYLOGIN_CONNECTIONS_PER_ADDRESS_MAX", "500", parsers.positive_integer, "Maximum number of open connections from one address (for IPv6: one /64), at most half of all. Does not apply to loopback and `SKYLOGIN_TRUSTED_PROXIES`.")
    limits: tuple[Given, ...] = _setting("SKYLOGIN_LIMITS", "", limit_table.read, "Limits on calls, such as `refused_logins=60/m,calls=600/m`; `off` turns one or all off. A limit that is not named has its default under `skylogin serve`, and is off under `skylogin dev`.")
    default_key_on_network: bool = _setting("SKYLOGIN_DEFAULT_KEY_ON_NETWORK", "no", parsers.boolean, "Whether `skylogin dev` may listen beyond loopback with the default master key, which is public.")
    admin_token: str = _setting("SKYLOGIN_ADMIN_TOKEN", "", str, "Token of the admin API. Unset: `skylogin dev` accepts the master key, `skylogin serve` has no admin API.", SECRET)
    admin_password: str = _setting("SKYLOGIN_ADMIN_PASSWORD", "", str, "Password of the portal of `skylogin serve`, or its bcrypt or Argon2 hash. Unset: no portal.", SECRET)
    metrics_token: str = _setting("SKYLOGIN_METRICS_TOKEN", "", str, "Bearer token of `/metrics`. Unset: only programs on this machine can read it, and not through a proxy.", SECRET)
    metrics_port: int | None = _setting("SKYLOGIN_METRICS_PORT", "", optional(parsers.port), "Separate port for `/metrics`. 0: any free port.")
    # fmt: on
    warnings: tuple[str, ...] = ()

    @property
    def may_extend_schema(self) -> bool:
        """Return whether a login with a custom token may add fields to the user record."""
        # Unset, both commands let logins add them, as the original does.
        return self.dev_mode is not False

    @property
    def clients_may_extend_schema(self) -> bool:
        """Return whether any other call with the API key may add fields and record types."""
        return self.schema_changes == ORIGINAL if self.dev_mode is None else self.dev_mode

    def allows(self, login: str) -> bool:
        """Return whether a kind of login is switched on; it is empty for other actions."""
        return self.logins == ALL or login in ("", CUSTOM_TOKEN)

    @property
    def is_open(self) -> bool:
        """Return whether the server is as open as the original, unless a setting says otherwise."""
        return self.mode == DEV or self.contract == ORIGINAL

    @property
    def has_default_master_key(self) -> bool:
        """Return whether the master key is one that documentation shows."""
        return self.master_key in DEFAULT_KEYS

    @property
    def keeps_profiles(self) -> bool:
        """Return whether the login log keeps the profiles of tokens."""
        wanted = self.login_log_profiles
        return self.mode == DEV if wanted is None else wanted

    @property
    def may_use_dev_actions(self) -> bool:
        """Return whether the API key may call the actions that need DEV_MODE in the original."""
        return self.mode == DEV if self.dev_mode is None else self.dev_mode

    @property
    def password_policy(self) -> PasswordPolicy:
        """Return what a new password has to satisfy."""
        return PasswordPolicy(
            length_min=self.password_length_min,
            uppercase_required=self.password_uppercase_required,
            lowercase_required=self.password_lowercase_required,
            digit_required=self.password_digit_required,
            symbol_required=self.password_symbol_required,
            guessable_level_min=self.password_guessable_level_min,
            excluded_keywords=self.password_excluded_keywords,
            excluded_fields=self.password_excluded_fields,
            history_size=self.password_history_size,
            history_days=self.password_history_days,
            expiry_days=self.password_expiry_days,
        )

    @property
    def rules(self) -> Rules:
        """Return what a custom token has to satisfy."""
        return Rules(
            contract=self.contract,
            algorithms=self.allowed_algorithms,
            leeway_seconds=self.leeway_seconds,
            lifetime_max_seconds=self.token_lifetime_max_seconds,
            audience=self.audience,
            issuer=self.issuer,
        )

    @property
    def limit_rules(self) -> dict[str, Rule]:
        """Return the limits in force, by name."""
        return limit_table.in_force(self.limits, has_defaults=self.mode == SERVE)

    @property
    def embedded_url(self) -> str:
        """Return the URL of the embedded database."""
        return f"{SQLITE_PREFIX}{self.data}/skylogin.db"

    @property
    def database_kind(self) -> str:
        """Return `sqlite` or `postgresql`."""
        url = self.database_url or self.embedded_url
        return "sqlite" if url.startswith(SQLITE_PREFIX) else "postgresql"

    @property
    def host_names(self) -> frozenset[str] | None:
        """Return the host names of this server, None for any, because a proxy may use others."""
        return frozenset((LOOPBACK_NAME, self.domain)) if self.mode == DEV else None

    @property
    def scheme(self) -> str:
        """Return the scheme of the server's own URL."""
        return "https" if self.tls_cert else "http"

    def address(self) -> tuple[str, int]:
        """Return the host and the port to listen on."""
        host, port = self.host
        if port is None:
            port = PORT if self.port is None else self.port
        return host, port


SETTINGS = tuple(
    Setting(one.name, *one.metadata["row"]) for one in fields(Settings) if one.metadata
)
VARIABLES = frozenset(setting.variable for setting in SETTINGS)
# A variable that ends with _FILE names the file that one of these is in.
FROM_FILES = tuple(setting.variable for setting in SETTINGS if setting.kind != PLAIN)
SECRETS = frozenset(setting.variable for setting in SETTINGS if setting.kind == SECRET)
# Messages about a value that cannot be used do not show it.
NOT_SHOWN = SECRETS | {setting.variable for setting in SETTINGS if setting.kind == URL}

# Variables that `skylogin exec` sets for its command, and that the kits read.
FOR_CLIENTS = frozenset(("SKYLOGIN_PORTAL", "SKYLOGIN_APP", "SKYLOGIN_URL", "SKYLOGIN_PACKAGE"))
# Old names, each with the name that replaced it.
RENAMED = {
    f"SKYLOGIN_JOURNAL_{part}": f"SKYLOGIN_LOGIN_LOG_{part}"
    for part in ("ROWS_MAX", "DAYS", "PROFILES")
}
# What Kubernetes, and Docker for its links, set for a service whose name is `skylogin` or begins
# with `skylogin-`. SKYLOGIN_PORT with only a number is not one of them: it is meant to be PORT.
SERVICE_LINK = re.compile(
    r"SKYLOGIN_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)=.*"
    r"|SKYLOGIN_(?:\w+_)?PORT=(?:tcp|udp|sctp)://.*"
    r"|SKYLOGIN_(?:\w+_)?(?:NAME=/.*|ENV_\w+=.*)",
    re.DOTALL,
)
# Skygear's variables for features that skylogin does not have.
WITHOUT_EFFECT = (
    "PLUGINS",
    "ASSET_STORE",
    "SLAVE",
    "APNS_ENABLE",
    "FCM_ENABLE",
    "GCM_ENABLE",
    "BAIDU_PUSH_ENABLE",
    "SENTRY_DSN",
    "USER_AUDIT_ENABLED",
    "DB_IMPL_NAME",
)


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """Return the URL at which this machine reaches a server that listens on *host*."""
    # A server that listens on every address listens on loopback too.
    host = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
