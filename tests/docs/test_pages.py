"""The documents say everything there is to say: each row of each table is in them."""

import re
import subprocess
from pathlib import Path

import pytest
import typer
from skylogin.actions.table import ACTIONS, NOT_EMULATED
from skylogin.cli import main
from skylogin.config import SETTINGS, Setting
from skylogin.errors import ERROR_KINDS, Reason

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
}
SETTINGS_PAGE = PAGES["docs/settings.md"]
COMMANDS_PAGE = PAGES["docs/commands.md"]
SUPPORTED_PAGE = PAGES["docs/supported.md"]
TOKENS_PAGE = PAGES["docs/custom-tokens.md"]
WIRE = PAGES["docs/wire.md"]

COMMAND_ROW = re.compile(r"^\| `skylogin ([a-z -]+)` \|", re.MULTILINE)
COMMAND_SHOWN = re.compile(r"(?:`|bin/)skylogin ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?")
# Written so that they do not find themselves.
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|rubygems\.org|crates\.io"
    r"|(?:docker|ghcr|quay)\.io|gcr\.io|goproxy\.|proxy\.golang\.org|maven\.org"
    r"|(?:deb|security)\.debian\.org|archive\.ubuntu\.com"
)
HOME = re.compile(r"(?<![\w.~-])/(?:root|home|Users|work)/[\w.-]")


def section(page: str, title: str) -> str:
    """Return what stands below the heading *title*, up to the next one of its level."""
    hashes = title.split(maxsplit=1)[0]
    begin = page.index(f"\n{title}\n")
    end = page.find(f"\n{hashes} ", begin + 1)
    return page[begin : end if end >= 0 else len(page)]


def first_cells(text: str) -> set[str]:
    """Return what stands in backquotes at the beginning of the rows of *text*."""
    return set(re.findall(r"^\| `([^`]*)`", text, re.MULTILINE))


def settings_row(setting: Setting) -> str:
    """Return the row that a page has for *setting*."""
    default = f"`{setting.default}`" if setting.default else "none"
    return f"| `{setting.variable}` | {default} | {setting.about} |\n"


main.add_servers()
main.add_groups()


def commands() -> set[str]:
    """Return the commands that there are, with their groups."""
    names = {info.name or info.callback.__name__ for info in main.app.registered_commands}
    for group in main.app.registered_groups:
        inner = group.typer_instance
        assert isinstance(inner, typer.Typer)
        names |= {
            f"{group.name} {info.name or info.callback.__name__}"
            for info in inner.registered_commands
        }
    return names


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_a_setting_is_on_its_page(setting):
    """Its variable, its default and its sentence, in the same words as in the code."""
    assert settings_row(setting) in SETTINGS_PAGE


def test_the_page_has_no_setting_that_is_gone():
    """The table has the rows of the code, and no others."""
    rows = {name for name in first_cells(SETTINGS_PAGE) if name.isupper()}

    assert rows == {setting.variable for setting in SETTINGS}


@pytest.mark.parametrize("name", sorted(ACTIONS), ids=lambda name: name or "home")
def test_an_action_has_a_row(name):
    """What is supported is written down."""
    assert (name or '""') in first_cells(section(SUPPORTED_PAGE, "## Actions"))


def test_the_actions_that_are_not_emulated_are_listed():
    """What is not supported is written down as plainly, and nothing of it is made up."""
    text = section(SUPPORTED_PAGE, "## Actions")
    listed = {
        name
        for row in re.findall(r"^\| [a-zA-Z -]+ \| (`.*`) \|$", text, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }

    assert listed == NOT_EMULATED


def test_every_error_kind_has_its_row():
    """Name, code and status, and no row too many."""
    text = section(WIRE, "## Error kinds")
    rows = set(re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|$", text, re.MULTILINE))

    assert rows == {(kind.name, str(kind.code), str(kind.status)) for kind in ERROR_KINDS}


def test_every_reason_has_a_sentence():
    """A developer who meets a reason finds it explained, and no reason that is gone."""
    text = section(WIRE, "## Reasons")
    rows = re.findall(r"^\| `(\w+)` \| (.+\.) \|$", text, re.MULTILINE)

    assert {name for name, _ in rows} == {str(reason) for reason in Reason}


def test_the_page_lists_the_commands():
    """The table has every command, and no others."""
    assert set(COMMAND_ROW.findall(COMMANDS_PAGE)) == commands()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_commands_that_are_shown_exist(page):
    """What a reader copies from a page runs."""
    groups = {group.name for group in main.app.registered_groups}
    shown = {
        f"{first} {second}" if first in groups and second else first
        for first, second in COMMAND_SHOWN.findall(page)
    }

    assert shown <= commands() | groups


def tracked_files() -> list[Path]:
    """Return the files that git has, or skip where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("pattern", [REGISTRY, HOME], ids=["registry", "home"])
def test_nothing_depends_on_one_place(pattern):
    """No file names the host of a package registry, or a folder of somebody's machine."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        for match in pattern.finditer(path.read_bytes().decode("utf-8", "replace"))
    ]

    assert found == []


# What a snippet of the page has in place of an example's own names.
ALICE_IN_JAVA = 'Map.of("username", "alice", "email", "alice@example.com")'
SNIPPETS = {
    "JavaScript": (
        "javascript/auth_server.js",
        r"jwt\.sign\(.*?\);",
        {
            "username: 'alice'": "username: user.username",
            "'alice@example.com'": "user.email",
            "'alice'": "user.id",
            "process.env.CUSTOM_TOKEN_SECRET": "secret",
        },
    ),
    "Python": (
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
    "Ruby": (
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
    "Java, with jjwt": (
        "java/src/main/java/com/example/auth/NewCustomTokens.java",
        r"Jwts\.builder.*?;",
        {
            ALICE_IN_JAVA: "CustomTokens.profile(user)",
            '"alice"': "user.id()",
            "plusSeconds(3600)": "plus(LIFETIME)",
            "Keys.hmacShaKeyFor(secret)": "key",
        },
    ),
    "Java, with the old": (
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


@pytest.mark.parametrize(("path", "part", "names"), SNIPPETS.values(), ids=SNIPPETS)
def test_a_token_is_made_as_in_the_example(
    path: str, part: str, names: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """What a reader pastes from the page is what the example of that language does."""
    language = request.node.callspec.id
    text = TOKENS_PAGE[TOKENS_PAGE.index(f"\n{language}") :]
    snippet = re.split(r"```\w*\n", text, maxsplit=2)[1]
    for ours, theirs in names.items():
        assert ours in snippet
        snippet = snippet.replace(ours, theirs)
    example = without_space((ROOT / "examples" / path).read_text(encoding="utf-8"))

    parts = re.findall(part, snippet, re.MULTILINE | re.DOTALL)
    assert parts
    assert [part for part in parts if without_space(part) not in example] == []


def without_space(text: str) -> str:
    """Return *text* without white space, which no two languages of the page have alike."""
    return re.sub(r"\s", "", text)


def test_the_links_between_the_pages_lead_somewhere():
    """A link to a file of this project names one that is there."""
    broken = [
        f"{name}: {target}"
        for name, page in PAGES.items()
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page)
        if not ((ROOT / name).parent / target).exists()
    ]

    assert broken == []
