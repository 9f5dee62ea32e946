"""The table of settings. Skygear's variables keep its names; ours begin with SKYLOGIN_."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skylogin.config.parsers import (
    address,
    algorithms,
    boolean,
    choice,
    database_url,
    guessable_level,
    integer,
    key_sets,
    lenient_integer,
    list_of_texts,
    log_level,
    networks,
    optional_boolean,
    port,
    positive_integer,
    text,
)
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: the field of Settings, the variable, its default as text, its parser, a sentence."""

    field: str
    variable: str
    default: str
    parse: Callable[[str], Any]
    about: str


# A row stays on one line, whatever its length.
# ruff: noqa: E501
# fmt: off
SETTINGS = (
    Setting("app_name", "APP_NAME", "myapp", text, "Name of the default app; `iss` of access tokens."),
    Setting("api_key", "API_KEY", "", text, "Key that clients send. `skylogin dev`: `changeme` unless set."),
    Setting("master_key", "MASTER_KEY", "", text, "Key of the operator's own servers. `skylogin dev`: `secret` unless set."),
    Setting("custom_token_secret", "CUSTOM_TOKEN_SECRET", "", text, "Signs custom tokens. Unset: a secret is generated and kept. Empty: login with custom token is off."),
    Setting("database_url", "DATABASE_URL", "", database_url, "URL of PostgreSQL, in libpq's forms, or `sqlite:///path`. Unset: `skylogin dev` uses embedded SQLite."),
    Setting("dev_mode", "DEV_MODE", "", optional_boolean, "Whether clients may extend the schema. Off: a login with a new profile field is refused."),
    Setting("host", "HOST", ":3000", address, "Where to listen: `host:port`, `:port` or `host`. `skylogin dev` listens on 127.0.0.1 unless a host is set."),
    Setting("port", "PORT", "", port, "Port to listen on if HOST has none. 0: any free port."),
    Setting("cors_host", "CORS_HOST", "*", text, "Sent unchanged as Access-Control-Allow-Origin."),
    Setting("response_timeout_seconds", "RESPONSE_TIMEOUT", "60", lenient_integer, "Seconds after which a call times out; 0 or less: never."),
    Setting("auth_record_keys", "AUTH_RECORD_KEYS", "username,email", key_sets, "Unique fields of the user record: names, or tuples such as `(email,realm)`."),
    Setting("token_store", "TOKEN_STORE", "jwt", choice("jwt", "fs", "redis"), "Where access tokens are stored: `jwt` signs them and stores nothing, `fs` has a file for each, `redis` a hash."),
    Setting("token_store_path", "TOKEN_STORE_PATH", "data/token", text, "Folder of `fs`, or URL of `redis`: `redis://host:port` or `rediss://host:port`."),
    Setting("token_store_prefix", "TOKEN_STORE_PREFIX", "", text, "Prefix of the keys in `redis`; a colon follows it."),
    Setting("token_store_expiry_seconds", "TOKEN_STORE_EXPIRY", "0", lenient_integer, "Seconds after which an access token expires; 0: never."),
    Setting("token_store_secret", "TOKEN_STORE_SECRET", "", text, "Signs access tokens. Unset: a secret is generated and kept."),
    Setting("verify_required", "VERIFY_REQUIRED", "no", boolean, "Whether `me` requires `is_verified` to be true on the user record."),
    Setting("password_length_min", "USER_AUDIT_PW_MIN_LENGTH", "0", lenient_integer, "Minimum length of a new password, in bytes."),
    Setting("password_uppercase_required", "USER_AUDIT_PW_UPPERCASE_REQUIRED", "no", boolean, "Whether a new password needs a letter from A to Z."),
    Setting("password_lowercase_required", "USER_AUDIT_PW_LOWERCASE_REQUIRED", "no", boolean, "Whether a new password needs a letter from a to z."),
    Setting("password_digit_required", "USER_AUDIT_PW_DIGIT_REQUIRED", "no", boolean, "Whether a new password needs a digit."),
    Setting("password_symbol_required", "USER_AUDIT_PW_SYMBOL_REQUIRED", "no", boolean, "Whether a new password needs any other character."),
    Setting("password_guessable_level_min", "USER_AUDIT_PW_MIN_GUESSABLE_LEVEL", "0", guessable_level, "How hard to guess a new password has to be, from 1 to 5 (zxcvbn's score plus one); 0: any."),
    Setting("password_excluded_keywords", "USER_AUDIT_PW_EXCLUDED_KEYWORDS", "", list_of_texts, "Words that a new password may not contain, in any case."),
    Setting("password_excluded_fields", "USER_AUDIT_PW_EXCLUDED_FIELDS", "", list_of_texts, "Fields of the user record whose text a new password may not contain."),
    Setting("password_history_size", "USER_AUDIT_PW_HISTORY_SIZE", "0", lenient_integer, "Number of earlier passwords that may not be used again."),
    Setting("password_history_days", "USER_AUDIT_PW_HISTORY_DAYS", "0", lenient_integer, "Days in which a password may not be used again."),
    Setting("password_expiry_days", "USER_AUDIT_PW_EXPIRY_DAYS", "0", lenient_integer, "Days after which a password has to be changed; 0: never."),
    Setting("log_level", "LOG_LEVEL", "info", log_level, "`debug`, `info`, `warn`, `error` or `fatal`. No level logs a secret, a token or a body."),
    Setting("log_format", "LOG_FORMATTER", "text", choice("text", "json"), "`text` or `json`."),
    Setting("contract", "SKYLOGIN_CONTRACT", DOCUMENTED, choice(DOCUMENTED, ORIGINAL), "Which one wins where Skygear's documentation and its code differ: `documented` or `original`."),
    Setting("data", "SKYLOGIN_DATA", ".skylogin", text, "Folder of the embedded database."),
    Setting("allowed_algorithms", "SKYLOGIN_ALLOWED_ALGORITHMS", "HS256,HS384,HS512", algorithms, "Algorithms that a custom token may be signed with."),
    Setting("token_lifetime_max_seconds", "SKYLOGIN_TOKEN_LIFETIME_MAX_SECONDS", "0", integer, "Longest time from `iat` to `exp` of a custom token; 0: no limit."),
    Setting("audience", "SKYLOGIN_AUDIENCE", "", text, "Required `aud` of a custom token; empty: any."),
    Setting("issuer", "SKYLOGIN_ISSUER", "", text, "Required `iss` of a custom token; empty: any."),
    Setting("leeway_seconds", "SKYLOGIN_LEEWAY_SECONDS", "0", integer, "Seconds by which the issuer's clock may be off."),
    Setting("login_log_rows_max", "SKYLOGIN_LOGIN_LOG_ROWS_MAX", "100000", positive_integer, "Login attempts that the login log keeps."),
    Setting("login_log_days", "SKYLOGIN_LOGIN_LOG_DAYS", "30", positive_integer, "Days that the login log keeps an attempt."),
    Setting("login_log_profiles", "SKYLOGIN_LOGIN_LOG_PROFILES", "", optional_boolean, "Whether the login log keeps the profiles of tokens, up to 4 KiB each. Unset: `skylogin dev` does, `skylogin serve` does not."),
    Setting("trusted_proxies", "SKYLOGIN_TRUSTED_PROXIES", "", networks, "Addresses or networks whose X-Forwarded-For is trusted."),
    Setting("domain", "SKYLOGIN_DOMAIN", "", text, "Domain whose subdomains are apps: `app.domain`. `skylogin dev`: `localhost` unless set."),
    Setting("body_bytes_max", "SKYLOGIN_BODY_BYTES_MAX", "16777216", positive_integer, "Maximum size of a request body; a larger one is answered with 413."),
    Setting("pubsub_message_bytes_max", "SKYLOGIN_PUBSUB_MESSAGE_BYTES_MAX", "1048576", positive_integer, "Maximum size of a websocket message; a larger one closes the connection with 1009."),
    Setting("admin_token", "SKYLOGIN_ADMIN_TOKEN", "", text, "Token of the admin API. Unset: `skylogin dev` takes the master key, `skylogin serve` has no admin API."),
    Setting("admin_password", "SKYLOGIN_ADMIN_PASSWORD", "", text, "Password of the portal of `skylogin serve`, or its bcrypt or Argon2 hash. Unset: no portal."),
)
# fmt: on
VARIABLES = frozenset(setting.variable for setting in SETTINGS)

# Settings that may also come from a file, whose path is in a variable that ends with _FILE.
FROM_FILES = ("SKYLOGIN_ADMIN_TOKEN", "SKYLOGIN_ADMIN_PASSWORD")
SECRETS = frozenset(("MASTER_KEY", "CUSTOM_TOKEN_SECRET", "TOKEN_STORE_SECRET", *FROM_FILES))
# What `skylogin exec` sets in the environment of its command.
SET_BY_EXEC = frozenset(("SKYLOGIN_PORTAL", "SKYLOGIN_APP"))
# Old names, each with the name that replaced it.
RENAMED = {
    f"SKYLOGIN_JOURNAL_{part}": f"SKYLOGIN_LOGIN_LOG_{part}"
    for part in ("ROWS_MAX", "DAYS", "PROFILES")
}
# Skygear's variables for what this server does not do.
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
