"""The URL of a database: SQLite's, or PostgreSQL's by the rules of libpq.

Functions raise ValueError, whose text never shows a part that may be a password.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_PREFIXES = ("postgres://", "postgresql://")
CONNECT_SECONDS, CONNECT_SECONDS_MIN = 10, 2
PORT, PORT_MAX = 5432, 65535
APPLICATION_NAME = "skylogin"

_IN_MEMORY = re.compile(r":memory:|mode=memory|^sqlite[\w+]*:/{0,3}$", re.IGNORECASE)
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_ONE_OPTION = re.compile(r"(?:-c\s*|--)([\w.-]+)=(.*)", re.DOTALL)
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
NOT_ENCODED = (
    "a user name or password with a character that has to be encoded: "
    "@ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25"
)
_ENCODE = f"has {NOT_ENCODED}"


@dataclass(frozen=True, slots=True)
class PostgresqlUrl:
    """The parts of a URL. Unset ones are None or empty: the environment may set them."""

    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    # By libpq's names.
    driver_parameters: Mapping[str, str]
    # Settings of the connection on the server.
    settings: Mapping[str, str]
    # None if the URL does not say.
    has_pooler: bool | None
    connect_seconds: int
    # Sentences about parameters that have no effect.
    notes: tuple[str, ...]

    @property
    def address(self) -> str:
        """Return the hosts and ports as text."""
        if not self.hosts:
            return "this machine"
        hosts = [f"[{host}]" if ":" in host else host for host in self.hosts]
        ports = self.ports if len(self.ports) > 1 else (self.ports or (PORT,)) * len(hosts)
        return ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))


def check(url: str) -> None:
    """Raise ValueError unless *url* names a database that a server can use."""
    if _IN_MEMORY.search(url) and not url.startswith(POSTGRESQL_PREFIXES):
        raise ValueError(
            "names a database in memory, which connections cannot share: for a "
            "database that is gone at the end, use `skylogin dev --ephemeral` without a URL"
        )
    if url.startswith(POSTGRESQL_PREFIXES):
        read_postgresql(url)
    elif not url.startswith(SQLITE_PREFIX):
        raise ValueError(f"has to begin with {SQLITE_PREFIX}, postgres:// or postgresql://")
    elif "?" in url:
        raise ValueError("has a ?, but SQLite takes only the path of a file")


def notes(url: str) -> tuple[str, ...]:
    """Return sentences about the parameters of *url*, a valid one, that have no effect."""
    return read_postgresql(url).notes if url.startswith(POSTGRESQL_PREFIXES) else ()


def read_postgresql(url: str) -> PostgresqlUrl:
    """Read a URL of PostgreSQL."""
    if re.search(r"\s", url):
        raise ValueError("has a space, which has to be encoded as %20")
    credentials, host_list, path, query = _split(url.partition("://")[2])
    user, _, password = (credentials or "").partition(":")
    given = {"user": _decoded(user), "password": _decoded(password), "dbname": _decoded(path)}
    hosts, ports = _read_hosts(host_list)
    given |= {name: value for name, value in _read_query(query).items() if value}
    if "port" in given:
        ports = tuple(_read_port(port) for port in given["port"].split(","))
    if "host" in given:
        hosts, ports_there = _read_hosts(given["host"])
        ports = ports or ports_there
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError("has a different number of ports than hosts")
    parameters = _Parameters()
    for name, value in given.items():
        if name not in _OF_ADDRESS:
            parameters.take(name, value)
    return PostgresqlUrl(
        user=given["user"] or None,
        password=given["password"] or None,
        database=given.get("database") or given["dbname"] or None,
        hosts=hosts,
        ports=ports,
        driver_parameters=parameters.of_driver,
        settings={"application_name": APPLICATION_NAME, **parameters.settings},
        has_pooler=parameters.has_pooler,
        connect_seconds=parameters.connect_seconds,
        notes=tuple(parameters.notes),
    )


def _split(rest: str) -> tuple[str | None, str, str, str]:
    """Return the credentials, hosts, path and query of a URL, as libpq finds them."""
    credentials: str | None = None
    found = re.match("([^@/]*)@", rest)
    if found is not None:
        credentials, rest = found[1], rest[found.end() :]
    parts = re.fullmatch(r"([^/?]*)(?:/([^?]*))?(?:\?(.*))?", rest, re.DOTALL)
    assert parts is not None
    hosts, path, query = (part or "" for part in parts.groups())
    # The driver would take a part of the password for the host.
    if "@" in hosts + path or ("@" in query and "=" not in query.partition("@")[0]):
        raise ValueError(_ENCODE)
    return credentials, hosts, path, query


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ValueError("has a % without two hexadecimal digits; write % as %25")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError("has percent-encoded bytes that are not UTF-8") from None
    if "\0" in decoded:
        raise ValueError("has %00, which PostgreSQL does not take")
    return decoded


def _read_hosts(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Read `host:port,host:port`; hosts and ports may be left out."""
    if not text:
        return (), ()
    hosts: list[str] = []
    ports: list[str] = []
    for one in text.split(","):
        found = _HOST.fullmatch(one)
        if found is None:
            raise ValueError(_ENCODE)
        hosts.append(_decoded(found[1].strip("[]")))
        ports.append(found[2] or "")
    numbers = tuple(_read_port(port or str(PORT)) for port in ports) if any(ports) else ()
    if not any(hosts):
        return (), numbers[:1]
    return tuple(host or "localhost" for host in hosts), numbers


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX):
        # It may be a password, so it is not shown.
        raise ValueError(f"has a port that is not a number up to {PORT_MAX}, or {NOT_ENCODED}")
    return int(text)


def _read_query(query: str) -> dict[str, str]:
    found = {}
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError("has a parameter without =")
        found[_decoded(name)] = _decoded(value)
    return found


def _read_boolean(name: str, value: str) -> bool:
    if value.lower() not in _TRUE + _FALSE:
        raise ValueError(f"has {name}, which is neither true nor false")
    return value.lower() in _TRUE


@dataclass
class _Parameters:
    """The parameters of a URL, as they are read."""

    of_driver: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    has_pooler: bool | None = None
    connect_seconds: int = CONNECT_SECONDS
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, value: str) -> None:
        """Take a parameter, or raise ValueError."""
        if name in _READERS:
            _READERS[name](self, value)
        elif name in _OF_DRIVER:
            choices = _OF_DRIVER[name]
            if choices and value not in choices:
                raise ValueError(f"has {name}, which is none of {', '.join(choices)}")
            self.of_driver[name] = value
        elif name in _WITHOUT_EFFECT:
            if value not in _WITHOUT_EFFECT[name]:
                self.notes.append(f"{name} in the database URL has no effect")
        elif name in _ONLY:
            if value not in _ONLY[name]:
                raise ValueError(f"asks for {name}, which is not supported")
        else:
            known = name if re.fullmatch(r"[a-z_]{1,30}", name) else "a name"
            raise ValueError(
                f"has a parameter that libpq does not know ({known}); "
                "settings of the server go into options=-c%20name=value"
            )

    def take_options(self, value: str) -> None:
        """Read `-c name=value` and `--name=value`; send other options to the server as they are."""
        others = []
        for part in re.findall(r"-c\s+(?:\\.|\S)+|(?:\\.|\S)+", value, re.DOTALL):
            found = _ONE_OPTION.fullmatch(part)
            if found is None:
                others.append(part)
            else:
                text = re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)
                self.settings[found[1].replace("-", "_")] = text
        if others:
            self.of_driver["options"] = " ".join(others)

    def take_connect_timeout(self, value: str) -> None:
        """Read seconds; 0 means our default, because no call waits forever."""
        if re.fullmatch(r"-?\d{1,6}", value) is None:
            raise ValueError("has connect_timeout, which is not a whole number of seconds")
        if int(value) > 0:
            self.connect_seconds = max(int(value), CONNECT_SECONDS_MIN)

    def take_channel_binding(self, value: str) -> None:
        """Note that it has no effect, without refusing it: hosted databases put it in URLs."""
        if value not in ("disable", "prefer", "require"):
            raise ValueError("has channel_binding, which is none of disable, prefer, require")
        if value == "require":
            self.notes.append(
                "channel_binding=require in the database URL has no effect: the driver cannot; "
                "sslmode=verify-full checks the server's certificate"
            )

    def take_encoding(self, value: str) -> None:
        """Take only UTF-8."""
        if value.lower().replace("-", "").replace("_", "") not in ("utf8", "unicode", "auto"):
            raise ValueError("has client_encoding, which can only be UTF8")

    def take_fallback_name(self, value: str) -> None:
        """Take a name that application_name replaces."""
        self.settings.setdefault("application_name", value)

    def take_required_tls(self, value: str) -> None:
        """Read the old form of sslmode=require."""
        if _read_boolean("requiressl", value):
            self.of_driver.setdefault("sslmode", "require")

    def take_pooler(self, value: str) -> None:
        """Read whether a pooler is in front of the server."""
        self.has_pooler = _read_boolean("pgbouncer", value)


_OF_ADDRESS = ("host", "port", "user", "password", "dbname", "database")
_READERS: dict[str, Callable[[_Parameters, str], None]] = {
    "options": _Parameters.take_options,
    "application_name": lambda self, value: self.settings.update(application_name=value),
    "fallback_application_name": _Parameters.take_fallback_name,
    "client_encoding": _Parameters.take_encoding,
    "connect_timeout": _Parameters.take_connect_timeout,
    "channel_binding": _Parameters.take_channel_binding,
    "requiressl": _Parameters.take_required_tls,
    "pgbouncer": _Parameters.take_pooler,
}
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# Parameters that the driver handles, with their possible values; empty means any.
_OF_DRIVER: dict[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "target_session_attrs": (
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
    ),
    **dict.fromkeys(("sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"), ()),
    **dict.fromkeys(("passfile", "service", "krbsrvname", "gsslib"), ()),
}  # fmt: skip
# Parameters without effect, with the values that ask for what happens anyway.
_WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("keepalives", "keepalives_idle", "keepalives_interval"), ()),
    **dict.fromkeys(("keepalives_count", "tcp_user_timeout", "sslkeylogfile", "krblname"), ()),
    "sslcompression": ("0",),
    "sslsni": ("1",),
    "gssdelegation": ("0",),
    "load_balance_hosts": ("disable",),
}
# Parameters of which only these values are accepted: ignoring others would protect less, or
# connect to something else.
_ONLY: dict[str, tuple[str, ...]] = {
    "gssencmode": ("disable", "prefer"),
    "sslcertmode": ("allow",),
    "replication": _FALSE,
    "min_protocol_version": ("3.0",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    **dict.fromkeys(("hostaddr", "require_auth", "requirepeer", "sslcrldir"), ()),
    **dict.fromkeys(("scram_client_key", "scram_server_key"), ()),
}
