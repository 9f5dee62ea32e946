"""What the tests need besides Python packages: one list, read by `make test` and by the tests.

`python -m tests.needs` installs what is missing: Debian packages only as root on Debian;
elsewhere it lists them. It never fails, because a test that lacks something says so itself.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import maven
from tests.local_services import can_run_postgresql

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"
KITS = TESTS.parent / "kits"
SDK = TESTS / "sdk"
PYTHON_SDK = SDK / ".python_sdk"
RELEASE = TESTS.parent / "constraints" / "release.txt"
TOOLS = ".venv-release/.installed"
MAVEN = ("mvn", "-q", "-B")
POSTGRESQL_SETTINGS = Path("/etc/postgresql-common/createcluster.d/skylogin-tests.conf")
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True, slots=True)
class Need:
    """A program or library. Without *install*, its *name* is that of a Debian package."""

    name: str
    untested: str
    is_there: Callable[[], bool]
    install: Callable[[], bool] | None = None


def missing(*names: str) -> str | None:
    """Return a sentence about the first of *names* that is missing, or None."""
    for need in (NEEDS[name] for name in names):
        if not need.is_there():
            return f"{need.name} is not installed: {need.untested} is not tested"
    return None


def install() -> None:
    """Install what is missing, and list what cannot be installed here."""
    packages = [need for need in NEEDS.values() if not need.install and not need.is_there()]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_packages([need.name for need in packages])
    elif packages:
        print("Not installed; only root on Debian can install it here:")
        print(*(f"- {need.name}: {need.untested} is not tested" for need in packages), sep="\n")
    for need in NEEDS.values():
        if need.install and not need.is_there():
            print(f"Installing {need.name}", flush=True)
            if not need.install():
                print(f"{need.name} cannot be installed: {need.untested} is not tested")


def _install_packages(names: list[str]) -> None:
    print(f"Installing Debian packages: {' '.join(names)}", flush=True)
    apt = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        installed = _run(*apt, "update") and _run(
            *apt, "install", "-y", "--no-install-recommends", *names, environment=quiet
        )
    # Another Ruby than Debian's does not find Debian's libraries.
    gems = [n.removeprefix("ruby-") for n in names if n.startswith("ruby-") and missing(n)]
    if gems:
        installed &= _run("gem", "install", "--silent", "--no-document", *gems)
    if not installed:
        print(f"Some of these packages could not be installed: {' '.join(names)}")


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep Debian from creating and starting servers: the tests start their own."""
    has_policy = SERVICE_POLICY.exists()
    POSTGRESQL_SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    POSTGRESQL_SETTINGS.write_text("create_main_cluster = false\n")
    if not has_policy:
        SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
        SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        POSTGRESQL_SETTINGS.unlink()
        if not has_policy:
            SERVICE_POLICY.unlink()


def _run(
    *command: str | Path, folder: Path = TESTS, environment: Mapping[str, str] | None = None
) -> bool:
    """Run a command without its output, and return whether it succeeded."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _has_postgis() -> bool:
    return any(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))


def _ruby_library(name: str) -> Callable[[], bool]:
    # Looked for in silence: Ruby's message about a library that is not there helps nobody.
    return lambda: _run("ruby", "-e", f"begin; require '{name}'; rescue LoadError; exit 1; end")


def _same(wanted: Path, installed: Path) -> bool:
    """Return whether what is *wanted* was installed last: a copy is kept beside the result."""
    return installed.exists() and filecmp.cmp(wanted, installed, shallow=False)


def _npm(folder: Path) -> tuple[Callable[[], bool], Callable[[], bool]]:
    """Return how to look for the packages that *folder* wants from npm, and to install them."""
    wanted, installed = folder / "package-lock.json", folder / "node_modules" / ".installed.json"

    def install() -> bool:
        # As the lock says, each with the hash that it has there.
        return _run("npm", "ci", "--loglevel=error", folder=folder) and _copy(wanted, installed)

    return lambda: _same(wanted, installed), install


def _install_python_sdk() -> bool:
    # A separate environment, because the SDK needs other versions than the server.
    shutil.rmtree(PYTHON_SDK, ignore_errors=True)
    wanted = SDK / "python_sdk.txt"
    pip = (PYTHON_SDK / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
    return (
        _run(sys.executable, "-m", "venv", PYTHON_SDK)
        and _run(*pip, "--require-hashes", "-r", wanted)
        and _copy(wanted, PYTHON_SDK / "installed.txt")
    )


# The projects of Maven, the kit before the example that uses it.
JAVA_PROJECTS = (KITS / "java", EXAMPLES / "java")


def _has_java_libraries() -> bool:
    are_same = (_same(one / "pom.xml", one / "target" / ".installed.xml") for one in JAVA_PROJECTS)
    return all(are_same) and (maven.DOWNLOADED / "io" / "jsonwebtoken").is_dir()


def _install_java_libraries() -> bool:
    # The tests run Maven offline, so each thing they do is done once.
    kit, example = JAVA_PROJECTS
    program = ("-Dexec.mainClass=com.example.auth.Passwords", "-Dexec.args=x")
    with TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        run = partial(_run, *MAVEN, maven.copy_repository(repository))
        if not (
            run("install", "-DskipTests", folder=kit)
            and run("test", "-Dtest=AuthServerTest", folder=example)
            and run("exec:java", *program, folder=example)
        ):
            return False
        maven.keep_downloads(repository)
    return all(_copy(one / "pom.xml", one / "target" / ".installed.xml") for one in JAVA_PROJECTS)


def _copy(wanted: Path, installed: Path) -> bool:
    shutil.copyfile(wanted, installed)
    return True


JAVASCRIPT = "the example in JavaScript"
RUBY, JAVA = (f"the kit for {language} with its example" for language in ("Ruby", "Java"))
JAVASCRIPT_KIT = "the kit for JavaScript"
NODE = f"the original's JavaScript SDK, the example in JavaScript and {JAVASCRIPT_KIT}"
NEEDS = {
    need.name: need
    for need in (
        Need("postgresql", "PostgreSQL", can_run_postgresql),
        Need("postgresql-postgis", "the import from Skygear", _has_postgis),
        Need(
            "pgbouncer", "PostgreSQL behind a pooler", _command("pgbouncer", "/usr/sbin/pgbouncer")
        ),
        Need("redis-server", "a Redis token store", _command("redis-server")),
        Need("haproxy", "HAProxy in front of the server", _command("haproxy")),
        Need("nginx", "nginx in front of the server", _command("nginx")),
        Need("openssl", "TLS of the server, or in front of it", _command("openssl")),
        Need("systemd", "the unit for systemd", _command("systemd-analyze")),
        Need("chromium", "the portal in a browser", _command("chromium", "chromium-browser")),
        Need("curl", "the shell snippets of the documents", _command("curl")),
        Need("wrk", "the speed", _command("wrk")),
        Need("prometheus", "the alert rules", _command("promtool")),
        Need("faketime", "the turn of the year", _command("faketime")),
        Need("locales", "another locale", lambda: Path("/usr/share/i18n/locales/tr_TR").exists()),
        Need("nodejs", NODE, _command("node")),
        Need("npm", NODE, _command("npm")),
        Need("ruby", RUBY, _command("ruby")),
        Need("rake", RUBY, _command("rake")),
        Need("ruby-bundler", RUBY, _command("bundle")),
        Need("ruby-jwt", RUBY, _ruby_library("jwt")),
        Need("ruby-minitest", RUBY, _ruby_library("minitest/test_task")),
        Need("ruby-rspec", RUBY, _ruby_library("rspec")),
        Need("ruby-webrick", RUBY, _ruby_library("webrick")),
        Need("default-jdk-headless", JAVA, _command("javac")),
        Need("maven", JAVA, _command("mvn")),
        Need("the packages of tests/sdk", NODE, *_npm(SDK)),
        Need(
            "the original's Python SDK",
            "it",
            lambda: _same(SDK / "python_sdk.txt", PYTHON_SDK / "installed.txt"),
            _install_python_sdk,
        ),
        Need(
            "the tools of a release",
            "how a release is installed",
            lambda: _same(RELEASE, TESTS.parent / TOOLS),
            lambda: _run("make", TOOLS, folder=TESTS.parent),
        ),
        Need("the packages of examples/javascript", JAVASCRIPT, *_npm(EXAMPLES / "javascript")),
        Need("the packages of kits/javascript", JAVASCRIPT_KIT, *_npm(KITS / "javascript")),
        Need("the libraries of Java", JAVA, _has_java_libraries, _install_java_libraries),
    )
}

if __name__ == "__main__":
    install()
