"""The examples by language: how each is tested and run, and what that needs."""

import re
from dataclasses import dataclass

JAVA_MAIN = "-Dexec.mainClass=com.example.auth"


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
    needs: tuple[str, ...] = ()


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
            needs=("nodejs", "npm", "the packages of examples/javascript"),
        ),
        Language(
            name="python",
            tests=["pytest"],
            some=[],
            passed=re.compile(r"^=+ (\d+) passed(?:, \d+ warnings?)? in .* =+$", re.M),
            auth_server=["python", "auth_server.py"],
            client=["python", "client.py"],
        ),
        Language(
            name="ruby",
            tests=["rake", "test"],
            some=[],
            passed=re.compile(r"^(\d+) runs, \d+ assertions, 0 failures, 0 errors, 0 skips$", re.M),
            auth_server=["ruby", "auth_server.rb"],
            client=["ruby", "client.rb"],
            needs=("ruby", "rake", "ruby-jwt", "ruby-minitest", "ruby-webrick"),
        ),
        Language(
            name="java",
            tests=[*MAVEN, "test"],
            some=["-Dtest=LoginTest#*UserOfSkygear"],
            passed=re.compile(
                r"Results:\n.*\n.*Tests run: (\d+), Failures: 0, Errors: 0, Skipped: 0\n"
            ),
            auth_server=[*MAVEN, "-q", "compile", "exec:java", f"{JAVA_MAIN}.AuthServer"],
            client=[*MAVEN, "-q", "compile", "exec:java", f"{JAVA_MAIN}.Client"],
            needs=("default-jdk-headless", "maven", "the libraries of Java"),
        ),
    )
}
