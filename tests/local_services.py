"""A PostgreSQL and a Redis of the tests' own: made when first needed, gone when the tests are.

Nothing on the machine is depended on but the programs: the cluster is new, lies
in a folder of its own, listens on a free port of the loopback address, and keeps
PostgreSQL's defaults for durability, because tests kill servers and look at what
is left. So does Redis, which keeps nothing on the disk.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

ADDRESS = "127.0.0.1"
ACCOUNT = "postgres"
PORTS_TRIED_MAX = 5

# A shell keeps the cluster, and lives as long as somebody holds its standard
# input: it ends when told to, and just as well when the tests were killed.
KEEPER = """
trap 'cd / && rm -rf "$folder"' EXIT
init() { "$programs/initdb" -D data -U postgres -A trust -E UTF8 --no-sync --locale="$1"; }
# Not every system has this locale, which folds the case of more than ASCII.
init C.UTF-8 >>log 2>&1 || init C >>log 2>&1 || { cat log >&2; exit 1; }
echo made
while read -r port; do
    options="-h $address -p $port -k $folder"
    if "$programs/pg_ctl" start -w -D data -l log -o "$options" >>log 2>&1; then
        echo started
    else
        echo failed
    fi
done
"$programs/pg_ctl" stop -w -m immediate -D data >>log 2>&1
"""

# The same for Redis. Each line is a port to start it on, or says to stop it.
REDIS_KEEPER = """
trap 'cd / && rm -rf "$folder"' EXIT
stop() { [ -z "$redis" ] || { kill -9 "$redis"; wait "$redis"; redis=; } 2>>log; }
while read -r port; do
    stop
    if [ "$port" != stop ]; then
        redis-server --port "$port" --bind "$address" --requirepass "$password" \\
            --save "" --appendonly no --dir "$folder" >>log 2>&1 &
        redis=$!
    fi
    echo done
done
stop
"""
REDIS_PASSWORD = "a-password-that-nobody-may-see"
STARTING_SECONDS_MAX = 30


def redis_missing() -> str | None:
    """Say why no Redis can be started here, or nothing if one can."""
    if shutil.which("redis-server") is None:
        return "Redis is not installed: no redis-server on the PATH"
    return None


class RedisServer:
    """A Redis with a password, which can be stopped and come back on the same port."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="skylogin-redis-", dir="/tmp")
        settings = {"folder": folder, "address": ADDRESS, "password": REDIS_PASSWORD}
        self.port = _free_port()
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", REDIS_KEEPER],
            cwd=folder,
            env={**os.environ, **settings, "redis": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        """Return the server's URL, with its password."""
        return f"redis://:{REDIS_PASSWORD}@{ADDRESS}:{self.port}"

    def start(self) -> None:
        """Start it with nothing in it, and wait until it answers."""
        _ask(self._keeper, str(self.port))
        deadline = time.monotonic() + STARTING_SECONDS_MAX
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((ADDRESS, self.port), STARTING_SECONDS_MAX) as stream:
                stream.sendall(b"PING\r\n")
                # It asks for the password.
                return stream.recv(16).startswith(b"-NOAUTH")
        except OSError:
            return False

    def stop(self) -> None:
        """Kill it, with all that is in it."""
        _ask(self._keeper, "stop")

    def close(self) -> None:
        """Stop it for good, and remove its folder."""
        _end(self._keeper)


def postgresql_missing() -> str | None:
    """Say why no PostgreSQL can be started here, or nothing if one can."""
    if _programs() is None:
        return "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or on the PATH"
    if os.geteuid() == 0 and not _has_account():
        return f"PostgreSQL is not installed: it refuses to run as root, and no user is {ACCOUNT!r}"
    return None


class PostgreSQL:
    """A running cluster, from *start* to *stop*."""

    def __init__(self, folder: Path, keeper: subprocess.Popen[str], port: int) -> None:
        self.folder = folder
        self.port = port
        self._keeper = keeper
        self._databases = 0

    @classmethod
    def start(cls) -> Self:
        """Make a cluster and return it once it answers."""
        programs = _programs()
        assert programs is not None, postgresql_missing()
        account = ACCOUNT if os.geteuid() == 0 else None
        # Always below /tmp: a socket's path may not be long, and another user
        # than root could not enter just any folder that TMPDIR names.
        folder = Path(tempfile.mkdtemp(prefix="skylogin-postgresql-", dir="/tmp"))
        if account is not None:
            shutil.chown(folder, account)
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER],
            cwd=folder,
            env=_environment()
            | {"programs": str(programs), "folder": str(folder), "address": ADDRESS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            # An interrupt at the terminal is for the tests, which then stop us.
            start_new_session=True,
        )
        try:
            port = _start(keeper, folder)
        except BaseException:
            _end(keeper)
            raise
        return cls(folder, keeper, port)

    def make_database(self) -> str:
        """Create an empty database and return its URL; callable inside an event loop too."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run("createdb", name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._run("dropdb", "--force", "--if-exists", url.rpartition("/")[2])

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://{ACCOUNT}@{ADDRESS}:{self.port}/{database}"

    def stop(self) -> None:
        """Stop the cluster and remove all of it; a second time does nothing."""
        _end(self._keeper)

    def _run(self, program: str, *arguments: str) -> None:
        programs = _programs()
        assert programs is not None
        address = ["-h", ADDRESS, "-p", str(self.port), "-U", ACCOUNT]
        subprocess.run(
            [programs / program, *address, *arguments], check=True, env=_environment(), timeout=60
        )


def _programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs."""
    # Debian keeps them off the PATH, one folder for each version.
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: _version(path.parent.parent.name), default=None)
    if newest is not None:
        return newest.parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())


def _has_account() -> bool:
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        return False
    return True


def _environment() -> dict[str, str]:
    # A developer's PGHOST, PGPORT or PGUSER must not send us to another server.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _start(keeper: subprocess.Popen[str], folder: Path) -> int:
    if _ask(keeper) != "made":
        raise RuntimeError("PostgreSQL cannot make a cluster; what it says of that is above")
    for _ in range(PORTS_TRIED_MAX):
        # Somebody may take the port before PostgreSQL does; then another is tried.
        port = _free_port()
        if _ask(keeper, str(port)) == "started":
            return port
    raise RuntimeError(f"PostgreSQL does not start:\n{(folder / 'log').read_text()}")


def _ask(keeper: subprocess.Popen[str], line: str | None = None) -> str:
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    if line is not None:
        keeper.stdin.write(f"{line}\n")
        keeper.stdin.flush()
    return keeper.stdout.readline().strip()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        port: int = listener.getsockname()[1]
        return port


def _end(keeper: subprocess.Popen[str]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    keeper.wait(timeout=60)
