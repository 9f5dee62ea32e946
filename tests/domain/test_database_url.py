"""URLs of databases: what is read from them, and what is refused without a password in it."""

import pytest
from skylogin import config
from skylogin.config import ConfigurationError
from skylogin.domain import database_url

ENCODE = "has to be encoded: @ as %40"
EPHEMERAL = "skylogin dev --ephemeral"
# Each contains `Geheim`, which no message may show.
REFUSED = {
    "at sign and slash": ("postgresql://me:Geheim@ss/w#rd@db.example/app", ENCODE),
    "at sign": ("postgresql://me:Geheim@x@db.example/app", ENCODE),
    "slash": ("postgresql://me:Geheim/x@db.example/app", ENCODE),
    "slash after digits": ("postgresql://me:1/Geheim@db.example/app", ENCODE),
    "question mark after at sign": ("postgresql://me:x@Geheim?y@db.example/app", ENCODE),
    "percent": ("postgresql://me:Geheim%zz@db.example/app", "write % as %25"),
    "percent at the end": ("postgresql://me:Geheim%@db.example/app", "write % as %25"),
    "not UTF-8": ("postgresql://me:Geheim%ff@db.example/app", "not UTF-8"),
    "NUL": ("postgresql://me:Geheim%00@db.example/app", "%00"),
    "blank": ("postgresql://me:Geheim x@db.example/app", "%20"),
    "port": ("postgresql://db.example:Geheim/app", "a port"),
    "port too large": ("postgresql://me:Geheim@db.example:70000/app", "65535"),
    "ports": ("postgresql://me:Geheim@a,b,c/app?port=1,2", "number of ports"),
    "unknown": ("postgresql://me:Geheim@db.example/app?sslmod=require", "(sslmod)"),
    "unknown, maybe a password": ("postgresql://me/app?Geheim=x", "does not know (a name)"),
    "no value": ("postgresql://me:Geheim@db.example/app?sslmode", "without ="),
    "sslmode": ("postgresql://me:Geheim@db.example/app?sslmode=yes", "none of disable, allow"),
    "session": ("postgresql://me:Geheim@h/app?target_session_attrs=rw", "none of any"),
    "time-out": ("postgresql://me:Geheim@db.example/app?connect_timeout=soon", "seconds"),
    "encoding": ("postgresql://me:Geheim@db.example/app?client_encoding=latin1", "only be UTF8"),
    "gssencmode": ("postgresql://me:Geheim@db.example/app?gssencmode=require", "gssencmode"),
    "require_auth": ("postgresql://me:Geheim@db.example/app?require_auth=md5", "require_auth"),
    "hostaddr": ("postgresql://me:Geheim@db.example/app?hostaddr=192.0.2.1", "hostaddr"),
    "pooler": ("postgresql://me:Geheim@db.example/app?pgbouncer=maybe", "neither true nor false"),
    "other database": ("mysql://me:Geheim@db.example/app", "has to begin with"),
    "driver": ("postgresql+psycopg2://me:Geheim@db.example/app", "has to begin with"),
    "memory": ("sqlite:///:memory:", EPHEMERAL),
    "memory without a path": ("sqlite://", EPHEMERAL),
    "memory with an empty path": ("sqlite:///", EPHEMERAL),
    "memory as a file": ("sqlite:///file::memory:?uri=true", EPHEMERAL),
    "memory by mode": ("sqlite:///file:x?mode=memory&cache=shared", EPHEMERAL),
    "memory of SQLite itself": ("file::memory:", EPHEMERAL),
    "memory with a driver": ("sqlite+aiosqlite:///:memory:", EPHEMERAL),
    "parameters of SQLite": ("sqlite:///skylogin.db?timeout=1", "only the path"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_url_that_cannot_be_used_is_refused_in_one_line(name: str) -> None:
    """The message names the variable, and shows no part of a password."""
    url, message = REFUSED[name]

    with pytest.raises(ConfigurationError) as caught:
        config.read({"DATABASE_URL": url}, config.DEV)

    [problem] = caught.value.problems
    assert problem.startswith("DATABASE_URL ")
    assert message in problem
    assert "Geheim" not in problem
    assert len(problem.splitlines()) == 1


def test_the_parts_of_a_url_are_read_as_libpq_does() -> None:
    """Several hosts, IPv6, percent-encoding, and `#` and `?` in a password."""
    url = database_url.read_postgresql(
        "postgresql://m%40e:p?a#s:s%2F@[2001:db8::1]:5433,%2Fvar%2Frun/my%20app"
    )

    assert (url.user, url.password, url.database) == ("m@e", "p?a#s:s/", "my app")
    assert url.hosts == ("2001:db8::1", "/var/run")
    assert url.ports == (5433, 5432)
    assert url.address == "[2001:db8::1]:5433,/var/run:5432"
    assert "p?a#s" not in repr(url)


def test_parameters_replace_the_parts_of_a_url() -> None:
    """So that a part may have any character."""
    url = database_url.read_postgresql(
        "postgres://me:x@a/b?host=c,d&port=1,2&user=you@x&password=p@ss&dbname=e"
    )

    assert (url.hosts, url.ports) == (("c", "d"), (1, 2))
    assert (url.user, url.password, url.database) == ("you@x", "p@ss", "e")


def test_what_is_unset_is_left_to_the_environment() -> None:
    """As libpq does, with PGHOST and others."""
    url = database_url.read_postgresql("postgresql://")

    assert (url.user, url.password, url.database, url.hosts, url.ports) == (
        None,
        None,
        None,
        (),
        (),
    )


def test_settings_of_the_server_are_read_from_options() -> None:
    """In both of PostgreSQL's forms; what is something else goes to the server as it is."""
    url = database_url.read_postgresql(
        "postgresql:///app?options=-c%20search_path=a,b%20-cwork_mem=1MB%20--lock-timeout=5s"
        "%20-c%20x.y=a%5C%20b%20endpoint=ep-1&fallback_application_name=mine"
    )

    assert url.settings == {
        "application_name": "mine",
        "search_path": "a,b",
        "work_mem": "1MB",
        "lock_timeout": "5s",
        "x.y": "a b",
    }
    assert url.driver_parameters == {"options": "endpoint=ep-1"}


QUIET = (
    "sslmode=verify-full&sslrootcert=system&channel_binding=prefer&gssencmode=prefer&sslsni=1"
    "&sslcompression=0&load_balance_hosts=disable&client_encoding=UTF8&connect_timeout=3"
    "&target_session_attrs=read-write&requiressl=1&application_name=x&sslcertmode=allow"
)


def test_parameters_of_libpq_are_taken() -> None:
    """Also those that only say what happens anyway."""
    url = database_url.read_postgresql(f"postgresql://db.example/app?{QUIET}")

    assert url.notes == ()
    assert url.connect_seconds == 3  # noqa: PLR2004
    assert url.driver_parameters["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    "parameter",
    [
        "channel_binding=require",
        "keepalives=1",
        "keepalives_idle=30",
        "keepalives_interval=5",
        "keepalives_count=3",
        "tcp_user_timeout=1000",
        "sslcompression=1",
        "load_balance_hosts=random",
    ],
)
def test_a_parameter_without_effect_is_reported_in_one_line(parameter: str) -> None:
    """The server starts: hosted databases show such URLs."""
    environment = {"DATABASE_URL": f"postgresql://db.example/app?{parameter}"}

    [warning] = config.read(environment, config.DEV).warnings

    assert warning.startswith(parameter.partition("=")[0])
    assert "has no effect" in warning


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_a_password_among_the_parameters_is_masked(name: str) -> None:
    """Where settings are shown."""
    environment = {"DATABASE_URL": f"postgresql://me:Geheim@h/app?{name}=Geheim"}

    shown = config.in_force(config.read(environment, config.DEV))

    assert "Geheim" not in str(shown)
