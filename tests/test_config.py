"""Reading settings from an environment."""

import ipaddress
from collections.abc import Iterable
from typing import Any

import pytest
from skylogin import config
from skylogin.config import DEV, SERVE, SETTINGS, ConfigurationError
from skylogin.config.settings import SECRETS
from skylogin.domain.database_url import NOT_ENCODED

OWN = {
    "API_KEY": "key-of-our-app",
    "MASTER_KEY": "a master key of our own",
    "DATABASE_URL": "postgresql://localhost/skylogin",
}


def problems(environment: dict[str, str], mode: str = DEV) -> list[str]:
    """Return the problems of *environment*."""
    with pytest.raises(ConfigurationError) as caught:
        config.read(environment, mode)
    return caught.value.problems


def test_nothing_has_to_be_set_for_dev() -> None:
    """It listens on loopback, with the default keys."""
    settings = config.read({}, DEV)

    assert (settings.api_key, settings.master_key, settings.app_name) == (
        "changeme",
        "secret",
        "myapp",
    )
    assert settings.address() == ("127.0.0.1", 3000)
    assert settings.custom_token_secret is None
    assert (settings.contract, settings.token_store) == ("documented", "jwt")
    assert settings.auth_record_keys == (("username",), ("email",))
    assert (settings.response_timeout_seconds, settings.cors_host) == (60, "*")
    assert (settings.login_log_rows_max, settings.login_log_days) == (100_000, 30)
    assert settings.body_bytes_max == 2 * 1024 * 1024
    assert settings.warnings == ()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_an_empty_variable_counts_as_unset(setting: config.Setting) -> None:
    """Except CUSTOM_TOKEN_SECRET, which is empty to switch the login off."""
    settings = config.read({setting.variable: ""}, DEV)

    if setting.variable == "CUSTOM_TOKEN_SECRET":
        assert settings.custom_token_secret == ""
    else:
        assert settings == config.read({}, DEV)


READ: dict[str, tuple[str, str, str, Any]] = {
    "yes": ("VERIFY_REQUIRED", "YES", "verify_required", True),
    "t": ("VERIFY_REQUIRED", "t", "verify_required", True),
    "no": ("DEV_MODE", "No", "dev_mode", False),
    "off": ("DEV_MODE", "off", "dev_mode", False),
    "a number": ("TOKEN_STORE_EXPIRY", "3600", "token_store_expiry_seconds", 3600),
    "a negative number": ("RESPONSE_TIMEOUT", "-1", "response_timeout_seconds", -1),
    "tuples": (
        "AUTH_RECORD_KEYS",
        "(realm,email),phone",
        "auth_record_keys",
        (("email", "realm"), ("phone",)),
    ),
    "warn": ("LOG_LEVEL", "warn", "log_level", "warning"),
    "panic": ("LOG_LEVEL", "panic", "log_level", "critical"),
    "json": ("LOG_FORMATTER", "json", "log_format", "json"),
    "a secret": ("CUSTOM_TOKEN_SECRET", " é ", "custom_token_secret", " é "),
    "algorithms": (
        "SKYLOGIN_ALLOWED_ALGORITHMS",
        " HS256, HS512 ",
        "allowed_algorithms",
        frozenset({"HS256", "HS512"}),
    ),
    "proxies": (
        "SKYLOGIN_TRUSTED_PROXIES",
        "10.0.0.0/8, ::1",
        "trusted_proxies",
        (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")),
    ),
    "a mapped network": (
        "SKYLOGIN_TRUSTED_PROXIES",
        "::ffff:10.0.0.0/104, ::ffff:127.0.0.1, ::/0",
        "trusted_proxies",
        tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "127.0.0.1", "::/0"))),
    ),
    "a domain": ("SKYLOGIN_DOMAIN", ".Login.Example.COM.", "domain", "login.example.com"),
    "a contract": ("SKYLOGIN_CONTRACT", "original", "contract", "original"),
}


@pytest.mark.parametrize(("variable", "text", "field", "value"), READ.values(), ids=READ)
def test_a_variable_is_read(variable: str, text: str, field: str, value: Any) -> None:
    """By the parser of its row."""
    settings = config.read({variable: text}, DEV)

    assert getattr(settings, field) == value
    assert settings.warnings == ()


# The original uses the default in place of these, and does not say so.
FALLBACKS: dict[str, tuple[str, str, str, Any]] = {
    "no number": ("RESPONSE_TIMEOUT", "soon", "response_timeout_seconds", 60),
    "a fraction": ("TOKEN_STORE_EXPIRY", "1.5", "token_store_expiry_seconds", 0),
    "digits in groups": ("RESPONSE_TIMEOUT", "1_000", "response_timeout_seconds", 60),
    "other digits": ("RESPONSE_TIMEOUT", "\uff11\uff10", "response_timeout_seconds", 60),
    "a blank behind": ("RESPONSE_TIMEOUT", "10 ", "response_timeout_seconds", 60),
    "nested keys": (
        "AUTH_RECORD_KEYS",
        "((a,b))",
        "auth_record_keys",
        (("username",), ("email",)),
    ),
    "no level": ("LOG_LEVEL", "loud", "log_level", "info"),
    "more than 64 bits": ("RESPONSE_TIMEOUT", str(2**63), "response_timeout_seconds", 60),
}


@pytest.mark.parametrize(("variable", "text", "field", "value"), FALLBACKS.values(), ids=FALLBACKS)
def test_a_fallback_to_the_default_gets_a_warning(
    variable: str, text: str, field: str, value: Any
) -> None:
    """Skygear's variables keep its parse rules."""
    settings = config.read({variable: text}, DEV)

    assert getattr(settings, field) == value
    [warning] = settings.warnings
    assert warning.startswith(variable)
    assert warning.endswith(f", not {text!r}")


NO_REDIS_ADDRESS = f"has no host, a port that is not a number up to 65535, or {NOT_ENCODED}"

PROBLEMS: dict[str, tuple[dict[str, str], str]] = {
    "no boolean": ({"DEV_MODE": "maybe"}, "DEV_MODE is neither yes nor no: 'maybe'"),
    "no port": ({"PORT": "70000"}, "PORT is not a port: '70000'"),
    "port text": ({"PORT": "http"}, "PORT is not a whole number: 'http'"),
    "port in HOST": ({"HOST": "localhost:x"}, "HOST is not a whole number: 'localhost:x'"),
    "half a bracket": ({"HOST": "[::1"}, "HOST has brackets that do not match: '[::1'"),
    "equal keys": ({"API_KEY": "secret"}, "MASTER_KEY cannot be the same as API_KEY"),
    "app name": (
        {"APP_NAME": "a-b"},
        "APP_NAME 'a-b' contains invalid characters other than alphanumerics or underscores",
    ),
    "app name in other letters": (
        {"APP_NAME": "é"},
        "APP_NAME 'é' contains invalid characters other than alphanumerics or underscores",
    ),
    "key twice": (
        {"AUTH_RECORD_KEYS": "a,a"},
        "AUTH_RECORD_KEYS cannot have duplicated keys 'a'",
    ),
    "token store": ({"TOKEN_STORE": "magic"}, "TOKEN_STORE is not one of jwt, fs, redis: 'magic'"),
    "redis nowhere": (
        {"TOKEN_STORE": "redis"},
        "TOKEN_STORE_PATH has to be a URL that begins with redis:// or rediss://",
    ),
    "redis by another name": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "http://:password@127.0.0.1"},
        "TOKEN_STORE_PATH has to be a URL that begins with redis:// or rediss://",
    ),
    "redis at a port that is none": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://:password@127.0.0.1:many"},
        f"TOKEN_STORE_PATH {NO_REDIS_ADDRESS}",
    ),
    "redis at a port that is too high": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://127.0.0.1:99999"},
        f"TOKEN_STORE_PATH {NO_REDIS_ADDRESS}",
    ),
    "redis with a # in its password": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://:pass#word@127.0.0.1"},
        f"TOKEN_STORE_PATH {NO_REDIS_ADDRESS}",
    ),
    "redis with a / in its password": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://:pass/word@127.0.0.1"},
        f"TOKEN_STORE_PATH {NO_REDIS_ADDRESS}",
    ),
    "redis with a name for its database": (
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://127.0.0.1/tokens"},
        f"TOKEN_STORE_PATH names a database that is not a number, or has {NOT_ENCODED}",
    ),
    "contract": (
        {"SKYLOGIN_CONTRACT": "x"},
        "SKYLOGIN_CONTRACT is not one of documented, original: 'x'",
    ),
    "algorithm": (
        {"SKYLOGIN_ALLOWED_ALGORITHMS": "HS256,none"},
        "SKYLOGIN_ALLOWED_ALGORITHMS may list HS256, HS384, HS512: 'HS256,none'",
    ),
    "no algorithm": (
        {"SKYLOGIN_ALLOWED_ALGORITHMS": ","},
        "SKYLOGIN_ALLOWED_ALGORITHMS may list HS256, HS384, HS512: ','",
    ),
    "no domain": (
        {"SKYLOGIN_DOMAIN": "localhost:3000"},
        "SKYLOGIN_DOMAIN has to be the name of a domain in ASCII, such as login.example.com: "
        "'localhost:3000'",
    ),
    "negative": ({"SKYLOGIN_LEEWAY_SECONDS": "-1"}, "SKYLOGIN_LEEWAY_SECONDS is negative: '-1'"),
    "zero": (
        {"SKYLOGIN_LOGIN_LOG_DAYS": "0"},
        "SKYLOGIN_LOGIN_LOG_DAYS has to be more than 0: '0'",
    ),
    "unknown": ({"SKYLOGIN_LEEWAY": "5"}, "SKYLOGIN_LEEWAY is not a setting"),
    "a port of ours": ({"SKYLOGIN_PORT": "3000"}, "SKYLOGIN_PORT is not a setting"),
    "a control character": (
        {"VERIFY_REQUIRED": "\x1b[2J"},
        "VERIFY_REQUIRED is neither yes nor no: '\\x1b[2J'",
    ),
    "days without end": (
        {"USER_AUDIT_PW_HISTORY_DAYS": "9000000000000"},
        "USER_AUDIT_PW_HISTORY_DAYS is more than 36,500 days: '9000000000000'",
    ),
    "days of the login log": (
        {"SKYLOGIN_LOGIN_LOG_DAYS": "36501"},
        "SKYLOGIN_LOGIN_LOG_DAYS is more than 36,500 days: '36501'",
    ),
    "a long number": (
        {"SKYLOGIN_LEEWAY_SECONDS": "9" * 5000},
        f"SKYLOGIN_LEEWAY_SECONDS is too large a number: '{'9' * 80}…'",
    ),
    "another header": (
        {"CORS_HOST": "a\nX: b"},
        "CORS_HOST has a character that is not allowed in a header: 'a\\nX: b'",
    ),
    "bytes in a header": (
        {"CORS_HOST": "\udce9"},
        "CORS_HOST has a character that is not allowed in a header: '\\udce9'",
    ),
    "a long value": (
        {"VERIFY_REQUIRED": "x" * 99},
        f"VERIFY_REQUIRED is neither yes nor no: '{'x' * 80}…'",
    ),
    "renamed": (
        {"SKYLOGIN_JOURNAL_DAYS": "5"},
        "SKYLOGIN_JOURNAL_DAYS is now called SKYLOGIN_LOGIN_LOG_DAYS",
    ),
    "two secrets in one": (
        {"CUSTOM_TOKEN_SECRET": "s", "TOKEN_STORE_SECRET": "s"},
        "TOKEN_STORE_SECRET cannot be the same as CUSTOM_TOKEN_SECRET: "
        "custom tokens would pass as access tokens",
    ),
}


@pytest.mark.parametrize(("environment", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_a_sentence_that_names_the_variable(
    environment: dict[str, str], problem: str
) -> None:
    """In the original's words where it has any."""
    assert problems(environment) == [problem]


@pytest.mark.parametrize("variable", ["CUSTOM_TOKEN_SECRET", "TOKEN_STORE_SECRET"])
@pytest.mark.parametrize(
    "secret", ["-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----", "\udcff"]
)
def test_a_secret_that_cannot_be_used_is_not_shown(variable: str, secret: str) -> None:
    """Such as half a key pair, or bytes that are not UTF-8."""
    [problem] = problems({variable: secret})

    assert problem.startswith(f"{variable} cannot be used")
    assert secret not in problem


def test_all_errors_are_reported_at_once() -> None:
    """Five errors do not take five starts."""
    found = problems({"DEV_MODE": "x", "PORT": "y", "APP_NAME": "-", "SKYLOGIN_NO": "1"}, SERVE)

    assert len(found) == len(set(found))
    assert {problem.split()[0] for problem in found} == {
        *("API_KEY", "MASTER_KEY", "DATABASE_URL"),
        *("DEV_MODE", "PORT", "APP_NAME", "SKYLOGIN_NO"),
    }


SERVE_PROBLEMS: dict[str, tuple[dict[str, str], str]] = {
    "no api key": ({"API_KEY": ""}, "API_KEY is not set"),
    "no master key": ({"MASTER_KEY": ""}, "MASTER_KEY is not set"),
    "no database": ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
    "default api key": (
        {"API_KEY": "changeme"},
        "API_KEY is a default key; choose your own",
    ),
    "default master key": (
        {"MASTER_KEY": "secret"},
        "MASTER_KEY is a default key; choose your own",
    ),
    "short master key": (
        {"MASTER_KEY": "x" * 15},
        "MASTER_KEY is shorter than 16 characters",
    ),
    "default secret": (
        {"CUSTOM_TOKEN_SECRET": "ssosecret"},
        "CUSTOM_TOKEN_SECRET is a default key; choose your own",
    ),
    "short token store secret": (
        {"TOKEN_STORE_SECRET": "x" * 15},
        "TOKEN_STORE_SECRET is shorter than 16 characters",
    ),
    "a default key as password": (
        {"SKYLOGIN_ADMIN_PASSWORD": "another-secret"},
        "SKYLOGIN_ADMIN_PASSWORD is a default key; choose your own",
    ),
    **{
        f"{name} that clients know": (
            {"API_KEY": "a key of twenty chars", name: "a key of twenty chars"},
            f"{name} cannot be the same as API_KEY, which every client has",
        )
        for name in sorted(SECRETS - {"MASTER_KEY"})
    },
}


@pytest.mark.parametrize(("environment", "problem"), SERVE_PROBLEMS.values(), ids=SERVE_PROBLEMS)
def test_serve_requires_keys_of_its_own(environment: dict[str, str], problem: str) -> None:
    """It refuses what `skylogin dev` accepts."""
    assert problems({**OWN, **environment}, SERVE) == [problem]


def test_serve_may_have_login_with_custom_token_off() -> None:
    """An empty secret is not too short; and it listens on all addresses."""
    settings = config.read({**OWN, "CUSTOM_TOKEN_SECRET": ""}, SERVE)

    assert settings.custom_token_secret == ""
    assert settings.address() == ("", 3000)


ADDRESSES: dict[str, tuple[dict[str, str], tuple[str, int], tuple[str, int]]] = {
    "nothing": ({}, ("127.0.0.1", 3000), ("", 3000)),
    "port": ({"PORT": "8080"}, ("127.0.0.1", 8080), ("", 8080)),
    "any port": ({"PORT": "0"}, ("127.0.0.1", 0), ("", 0)),
    "port in host": ({"HOST": ":8081", "PORT": "8080"}, ("127.0.0.1", 8081), ("", 8081)),
    "both in host": ({"HOST": "0.0.0.0:80"}, ("0.0.0.0", 80), ("0.0.0.0", 80)),
    "host": ({"HOST": "example.com"}, ("example.com", 3000), ("example.com", 3000)),
    "host and port": ({"HOST": "a", "PORT": "1"}, ("a", 1), ("a", 1)),
    "a colon alone": ({"HOST": "a:", "PORT": "1"}, ("a", 1), ("a", 1)),
    "six": ({"HOST": "[::1]:80"}, ("::1", 80), ("::1", 80)),
    "six without port": ({"HOST": "[::1]"}, ("::1", 3000), ("::1", 3000)),
    "six without brackets": ({"HOST": "::1", "PORT": "1"}, ("::1", 1), ("::1", 1)),
}


@pytest.mark.parametrize(("environment", "dev", "serve"), ADDRESSES.values(), ids=ADDRESSES)
def test_host_and_port_say_where_to_listen(
    environment: dict[str, str], dev: tuple[str, int], serve: tuple[str, int]
) -> None:
    """A port in HOST wins, and `skylogin dev` stays on loopback unless a host is set."""
    assert config.read(environment, DEV).address() == dev
    assert config.read({**OWN, **environment}, SERVE).address() == serve


URLS = {
    "127.0.0.1": "http://127.0.0.1:80/",
    "example.com": "http://example.com:80/",
    "": "http://127.0.0.1:80/",
    "0.0.0.0": "http://127.0.0.1:80/",
    "::": "http://[::1]:80/",
    "::1": "http://[::1]:80/",
    "2001:db8::1": "http://[2001:db8::1]:80/",
}


@pytest.mark.parametrize(("host", "url"), URLS.items(), ids=[host or "any" for host in URLS])
def test_a_server_is_reached_where_it_listens(host: str, url: str) -> None:
    """A server that listens everywhere listens on loopback too."""
    assert config.url_of(host, 80) == url


# DEV_MODE, and whether a login with the API key may add fields.
EXTENDING = {"": True, "YES": True, "NO": False}


@pytest.mark.parametrize("mode", [DEV, SERVE])
@pytest.mark.parametrize(("dev_mode", "extending"), EXTENDING.items())
def test_dev_mode_decides_whether_logins_may_add_fields(
    dev_mode: str, extending: bool, mode: str
) -> None:
    """Unset, they may under both commands, as in the original."""
    settings = config.read({**OWN, "DEV_MODE": dev_mode}, mode)

    assert settings.may_extend_schema is extending


OPEN = {
    "SKYLOGIN_SCHEMA_CHANGES": "original",
    "SKYLOGIN_LOGINS": "all",
    "SKYLOGIN_USER_DIRECTORY": "everybody",
}
CLOSED = {
    "SKYLOGIN_SCHEMA_CHANGES": "signed",
    "SKYLOGIN_LOGINS": "custom_token",
    "SKYLOGIN_USER_DIRECTORY": "users",
}


@pytest.mark.parametrize(
    ("mode", "contract", "values"),
    [
        (DEV, "documented", OPEN),
        (DEV, "original", OPEN),
        (SERVE, "documented", CLOSED),
        (SERVE, "original", OPEN),
    ],
)
def test_serve_is_closed_where_the_original_is_open(
    mode: str, contract: str, values: dict[str, str]
) -> None:
    """Unless the contract is the original's; a value that is set counts under both commands."""
    own = {**OWN, "SKYLOGIN_CONTRACT": contract}
    settings = config.read(own, mode)

    assert shown(settings, OPEN) == values
    for given in (OPEN, CLOSED, {**OPEN, "SKYLOGIN_USER_DIRECTORY": "owner"}):
        assert shown(config.read({**own, **given}, mode), OPEN) == given
    told = [note.partition(":")[0] for note in config.notes(settings)]
    assert told == [f"{name}={value}" for name, value in values.items()]


def shown(settings: config.Settings, variables: Iterable[str]) -> dict[str, str]:
    """Return the values of *variables* that people see."""
    values = {one.variable: one.value for one in config.in_force(settings)}
    return {name: values[name] for name in variables}


SCHEMA_NOTES = {
    "yes": "DEV_MODE is on: anyone with the API key may",
    "no": "DEV_MODE is off: only the master key may",
    "": "only logins with a custom token, and the master key, may",
}


@pytest.mark.parametrize(("dev_mode", "told"), SCHEMA_NOTES.items(), ids=SCHEMA_NOTES)
def test_the_note_says_who_changes_the_schema(dev_mode: str, told: str) -> None:
    """DEV_MODE takes precedence."""
    note = next(iter(config.notes(config.read({**OWN, "DEV_MODE": dev_mode}, SERVE))))

    assert note.startswith(f"SKYLOGIN_SCHEMA_CHANGES=signed: {told}")


@pytest.mark.parametrize(
    ("mode", "set_to", "keeping"),
    [(DEV, "", True), (DEV, "no", False), (SERVE, "", False), (SERVE, "yes", True)],
)
def test_dev_keeps_profiles_in_the_login_log(mode: str, set_to: str, keeping: bool) -> None:
    """`skylogin serve` does only if the setting is on: there they are personal data."""
    settings = config.read({**OWN, "SKYLOGIN_LOGIN_LOG_PROFILES": set_to}, mode)

    assert settings.keeps_profiles is keeping


def test_a_variable_without_effect_gets_a_warning() -> None:
    """If it is set to anything."""
    settings = config.read({"PLUGINS": "CATS", "SENTRY_DSN": "x", "SLAVE": ""}, DEV)

    assert settings.warnings == ("PLUGINS has no effect here", "SENTRY_DSN has no effect here")


def test_one_key_for_two_purposes_gets_a_warning() -> None:
    """It is the original's default, so it is not an error."""
    settings = config.read({"MASTER_KEY": "m", "TOKEN_STORE_SECRET": "m"}, DEV)

    assert len(settings.warnings) == 1
    assert "TOKEN_STORE_SECRET is the same as MASTER_KEY" in settings.warnings[0]


@pytest.mark.parametrize("part", ["PORTAL", "APP", "URL", "PACKAGE"])
def test_what_clients_read_is_known(part: str) -> None:
    """The command of `skylogin exec`, and tests with a kit, may start another server."""
    config.read({f"SKYLOGIN_{part}": "x"}, DEV)


def test_each_setting_has_a_field_a_name_of_its_own_and_a_sentence() -> None:
    """The documentation is made from the table."""
    assert len({row.variable for row in SETTINGS}) == len({row.field for row in SETTINGS})
    assert all(row.about.endswith(".") for row in SETTINGS)


def test_the_settings_do_not_show_their_secrets() -> None:
    """A traceback or a log line may hold them as text."""
    secrets = {name: f"the value of {name}" for name in SECRETS}

    shown = repr(config.read(secrets, DEV))

    assert [value for value in secrets.values() if value in shown] == []


# As Kubernetes sets them, and Docker for a link.
SERVICE_LINKS = {
    "SKYLOGIN_PORT": "tcp://10.0.12.7:3000",
    "SKYLOGIN_SERVICE_HOST": "10.0.12.7",
    "SKYLOGIN_SERVICE_PORT": "3000",
    "SKYLOGIN_SERVICE_PORT_HTTP": "3000",
    "SKYLOGIN_PORT_3000_TCP": "tcp://10.0.12.7:3000",
    "SKYLOGIN_PORT_3000_TCP_ADDR": "10.0.12.7",
    "SKYLOGIN_PORT_3000_TCP_PROTO": "tcp",
    "SKYLOGIN_PORT_3000_TCP_PORT": "3000",
    "SKYLOGIN_PORT_53_UDP": "udp://10.0.12.7:53",
    "SKYLOGIN_PORT_53_UDP_ADDR": "10.0.12.7",
    "SKYLOGIN_DEV_PORT": "tcp://[fd00::7]:80",
    "SKYLOGIN_DEV_SERVICE_HOST": "fd00::7",
    "SKYLOGIN_DEV_SERVICE_PORT_HTTP_ADMIN": "80",
    "SKYLOGIN_DEV_PORT_80_TCP": "tcp://[fd00::7]:80",
    "SKYLOGIN_DEV_PORT_80_TCP_ADDR": "fd00::7",
    "SKYLOGIN_2_PORT_9000_SCTP_PROTO": "sctp",
    "SKYLOGIN_DATA_SERVICE_HOST": "10.0.12.8",
    "SKYLOGIN_METRICS_PORT": "tcp://10.0.12.9:9100",
    "SKYLOGIN_NAME": "/tests/skylogin",
    "SKYLOGIN_ENV_PATH": "/usr/bin",
}


def test_the_variables_of_service_links_are_passed_over() -> None:
    """A platform sets them for a service of the name `skylogin`, or of one that begins so."""
    assert config.read(SERVICE_LINKS, DEV) == config.read({}, DEV)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SKYLOGIN_DATABASE_URL"])
def test_a_database_url_that_cannot_be_used_is_not_shown(variable: str) -> None:
    """It has a password."""
    [problem] = problems({variable: "mysql://me:Geheim@db.example.com/app"})

    assert problem.startswith(f"{variable} has to begin with")
    assert "Geheim" not in problem


DOUBTFUL = {
    "one character": "x" * 40,
    "few characters": "abababababababababababababababab",
    "a default key in it": "Changeme-97f3c1d24b6a8e05",
    "a short word": "correct horse ba",
}
ADVICE = "may be guessed: make one with `python3 -c 'import secrets; print(secrets.token_hex(32))'`"


@pytest.mark.parametrize("secret", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_secret_that_may_be_guessed_is_doubtful(secret: str) -> None:
    """It is long enough for `serve`; a hash is not looked at."""
    settings = config.read({**OWN, "SKYLOGIN_ADMIN_TOKEN": secret}, SERVE)

    assert list(config.doubts(settings)) == [f"SKYLOGIN_ADMIN_TOKEN {ADVICE}"]


def test_one_secret_for_two_purposes_is_doubtful() -> None:
    """A random one, and the hash of a password, are not."""
    own = {"MASTER_KEY": "6f1ed002ab5595859014ebf0951522d9"}
    more = {
        "SKYLOGIN_ADMIN_PASSWORD": "$2b$12$" + "a" * 53,
        "SKYLOGIN_ADMIN_TOKEN": own["MASTER_KEY"],
    }
    settings = config.read({**OWN, **own, **more}, SERVE)

    same = "SKYLOGIN_ADMIN_TOKEN is the same as MASTER_KEY: use one for each purpose"
    assert list(config.doubts(settings)) == [same]
