"""PostgreSQL and Redis for the tests: started when first needed, removed when the tests end.

They need only the programs on this machine. The PostgreSQL cluster is new, in a
directory of its own, on a free port of the loopback address. Redis writes nothing to
the disk.
"""

import fcntl
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.waiting import wait_until

ADDRESS = "127.0.0.1"
ACCOUNT = "postgres"
PORTS_TRIED_MAX = 5

# The shell that starts the cluster lives as long as its standard input is open, so the
# cluster also ends when the tests are killed.
POSTGRESQL_KEEPER = """
trap 'cd / && rm -rf "$folder"' EXIT
if [ -n "$base" ]; then
    cp -a "$base" data && touch data/recovery.signal
else
    # Every system has this locale, and PostgreSQL's own functions know only ASCII in it.
    "$programs/initdb" -D data -U postgres -A trust -E UTF8 --no-sync --locale=C
fi >>log 2>&1 && printf '%s\n' "$settings" >>data/postgresql.conf || { cat log >&2; exit 1; }
echo made
while read -r port; do
    if "$programs/pg_ctl" start -w -D data -l log -o "$options -p $port" >>log 2>&1; then
        echo started
    else
        echo failed
    fi
done
"$programs/pg_ctl" stop -w -m immediate -D data >>log 2>&1
"""
# With fsync every DROP DATABASE takes a second. No test crashes PostgreSQL itself.
WITHOUT_FSYNC = "-c fsync=off -c full_page_writes=off"
# Copying the files of a template is faster than logging them; older versions always do.
COPIES_FILES = 15

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


class RedisServer:
    """Redis with a password, which can be stopped and started again on the same port."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="skylogin-redis-", dir="/tmp")
        settings = {"folder": folder, "address": ADDRESS, "password": REDIS_PASSWORD}
        self.port = free_port()
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
        """Start it empty, and wait until it answers."""
        _ask(self._keeper, str(self.port))
        wait_until(self._answers, STARTING_SECONDS_MAX)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((ADDRESS, self.port), STARTING_SECONDS_MAX) as stream:
                stream.sendall(b"PING\r\n")
                # It asks for the password.
                return stream.recv(16).startswith(b"-NOAUTH")
        except OSError:
            return False

    def stop(self) -> None:
        """Kill it; its data is lost."""
        _ask(self._keeper, "stop")

    def close(self) -> None:
        """Stop it for good, and remove its directory."""
        _end(self._keeper)


def can_run_postgresql() -> bool:
    """Return whether the programs are here, and an account for them: they refuse to run as root."""
    return _programs() is not None and (os.geteuid() != 0 or _has_account())


class PostgreSQL:
    """A running cluster: started by this process, or by another one."""

    def __init__(self, port: int, version: int, keeper: subprocess.Popen[str] | None) -> None:
        self.port = port
        self.version = version
        self._keeper = keeper
        self._databases = 0

    @classmethod
    def start(cls, *, durable: bool = True, settings: str = "", base: Path | None = None) -> Self:
        """Create a cluster and return it once it answers; *durable* keeps fsync on.

        *settings* are lines of its configuration. With a *base* backup, it recovers from that.
        """
        programs = _programs()
        assert programs is not None
        account = account_of_postgresql()
        # Always below /tmp: the path of a socket must be short, and the account of
        # PostgreSQL may not be able to enter the directory that TMPDIR names.
        folder = Path(tempfile.mkdtemp(prefix="skylogin-postgresql-", dir="/tmp"))
        if account is not None:
            shutil.chown(folder, account)
        options = f"-h {ADDRESS} -k {folder} {'' if durable else WITHOUT_FSYNC}"
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", POSTGRESQL_KEEPER],
            cwd=folder,
            env=_environment()
            | {"programs": str(programs), "folder": str(folder), "options": options}
            | {"settings": settings, "base": str(base or "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            # An interrupt at the terminal is for the tests, which then stop the cluster.
            start_new_session=True,
        )
        try:
            port = _start(keeper, folder)
            version = int((folder / "data" / "PG_VERSION").read_text().split(".")[0])
        except BaseException:
            _end(keeper)
            raise
        return cls(port, version, keeper)

    def make_database(self, template: str = "template1") -> str:
        """Create a copy of *template*, which is empty by default, and return its URL."""
        self._databases += 1
        # Each worker of a run names its own.
        name = f"test_{os.getpid()}_{self._databases}"
        strategy = ["--strategy", "file_copy"] if self.version >= COPIES_FILES else []
        self._run("createdb", "--template", template, *strategy, name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, and close the connections to it."""
        self._run("dropdb", "--force", "--if-exists", url.rpartition("/")[2])

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://{ACCOUNT}@{ADDRESS}:{self.port}/{database}"

    def stop(self) -> None:
        """Stop the cluster and remove all of it; a second time does nothing."""
        if self._keeper is not None:
            _end(self._keeper)

    def _run(self, program: str, *arguments: str) -> None:
        programs = _programs()
        assert programs is not None
        address = ["-h", ADDRESS, "-p", str(self.port), "-U", ACCOUNT]
        subprocess.run(
            [programs / program, *address, *arguments], check=True, env=_environment(), timeout=60
        )


@contextmanager
def shared_postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """Give the one cluster of all processes that name the same *folder*.

    The first process starts it, and stops it when the others have ended.
    """
    address = folder / "postgresql.address"
    with (
        (folder / "postgresql.users").open("w") as users,
        (folder / "postgresql.lock").open("w") as lock,
    ):
        with _locked(lock.fileno()):
            starts = not address.exists()
            if starts:
                cluster = PostgreSQL.start(durable=False)
                address.write_text(f"{cluster.port} {cluster.version}")
            else:
                port, version = map(int, address.read_text().split())
                cluster = PostgreSQL(port, version, None)
                fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield cluster
        finally:
            if starts:
                with _locked(lock.fileno()):
                    address.unlink()
                    fcntl.flock(users, fcntl.LOCK_EX)
                    cluster.stop()


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def account_of_postgresql() -> str | None:
    """Return the account that PostgreSQL's programs need, None for the one of this process."""
    return ACCOUNT if os.geteuid() == 0 else None


def run_postgresql(script: str, folder: Path, **variables: str) -> None:
    """Run a shell script in *folder* that uses PostgreSQL's programs. It has to succeed."""
    environment = _environment()
    subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=folder,
        env=environment | {"PATH": f"{_programs()}:{environment['PATH']}"} | variables,
        user=account_of_postgresql(),
        check=True,
        timeout=60,
    )


def _programs() -> Path | None:
    """Return the directory of the newest PostgreSQL's programs."""
    # Debian keeps them off the PATH, one directory for each version.
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
    # PGHOST, PGPORT or PGUSER of the developer would lead to another server.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _start(keeper: subprocess.Popen[str], folder: Path) -> int:
    if _ask(keeper) != "made":
        raise RuntimeError("PostgreSQL cannot create a cluster; its messages are above")
    for _ in range(PORTS_TRIED_MAX):
        # Another program may take the port before PostgreSQL does; then another is tried.
        port = free_port()
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


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        port: int = listener.getsockname()[1]
        return port


def _end(keeper: subprocess.Popen[str]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    keeper.wait(timeout=60)
