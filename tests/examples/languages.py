"""The examples by language: how each is tested and run, and what that needs."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.examples.running import COMMANDS, EXAMPLES

JAVA_MAIN = "-Dexec.mainClass=com.example.auth"
POM = "{http://maven.apache.org/POM/4.0.0}"


@dataclass(frozen=True, slots=True)
class Language:
    """A row.

    *some* chooses a few of the tests where all take long. *passed* finds how many have
    passed, where none did anything else.
    """

    name: str
    tests: list[str]
    some: list[str]
    passed: re.Pattern[str]
    auth_server: list[str]
    client: list[str]
    missing: Callable[[], str | None]


def _node_missing() -> str | None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node is not installed: no node or no npm on the PATH"
    if not (EXAMPLES / "javascript" / "node_modules" / "skygear").is_dir():
        return "the JavaScript example's packages are not installed: `make test` does it"
    return None


def _python_missing() -> str | None:
    if not (COMMANDS / "skylogin").exists():
        return "the command skylogin is not installed beside Python: `make test` does it"
    return None


def _ruby_missing() -> str | None:
    libraries = [f"-r{name}" for name in ("jwt", "webrick", "minitest/test_task")]
    if shutil.which("ruby") is None or shutil.which("rake") is None:
        return "Ruby is not installed: no ruby or no rake on the PATH"
    if subprocess.run(["ruby", *libraries, "-e", ""], capture_output=True, check=False).returncode:
        return "ruby-jwt, minitest or webrick is not installed"
    return None


def _java_missing() -> str | None:
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        return "Maven or the JDK is not installed: no mvn or no javac on the PATH"
    version = ElementTree.parse(EXAMPLES / "java" / "pom.xml").findtext(f".//{POM}jjwt.version")
    if not (Path.home() / ".m2/repository/io/jsonwebtoken/jjwt-impl" / str(version)).is_dir():
        return "the Java example's artifacts are not there: `make test` has Maven bring them"
    return None


# Without asking the registry again for what is here.
MAVEN = ["mvn", "-o", "-B"]

LANGUAGES = {
    language.name: language
    for language in (
        Language(
            name="javascript",
            tests=["npm", "test"],
            some=[],
            passed=re.compile(r"^. pass (\d+)\n. fail 0\n. cancelled 0\n. skipped 0\n", re.M),
            auth_server=["node", "auth_server.js"],
            client=["node", "client.js"],
            missing=_node_missing,
        ),
        Language(
            name="python",
            tests=["pytest"],
            some=[],
            passed=re.compile(r"^=+ (\d+) passed(?:, \d+ warnings?)? in .* =+$", re.M),
            auth_server=["python", "auth_server.py"],
            client=["python", "client.py"],
            missing=_python_missing,
        ),
        Language(
            name="ruby",
            tests=["rake", "test"],
            some=[],
            passed=re.compile(r"^(\d+) runs, \d+ assertions, 0 failures, 0 errors, 0 skips$", re.M),
            auth_server=["ruby", "auth_server.rb"],
            client=["ruby", "client.rb"],
            missing=_ruby_missing,
        ),
        Language(
            name="java",
            tests=[*MAVEN, "test"],
            some=["-Dtest=LoginTest#*SkygearDoes+*UserOfSkygear"],
            passed=re.compile(
                r"Results:\n.*\n.*Tests run: (\d+), Failures: 0, Errors: 0, Skipped: 0\n"
            ),
            auth_server=[*MAVEN, "-q", "compile", "exec:java", f"{JAVA_MAIN}.AuthServer"],
            client=[*MAVEN, "-q", "compile", "exec:java", f"{JAVA_MAIN}.Client"],
            missing=_java_missing,
        ),
    )
}
