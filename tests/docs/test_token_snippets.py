"""The custom tokens of docs/custom-tokens.md: as in the examples, and accepted."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests import maven
from tests.docs.pages import ROOT, SNIPPETS
from tests.examples.languages import LANGUAGES
from tests.processes import output_of

EXAMPLES = ROOT / "examples"
ALICE_IN_JAVA = 'Map.of("username", "alice", "email", "alice@example.com")'


@dataclass(frozen=True, slots=True)
class Example:
    """Where an example makes its token, and what stands in it for the names of a snippet."""

    path: str
    parts: str
    names: dict[str, str] = field(repr=False)


# In the order of the page.
TOKENS = {
    "javascript": Example(
        "javascript/auth_server.js",
        r"jwt\.sign\(.*?\);",
        {
            "username: 'alice'": "username: user.username",
            "'alice@example.com'": "user.email",
            "'alice'": "user.id",
            "process.env.CUSTOM_TOKEN_SECRET": "secret",
        },
    ),
    "python": Example(
        "python/auth_server.py",
        r"claims = .*?^\}|jwt\.encode\(.*?\)$",
        {
            '"username": "alice"': '"username": user["username"]',
            '"alice@example.com"': 'user["email"]',
            '"alice"': 'user["id"]',
            "3600": "TOKEN_SECONDS",
            'os.environ["CUSTOM_TOKEN_SECRET"]': "secret",
        },
    ),
    "ruby": Example(
        "ruby/auth_server.rb",
        r"claims = .*?^\}|JWT\.encode\(.*?\)$",
        {
            "username: 'alice'": "username: user['username']",
            "'alice@example.com'": "user['email']",
            "'alice'": "user['id']",
            "3600": "TOKEN_SECONDS",
            "ENV.fetch('CUSTOM_TOKEN_SECRET')": "secret",
        },
    ),
    "java": Example(
        "java/src/main/java/com/example/auth/NewCustomTokens.java",
        r"Jwts\.builder.*?;",
        {
            ALICE_IN_JAVA: "CustomTokens.profile(user)",
            '"alice"': "user.id()",
            "plusSeconds(3600)": "plus(LIFETIME)",
            "Keys.hmacShaKeyFor(secret)": "key",
        },
    ),
    "java, old": Example(
        "java/src/main/java/com/example/auth/OldCustomTokens.java",
        r"Jwts\.builder.*?;",
        {
            ALICE_IN_JAVA: "CustomTokens.profile(user)",
            '"alice"': "user.id()",
            "plusSeconds(3600)": "plus(LIFETIME)",
            "Base64.getEncoder().encodeToString(secret)": "secretInBase64",
        },
    ),
}
PAGE = "docs/custom-tokens.md"
LANGUAGES_OF_TOKENS = ("js", "python", "ruby", "java")
ON_PAGE = [one for one in SNIPPETS if one.page == PAGE and one.language in LANGUAGES_OF_TOKENS]
SNIPPET_OF = dict(zip(TOKENS, (one.text for one in ON_PAGE), strict=True))


@pytest.mark.parametrize("language", TOKENS)
def test_a_token_is_made_as_in_the_example(language: str) -> None:
    """What a reader pastes from the page is what the example of that language does."""
    example, snippet = TOKENS[language], SNIPPET_OF[language]
    for ours, theirs in example.names.items():
        assert ours in snippet
        snippet = snippet.replace(ours, theirs)
    text = without_space((EXAMPLES / example.path).read_text(encoding="utf-8"))

    parts = re.findall(example.parts, snippet, re.MULTILINE | re.DOTALL)
    assert parts
    assert [part for part in parts if without_space(part) not in text] == []


def without_space(text: str) -> str:
    """Return *text* without white space, which no two languages of the page have alike."""
    return re.sub(r"\s", "", text)


def java_program(snippet: str, folder: Path) -> list[str]:
    """Make a program of *snippet*, and return the command that runs it."""
    imports = re.findall(r"^import .*;$", snippet, re.MULTILINE)
    body = snippet[snippet.index("\n\n") :]
    source = folder / "Token.java"
    source.write_text(
        "\n".join(imports)
        + "\nclass Token {\n public static void main(String[] arguments) {"
        + body
        + "\nSystem.out.println(token);\n}\n}\n"
    )
    jars = [
        str(jar)
        for part in ("io/jsonwebtoken", "com/fasterxml")
        for jar in (maven.DOWNLOADED / part).rglob("*.jar")
    ]
    return ["java", "-cp", os.pathsep.join(jars), str(source)]


PROGRAMS: dict[str, Callable[[str, Path], list[str]]] = {
    "javascript": lambda text, folder: ["node", "-e", f"{text}\nconsole.log(token)"],
    "python": lambda text, folder: [sys.executable, "-c", f"{text}\nprint(token)"],
    "ruby": lambda text, folder: ["ruby", "-e", f"{text}\nputs token"],
    "java": java_program,
    "java, old": java_program,
}


@pytest.mark.slow
@pytest.mark.parametrize("language", PROGRAMS)
def test_a_token_of_the_page_logs_in(
    language: str, tmp_path: Path, require: Callable[..., None]
) -> None:
    """Run with the tool of its language and its library."""
    require(*LANGUAGES[language.split(",", maxsplit=1)[0]].needs)
    with SkyloginServer() as server:
        token = output_of(
            PROGRAMS[language](SNIPPET_OF[language], tmp_path),
            tmp_path,
            CUSTOM_TOKEN_SECRET=server.custom_token_secret,
            NODE_PATH=str(EXAMPLES / "javascript" / "node_modules"),
        )

        user = server.app().login_with(token.strip())

    assert user.profile["email"] == "alice@example.com"
