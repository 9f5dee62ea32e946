"""The table of settings, and reading them once. Pure: the environment is an argument.

Skygear's variables keep its names and parse rules (configuration.md of the
original); ours begin with SKYLOGIN_. All faults are reported together.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from skylogin.domain import unique_keys
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.domain.unique_keys import KeySet
from skylogin.tokens import jws
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL, Rules

DEV, SERVE = "dev", "serve"
SECRET_LENGTH_MIN = 16
PASSWORD_LENGTH_MIN = 12
PORT, PORT_MAX = 3000, 65535
GUESSABLE_LEVEL_MAX = 5
CUSTOMARY = frozenset(
    ("changeme", "secret", "ssosecret", "another-secret", "my_skygear_jwt_secret")
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigurationError(Exception):
    """Everything that is wrong with a configuration; *faults* are sentences."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class FallbackToDefault(Exception):
    """The value means its default, as in the original. The text says so."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server is told. Times in seconds, sizes in bytes; see SETTINGS."""

    mode: str
    app_name: str
    api_key: str
    master_key: str
    custom_token_secret: str | None
    database_url: str
    dev_mode: bool | None
    host: tuple[str, int | None]
    port: int | None
    cors_host: str
    response_timeout_seconds: int
    auth_record_keys: tuple[KeySet, ...]
    token_store: str
    token_store_path: str
    token_store_prefix: str
    token_store_expiry_seconds: int
    token_store_secret: str
    verify_required: bool
    password_length_min: int
    password_uppercase_required: bool
    password_lowercase_required: bool
    password_digit_required: bool
    password_symbol_required: bool
    password_guessable_level_min: int
    password_excluded_keywords: list[str]
    password_excluded_fields: list[str]
    password_history_size: int
    password_history_days: int
    password_expiry_days: int
    log_level: str
    log_format: str
    contract: str
    data: str
    allowed_algorithms: frozenset[str]
    token_lifetime_max_seconds: int
    audience: str
    issuer: str
    leeway_seconds: int
    journal_rows_max: int
    journal_days: int
    journal_profiles: bool | None
    trusted_proxies: tuple[Network, ...]
    domain: str
    body_bytes_max: int
    pubsub_message_bytes_max: int
    admin_token: str = field(repr=False)
    admin_password: str = field(repr=False)
    warnings: tuple[str, ...] = field(default=())

    @property
    def may_extend_schema(self) -> bool:
        """Return whether a login with the API key may add fields to the user record."""
        # Unset, both commands let logins add them, as the original does.
        return self.dev_mode is not False

    @property
    def keeps_profiles(self) -> bool:
        """Return whether the journal keeps the profiles of tokens."""
        return self.mode == DEV if self.journal_profiles is None else self.journal_profiles

    @property
    def may_use_dev_actions(self) -> bool:
        """Return whether the API key opens what the original opens only in DEV_MODE."""
        return self.mode == DEV if self.dev_mode is None else self.dev_mode

    @property
    def password_policy(self) -> PasswordPolicy:
        """Return what a new password has to be."""
        return PasswordPolicy(
            length_min=self.password_length_min,
            uppercase_required=self.password_uppercase_required,
            lowercase_required=self.password_lowercase_required,
            digit_required=self.password_digit_required,
            symbol_required=self.password_symbol_required,
            guessable_level_min=self.password_guessable_level_min,
            excluded_keywords=tuple(self.password_excluded_keywords),
            excluded_fields=tuple(self.password_excluded_fields),
            history_size=self.password_history_size,
            history_days=self.password_history_days,
            expiry_days=self.password_expiry_days,
        )

    def address(self) -> tuple[str, int]:
        """Return the host and the port to listen on."""
        host, port = self.host
        return host, self.port if port is None and self.port is not None else (
            PORT if port is None else port
        )


def url_of(host: str, port: int) -> str:
    """Return where a server that listens on *host* is reached from this machine."""
    # Who listens on every address listens on loopback; only IPv6's own is no IPv4 address.
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: the field, its variable, the default as text, how to read it, what it is."""

    field: str
    variable: str
    default: str
    read: Callable[[str], Any]
    about: str


def _text(value: str) -> str:
    return value


_TRUE = frozenset(("1", "t", "true", "y", "yes", "on"))
_FALSE = frozenset(("0", "f", "false", "n", "no", "off"))


def _boolean(value: str) -> bool:
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("is neither yes nor no")


def _optional_boolean(value: str) -> bool | None:
    return _boolean(value) if value else None


def _lenient_integer(value: str) -> int:
    """Skygear's rule: what is no number means the default."""
    if _DECIMAL.fullmatch(value) is None:
        raise FallbackToDefault("is no number, so the default counts")
    return int(value)


def _integer(value: str) -> int:
    if _DECIMAL.fullmatch(value) is None:
        raise ValueError("is not a whole number")
    if int(value) < 0:
        raise ValueError("is negative")
    return int(value)


# int() takes more: blanks, underscores, digits of other scripts.
_DECIMAL = re.compile(r"[+-]?\d+", re.ASCII)


def _positive(value: str) -> int:
    if _integer(value) == 0:
        raise ValueError("has to be more than 0")
    return int(value)


def _guessable_level(value: str) -> int:
    level = _lenient_integer(value)
    if level not in range(GUESSABLE_LEVEL_MAX + 1):
        raise FallbackToDefault("is no level from 1 to 5, so the default counts")
    return level


def _port(value: str) -> int | None:
    if not value:
        return None
    if _integer(value) > PORT_MAX:
        raise ValueError("is no port")
    return int(value)


def read_address(value: str) -> tuple[str, int | None]:
    """Read `host:port`, `:port` or `host`; brackets around an IPv6 address."""
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]") or (value.count(":") > 1 and "[" not in value):
        return value.strip("[]"), None
    return host.strip("[]"), _port(port)


def _key_sets(value: str) -> tuple[KeySet, ...]:
    try:
        return unique_keys.read_key_sets(value)
    except unique_keys.DuplicatedKeyError:
        raise
    except ValueError as error:
        raise FallbackToDefault(f"cannot be read ({error}), so the default counts") from None


def _database_url(value: str) -> str:
    if value and not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ValueError("has to begin with sqlite:///, postgres:// or postgresql://")
    return value


def _choice(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return value

    return read


def _level(value: str) -> str:
    levels = {"fatal": "critical", "panic": "critical", "warn": "warning"}
    if value not in ("debug", "info", "error", *levels):
        raise FallbackToDefault("is no level, so the default counts")
    return levels.get(value, value)


def _algorithms(value: str) -> frozenset[str]:
    names = frozenset(_list(value))
    unknown = names - set(jws.ALGORITHMS)
    if unknown or not names:
        raise ValueError(f"may list {', '.join(jws.ALGORITHMS)}")
    return names


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _list(value))
    except ValueError as error:
        raise ValueError(f"has to list addresses or networks: {error}") from None


def _list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


# A row stays on one line, whatever its length.
# ruff: noqa: E501
# fmt: off
SETTINGS = (
    Setting("app_name", "APP_NAME", "myapp", _text, "Name of the app; `iss` of access tokens."),
    Setting("api_key", "API_KEY", "", _text, "Key that clients send. `skylogin dev`: `changeme` unless set."),
    Setting("master_key", "MASTER_KEY", "", _text, "Key of the operator's own servers. `skylogin dev`: `secret` unless set."),
    Setting("custom_token_secret", "CUSTOM_TOKEN_SECRET", "", _text, "Signs custom tokens. Unset: one is generated and kept. Set to nothing: the login is off."),
    Setting("database_url", "DATABASE_URL", "", _database_url, "PostgreSQL in libpq's forms, or `sqlite:///path`. `skylogin dev`: embedded SQLite unless set."),
    Setting("dev_mode", "DEV_MODE", "", _optional_boolean, "Whether clients may extend the schema. Off: a login with a new profile field is refused."),
    Setting("host", "HOST", ":3000", read_address, "Where to listen: `host:port`, `:port` or `host`. `skylogin dev` listens on 127.0.0.1 unless told otherwise."),
    Setting("port", "PORT", "", _port, "Port to listen on; counts when HOST has none. 0: any free one."),
    Setting("cors_host", "CORS_HOST", "*", _text, "Sent as Access-Control-Allow-Origin, as it is."),
    Setting("response_timeout_seconds", "RESPONSE_TIMEOUT", "60", _lenient_integer, "Seconds until a call is given up; 0 or less: never."),
    Setting("auth_record_keys", "AUTH_RECORD_KEYS", "username,email", _key_sets, "Unique fields of the user record: names, or tuples such as `(email,realm)`."),
    Setting("token_store", "TOKEN_STORE", "jwt", _choice("jwt", "fs", "redis"), "Where access tokens live: `jwt` signs them and stores none, `fs` has a file for each, `redis` a hash."),
    Setting("token_store_path", "TOKEN_STORE_PATH", "data/token", _text, "Folder of `fs`, or URL of `redis`: `redis://host:port` or `rediss://host:port`."),
    Setting("token_store_prefix", "TOKEN_STORE_PREFIX", "", _text, "What the keys of `redis` begin with, followed by a colon."),
    Setting("token_store_expiry_seconds", "TOKEN_STORE_EXPIRY", "0", _lenient_integer, "Seconds until an access token ends; 0: never."),
    Setting("token_store_secret", "TOKEN_STORE_SECRET", "", _text, "Signs access tokens. Unset: one is generated and kept."),
    Setting("verify_required", "VERIFY_REQUIRED", "no", _boolean, "Whether `me` needs `is_verified` to be true on the user record."),
    Setting("password_length_min", "USER_AUDIT_PW_MIN_LENGTH", "0", _lenient_integer, "Bytes that a new password has at least."),
    Setting("password_uppercase_required", "USER_AUDIT_PW_UPPERCASE_REQUIRED", "no", _boolean, "Whether it needs one of A to Z."),
    Setting("password_lowercase_required", "USER_AUDIT_PW_LOWERCASE_REQUIRED", "no", _boolean, "Whether it needs one of a to z."),
    Setting("password_digit_required", "USER_AUDIT_PW_DIGIT_REQUIRED", "no", _boolean, "Whether it needs a digit."),
    Setting("password_symbol_required", "USER_AUDIT_PW_SYMBOL_REQUIRED", "no", _boolean, "Whether it needs anything else."),
    Setting("password_guessable_level_min", "USER_AUDIT_PW_MIN_GUESSABLE_LEVEL", "0", _guessable_level, "How hard it has to be to guess, 1 to 5 (zxcvbn's score and one); 0: any."),
    Setting("password_excluded_keywords", "USER_AUDIT_PW_EXCLUDED_KEYWORDS", "", _list, "Words that it may not contain, in any case."),
    Setting("password_excluded_fields", "USER_AUDIT_PW_EXCLUDED_FIELDS", "", _list, "Fields of the user record whose text it may not contain."),
    Setting("password_history_size", "USER_AUDIT_PW_HISTORY_SIZE", "0", _lenient_integer, "Earlier passwords that may not come back."),
    Setting("password_history_days", "USER_AUDIT_PW_HISTORY_DAYS", "0", _lenient_integer, "Days in which a password may not come back."),
    Setting("password_expiry_days", "USER_AUDIT_PW_EXPIRY_DAYS", "0", _lenient_integer, "Days after which a password has to be changed; 0: never."),
    Setting("log_level", "LOG_LEVEL", "info", _level, "`debug`, `info`, `warn`, `error` or `fatal`. No level logs a secret, a token or a body."),
    Setting("log_format", "LOG_FORMATTER", "text", _choice("text", "json"), "`text` or `json`."),
    Setting("contract", "SKYLOGIN_CONTRACT", DOCUMENTED, _choice(DOCUMENTED, ORIGINAL), "Where Skygear's documentation and its code differ: `documented` or `original`."),
    Setting("data", "SKYLOGIN_DATA", ".skylogin", _text, "Folder of the embedded database."),
    Setting("allowed_algorithms", "SKYLOGIN_ALLOWED_ALGORITHMS", "HS256,HS384,HS512", _algorithms, "Algorithms that a custom token may be signed with."),
    Setting("token_lifetime_max_seconds", "SKYLOGIN_TOKEN_LIFETIME_MAX_SECONDS", "0", _integer, "Longest time from `iat` to `exp` of a custom token; 0: no limit."),
    Setting("audience", "SKYLOGIN_AUDIENCE", "", _text, "What a custom token's `aud` has to be; empty: anything."),
    Setting("issuer", "SKYLOGIN_ISSUER", "", _text, "What a custom token's `iss` has to be; empty: anything."),
    Setting("leeway_seconds", "SKYLOGIN_LEEWAY_SECONDS", "0", _integer, "Seconds by which the issuer's clock may be off."),
    Setting("journal_rows_max", "SKYLOGIN_JOURNAL_ROWS_MAX", "100000", _positive, "Attempts that the journal keeps."),
    Setting("journal_days", "SKYLOGIN_JOURNAL_DAYS", "30", _positive, "Days that the journal keeps them."),
    Setting("journal_profiles", "SKYLOGIN_JOURNAL_PROFILES", "", _optional_boolean, "Whether the journal keeps `skyprofile` of tokens, up to 4 KiB each. Unset: `skylogin dev` does, `skylogin serve` does not."),
    Setting("trusted_proxies", "SKYLOGIN_TRUSTED_PROXIES", "", _networks, "Addresses or networks whose X-Forwarded-For is believed."),
    Setting("domain", "SKYLOGIN_DOMAIN", "", _text, "Domain whose subdomains are apps: `app.domain`. `skylogin dev`: `localhost` unless set."),
    Setting("body_bytes_max", "SKYLOGIN_BODY_BYTES_MAX", "16777216", _positive, "Largest body of a call; a larger one is 413."),
    Setting("pubsub_message_bytes_max", "SKYLOGIN_PUBSUB_MESSAGE_BYTES_MAX", "1048576", _positive, "Largest message of a websocket; a larger one ends it with 1009."),
    Setting("admin_token", "SKYLOGIN_ADMIN_TOKEN", "", _text, "Opens the admin API. Unset: `skylogin serve` has none, `skylogin dev` takes the master key."),
    Setting("admin_password", "SKYLOGIN_ADMIN_PASSWORD", "", _text, "Opens the portal of `skylogin serve`: a password, or its bcrypt or Argon2 hash. Unset: there is no portal."),
)
# fmt: on
VARIABLES = frozenset(setting.variable for setting in SETTINGS)

# Those that may also come from a file, whose path is in a variable that ends with _FILE.
FROM_FILES = ("SKYLOGIN_ADMIN_TOKEN", "SKYLOGIN_ADMIN_PASSWORD")
SECRETS = frozenset(
    (
        "MASTER_KEY",
        "CUSTOM_TOKEN_SECRET",
        "TOKEN_STORE_SECRET",
        "SKYLOGIN_ADMIN_TOKEN",
        "SKYLOGIN_ADMIN_PASSWORD",
    )
)
MASK = "••••••••"

# What `skylogin exec` puts into the environment of the command it runs.
GIVEN_BY_EXEC = frozenset(("SKYLOGIN_PORTAL", "SKYLOGIN_APP"))
# Skygear's variables for what this server does not do.
WITHOUT_EFFECT: tuple[str, ...] = (
    "PLUGINS",
    "ASSET_STORE",
    "SLAVE",
    "APNS_ENABLE",
    "FCM_ENABLE",
    "GCM_ENABLE",
)
WITHOUT_EFFECT += ("BAIDU_PUSH_ENABLE", "SENTRY_DSN", "USER_AUDIT_ENABLED", "DB_IMPL_NAME")


def read(environment: Mapping[str, str], mode: str) -> Settings:
    """Return the settings that *environment* means under `dev` or `serve`.

    Raises ConfigurationError with every fault there is.
    """
    faults: list[str] = []
    warnings: list[str] = []
    values = {row.field: _read_row(row, environment, faults, warnings) for row in SETTINGS}
    if "CUSTOM_TOKEN_SECRET" not in environment:
        values["custom_token_secret"] = None
    if mode == DEV:
        values["api_key"] = values["api_key"] or "changeme"
        values["master_key"] = values["master_key"] or "secret"
        values["domain"] = values["domain"] or "localhost"
        # Nobody else on the network gets to a stand-in by accident.
        values["host"] = (values["host"][0] or "127.0.0.1", values["host"][1])
    faults += _unknown(environment)
    warnings += [f"{name} has no effect here" for name in WITHOUT_EFFECT if environment.get(name)]
    settings = Settings(mode=mode, warnings=(), **values)
    faults += _faults(settings)
    if faults:
        raise ConfigurationError(faults)
    return Settings(mode=mode, warnings=(*warnings, *_warnings(settings)), **values)


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting as it is in force, for people: a secret is masked."""

    variable: str
    value: str
    is_default: bool
    about: str


def in_force(settings: Settings) -> list[InForce]:
    """Return every setting as it is in force, in the order of the table."""
    rows = []
    for row in SETTINGS:
        value = getattr(settings, row.field)
        is_default = value == (
            None if row.field == "custom_token_secret" else row.read(row.default)
        )
        text = _shown(value)
        if row.variable in SECRETS:
            text = MASK if text else ""
        rows.append(InForce(row.variable, _without_password(text), is_default, row.about))
    return rows


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple((host, port)) if port is None or isinstance(port, int):
            return str(host) if port is None else f"{host}:{port}"
        case frozenset() | list() | tuple():
            names = [one if isinstance(one, str) else _shown(one) for one in value]
            return ",".join(sorted(names) if isinstance(value, frozenset) else names)
    return str(value)


def _without_password(text: str) -> str:
    """Return *text* without the password of a URL, wherever it stands in it."""
    text = re.sub(r"(://[^/@\s]*?:)[^/\s]*@", rf"\1{MASK}@", text)
    return re.sub(r"([?&]password=)[^&\s]*", rf"\1{MASK}", text, flags=re.IGNORECASE)


def _read_row(
    row: Setting, environment: Mapping[str, str], faults: list[str], warnings: list[str]
) -> Any:
    # An empty value is the same as none, for every variable (the original's rule).
    text = environment.get(row.variable) or row.default
    if row.variable == "HOST" and not environment.get("HOST"):
        # The default has a port, and would hide PORT.
        text = ""
    try:
        return row.read(text)
    except FallbackToDefault as surprise:
        warnings.append(f"{row.variable} {surprise}: {row.default}")
    except unique_keys.DuplicatedKeyError as error:
        faults.append(str(error))
    except ValueError as error:
        faults.append(f"{row.variable} {error}")
    return row.read(row.default)


def _unknown(environment: Mapping[str, str]) -> list[str]:
    ours = {name for name in environment if name.startswith("SKYLOGIN_")}
    known = VARIABLES | GIVEN_BY_EXEC | {f"{name}_FILE" for name in FROM_FILES}
    return [f"{name} is not a setting" for name in sorted(ours - known)]


def _faults(settings: Settings) -> list[str]:
    """Return what is wrong with the settings together, in the original's words where it has any."""
    faults = []
    if not settings.api_key:
        faults.append("API_KEY is not set")
    if not settings.master_key:
        faults.append("MASTER_KEY is not set")
    if settings.api_key and settings.api_key == settings.master_key:
        faults.append("MASTER_KEY cannot be the same as API_KEY")
    bare = settings.app_name.replace("_", "")
    if not (settings.app_name.isascii() and (bare.isalnum() or not bare)):
        faults.append(
            f"APP_NAME '{settings.app_name}' contains invalid characters other than "
            "alphanumerics or underscores"
        )
    faults += _token_store_faults(settings)
    secrets = {
        "CUSTOM_TOKEN_SECRET": settings.custom_token_secret,
        "TOKEN_STORE_SECRET": settings.token_store_secret,
    }
    for variable, secret in secrets.items():
        try:
            jws.prepare_key(secret or "x")
        except ValueError as error:
            faults.append(f"{variable} cannot be used: {error}")
    if settings.token_store_secret and len(set(secrets.values())) == 1:
        faults.append(
            "TOKEN_STORE_SECRET cannot be the same as CUSTOM_TOKEN_SECRET: "
            "custom tokens would pass as access tokens"
        )
    return faults + (_serve_faults(settings) if settings.mode == SERVE else [])


def _token_store_faults(settings: Settings) -> list[str]:
    if settings.token_store != "redis" or _is_redis_url(settings.token_store_path):
        return []
    # The text itself may have a password.
    return ["TOKEN_STORE_PATH has to be a URL that begins with redis:// or rediss://"]


def _is_redis_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        # Reading the port looks whether it is one.
        return url.scheme in ("redis", "rediss") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _serve_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.api_key in CUSTOMARY:
        faults.append("API_KEY is a customary one; choose your own")
    if not settings.database_url:
        faults.append("DATABASE_URL is not set")
    secrets = {
        "MASTER_KEY": settings.master_key,
        "CUSTOM_TOKEN_SECRET": settings.custom_token_secret,
        "TOKEN_STORE_SECRET": settings.token_store_secret,
        "SKYLOGIN_ADMIN_TOKEN": settings.admin_token,
    }
    for variable, secret in secrets.items():
        if not secret:
            continue
        if secret in CUSTOMARY:
            faults.append(f"{variable} is a customary one; choose your own")
        elif len(secret) < SECRET_LENGTH_MIN:
            faults.append(f"{variable} is shorter than {SECRET_LENGTH_MIN} characters")
    if settings.admin_password and len(settings.admin_password) < PASSWORD_LENGTH_MIN:
        faults.append(f"SKYLOGIN_ADMIN_PASSWORD is shorter than {PASSWORD_LENGTH_MIN} characters")
    return faults


def _warnings(settings: Settings) -> list[str]:
    if settings.token_store_secret and settings.token_store_secret == settings.master_key:
        return ["TOKEN_STORE_SECRET is the same as MASTER_KEY: whoever knows one can sign tokens"]
    return []


def rules_of(settings: Settings) -> Rules:
    """Return what *settings* ask of a token."""
    return Rules(
        contract=settings.contract,
        algorithms=settings.allowed_algorithms,
        leeway_seconds=settings.leeway_seconds,
        lifetime_max_seconds=settings.token_lifetime_max_seconds,
        audience=settings.audience,
        issuer=settings.issuer,
    )
