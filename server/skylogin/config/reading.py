"""Reading the settings from an environment. All errors are reported at once."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from skylogin.config import secrecy
from skylogin.config.parsers import FallbackToDefault
from skylogin.config.secret_files import with_files
from skylogin.config.settings import (
    ALL,
    DEFAULT_API_KEY,
    DEFAULT_MASTER_KEY,
    DEV,
    FOR_CLIENTS,
    FROM_FILES,
    LOOPBACK,
    LOOPBACK_NAME,
    NOT_SHOWN,
    RENAMED,
    SERVE,
    SERVICE_LINK,
    SETTINGS,
    SIGNED,
    VARIABLES,
    WITHOUT_EFFECT,
    Setting,
    Settings,
)
from skylogin.domain import database_url, unique_keys
from skylogin.domain.database_url import NOT_ENCODED
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.domain.user import EVERYBODY, USERS
from skylogin.tokens import jws
from skylogin.tokens.custom_token import ORIGINAL

# The values of settings that are not set: as in the original, and as `skylogin serve` has them.
OPEN = {"schema_changes": ORIGINAL, "logins": ALL, "user_directory": EVERYBODY}
CLOSED = {"schema_changes": SIGNED, "logins": CUSTOM_TOKEN, "user_directory": USERS}
SHOWN_LENGTH_MAX = 80


class ConfigurationError(Exception):
    """A configuration that cannot be used; *problems* are sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read(environment: Mapping[str, str], mode: str) -> Settings:
    """Return the settings that *environment* has for `skylogin dev` or `skylogin serve`.

    Those whose variables end with `_FILE` are read from files. Raises ConfigurationError with all
    problems.
    """
    environment, of_files = with_files(environment)
    problems = list(of_files.values())
    warnings: list[str] = []
    environment = {
        name: value
        for name, value in environment.items()
        if not SERVICE_LINK.fullmatch(f"{name}={value}")
    }
    own_url = environment.get("SKYLOGIN_DATABASE_URL")
    if own_url:
        # The project's own DATABASE_URL, perhaps of another kind of database, is not read then.
        environment = {**environment, "DATABASE_URL": ""}
    values = {row.field: _read_row(row, environment, problems, warnings) for row in SETTINGS}
    values["database_url"] = values["own_database_url"] or values["database_url"]
    if "CUSTOM_TOKEN_SECRET" not in environment:
        values["custom_token_secret"] = None
    is_open = mode == DEV or values["contract"] == ORIGINAL
    values |= {
        name: values[name] or default for name, default in (OPEN if is_open else CLOSED).items()
    }
    if mode == DEV:
        values["api_key"] = values["api_key"] or DEFAULT_API_KEY
        values["master_key"] = values["master_key"] or DEFAULT_MASTER_KEY
        values["domain"] = values["domain"] or LOOPBACK_NAME
        # A stand-in must not be reachable from the network by accident.
        values["host"] = (values["host"][0] or LOOPBACK, values["host"][1])
    problems += _unknown(environment)
    warnings += [f"{name} has no effect here" for name in WITHOUT_EFFECT if environment.get(name)]
    settings = Settings(mode=mode, warnings=(), **values)
    problems += _problems(settings)
    if mode == SERVE and not (own_url or environment.get("DATABASE_URL")):
        problems.append("DATABASE_URL is not set")
    # A setting whose file cannot be read is reported once, not as missing too.
    missing = {f"{name} is not set" for name in of_files}
    problems = [problem for problem in problems if problem not in missing]
    if problems:
        raise ConfigurationError(problems)
    return Settings(mode=mode, warnings=(*warnings, *_warnings(settings)), **values)


def _read_row(
    row: Setting, environment: Mapping[str, str], problems: list[str], warnings: list[str]
) -> Any:
    # An empty value is the same as none, for every variable (the original's rule).
    text = environment.get(row.variable) or row.default
    if row.variable == "HOST" and not environment.get("HOST"):
        # The default has a port, and would hide PORT.
        text = ""
    try:
        return row.parse(text)
    except FallbackToDefault as reason:
        warnings.append(f"{row.variable} {reason}: {row.default}, not {_shown(text)}")
    except unique_keys.DuplicatedKeyError as error:
        problems.append(str(error))
    except ValueError as error:
        value = "" if row.variable in NOT_SHOWN else f": {_shown(text)}"
        problems.append(f"{row.variable} {error}{value}")
    return row.parse(row.default)


def _shown(text: str) -> str:
    """Return *text* for a message, in quotes and not too long."""
    return repr(text if len(text) <= SHOWN_LENGTH_MAX else f"{text[:SHOWN_LENGTH_MAX]}…")


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = FOR_CLIENTS | {f"{name}_FILE" for name in FROM_FILES}
    return check_names(name for name in sorted(environment) if is_own(name) and name not in known)


def is_own(variable: str) -> bool:
    """Return whether a variable of the environment is meant for skylogin only."""
    return variable.startswith("SKYLOGIN_")


def with_given(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* with the *given* settings in place of its own."""
    # NAME and NAME_FILE are two ways to give the same setting.
    others = {f"{name}_FILE" for name in given} | {name.removesuffix("_FILE") for name in given}
    if given.get("DATABASE_URL") or given.get("DATABASE_URL_FILE"):
        # It would take precedence.
        others |= {"SKYLOGIN_DATABASE_URL", "SKYLOGIN_DATABASE_URL_FILE"}
    return {name: value for name, value in environment.items() if name not in others} | {**given}


def check_names(variables: Iterable[str]) -> list[str]:
    """Return the problems of *variables* that are not settings."""
    return [
        f"{name} is now called {RENAMED[name]}" if name in RENAMED else f"{name} is not a setting"
        for name in variables
        if name not in VARIABLES and name not in WITHOUT_EFFECT
    ]


def _problems(settings: Settings) -> list[str]:
    """Return the problems between settings, in the original's words where it has any."""
    problems = []
    if not settings.api_key:
        problems.append("API_KEY is not set")
    if not settings.master_key:
        problems.append("MASTER_KEY is not set")
    if settings.api_key and settings.api_key == settings.master_key:
        problems.append("MASTER_KEY cannot be the same as API_KEY")
    bare = settings.app_name.replace("_", "")
    if not (settings.app_name.isascii() and (bare.isalnum() or not bare)):
        problems.append(
            f"APP_NAME '{settings.app_name}' contains invalid characters other than "
            "alphanumerics or underscores"
        )
    if settings.token_store == "redis":
        problem = _problem_with_redis_url(settings.token_store_path)
        problems += [f"TOKEN_STORE_PATH {problem}"] if problem else []
    if bool(settings.tls_cert) != bool(settings.tls_key):
        problems.append("SKYLOGIN_TLS_CERT and SKYLOGIN_TLS_KEY have to be set together")
    problems += _secret_problems(settings)
    return problems + (list(secrecy.problems(settings)) if settings.mode == SERVE else [])


def _problem_with_redis_url(text: str) -> str:
    """Return what is wrong, without the text, which may contain a password."""
    if not text.startswith(("redis://", "rediss://")):
        return "has to be a URL that begins with redis:// or rediss://"
    try:
        url = urlsplit(text)
        # A port that is not one raises ValueError when it is read.
        is_address = bool(url.hostname) and url.port != 0 and not url.fragment
    except ValueError:
        is_address = False
    if not is_address:
        return f"has no host, a port that is not a number up to 65535, or {NOT_ENCODED}"
    database = url.path.strip("/")
    if database and not (database.isascii() and database.isdigit()):
        return f"names a database that is not a number, or has {NOT_ENCODED}"
    return ""


def _secret_problems(settings: Settings) -> list[str]:
    problems = []
    secrets = {
        "CUSTOM_TOKEN_SECRET": settings.custom_token_secret,
        "TOKEN_STORE_SECRET": settings.token_store_secret,
    }
    for variable, secret in secrets.items():
        try:
            jws.prepare_key(secret or "x")
        except ValueError as error:
            problems.append(f"{variable} cannot be used: {error}")
    if settings.token_store_secret and len(set(secrets.values())) == 1:
        problems.append(
            "TOKEN_STORE_SECRET cannot be the same as CUSTOM_TOKEN_SECRET: "
            "custom tokens would pass as access tokens"
        )
    return problems


def _warnings(settings: Settings) -> list[str]:
    warnings = list(database_url.notes(settings.database_url))
    if settings.token_store_secret and settings.token_store_secret == settings.master_key:
        warnings.append(
            "TOKEN_STORE_SECRET is the same as MASTER_KEY: with either, tokens can be signed"
        )
    if settings.mode == SERVE and settings.dev_mode:
        warnings.append(
            "DEV_MODE is on: with the API key, which every client has, anyone can set the roles "
            "of new users and of administrators, and change the schema; leave DEV_MODE unset"
        )
    return warnings
