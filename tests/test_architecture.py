"""The rules of docs/architecture.md: which module may use what, read from the source."""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "server" / "skylogin"
LEVELS = """
 1  errors  guard  spoken_time  go_text  rfc3339  json_text  clock  ids  readiness  pubsub_hub
 2  jws  user  payload  app_names  password_policy  sql_functions  go_json
 3  access  access_token  auth_keys  fields  profile  minting  wire  pubsub_messages
 3  seed_text
 4  custom_token  login  records  schema  stored_token  query
 5  config  journal  query_rules  query_values  bad_tokens  seeds
 6  explaining  logs  query_plan  query_includes  store.sqlite_statements
 7  store.dialect  store.sqlite_threads  file_tokens  redis_tokens  faults
 8  store.tables  store.transaction  store.dialect_values  staged
 9  store.access  store.fields  store.record_types  store.secrets  store.journal
 9  store.database  store.passwords  store.principals  store.roles  store.query_sql
 9  store.audit  store.operator_sessions  store.counts
10  store.apps  store.references  store.schema  store.users  store.batch  store  store.queries
11  store.logins  store.user_search  store.transfer
12  access_cache  store.records  migrating  tally  passwords  token_secrets  token_stores
12  store.worlds
13  journal_writer
14  registry  operations  operations.operator
15  call  operations.apps  operations.secrets  operations.users  operations.attempts
15  operations.signing_in  operations.transfer  operations.seeding
16  operations.tokens  operations.overview
17  preprocessors  handlers  handlers.common  handlers.signing_in
18  handlers.auth  handlers.me  handlers.other  handlers.record  handlers.query
18  handlers.role  handlers.schema  handlers.sso
19  actions
20  dispatch  pubsub  admin  admin.document  portal  portal.rendering  portal.chart
20  operations.controls
21  admin.call  admin.events  admin.exporting  portal.answering
22  admin.answering  admin.people  admin.seeding  portal.pages  portal.people_pages
22  portal.logins_pages
23  admin.controls
24  admin.running  portal.controls_pages
25  portal.routes  admin.local
26  web
27  server
28  testing.connections  testing.turns  cli
29  testing.refusals
30  testing.admin_client  __main__
31  testing.attempts  testing.users  testing.clock  testing.faults  testing.bad_tokens
31  cli_reach
32  testing.app  cli_apps  cli_token  cli_secret  cli_users  cli_logins  cli_overview  cli_seeds
33  testing.server
34  testing
35  pytest_plugin
"""
PURE_LEVEL_MAX = 6
NOT_PURE = {"clock", "ids", "logs", "readiness"}
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "tempfile", "time", "uuid"}

# Libraries that have one place. A name that ends with a dot means everything below it.
PLACES = {
    "aiohttp": {"web", "server", "pubsub", "staged", "admin.", "portal."},
    "jsonschema": {"admin.document"},
    "jinja2": {"portal.rendering"},
    "argon2": {"passwords"},
    "sqlalchemy": {"store.", "migrating"},
    "alembic": {"migrating"},
    "jwt": {"jws"},
    "orjson": {"json_text"},
    "bcrypt": {"passwords"},
    "zxcvbn": {"password_policy"},
    "redis": {"redis_tokens", "token_stores"},
    "pytest": {"pytest_plugin"},
    "yaml": {"seed_text"},
    "typer": {
        *("cli", "cli_reach", "cli_apps", "cli_token", "cli_secret", "cli_users", "cli_logins"),
        *("cli_overview", "cli_seeds"),
    },
}

# What may be imported where it is first used, so that a server is ready sooner.
START_UP_LIST = {
    "cli": {
        "dotenv",
        "rich",
        "uvloop",
        "skylogin.cli_apps",
        "skylogin.cli_secret",
        "skylogin.cli_token",
        "skylogin.cli_users",
        "skylogin.cli_logins",
        "skylogin.cli_overview",
        "skylogin.cli_seeds",
        "skylogin.migrating",
        "skylogin.operations.seeding",
        "skylogin.readiness",
        "skylogin.seed_text",
        "skylogin.seeds",
        "skylogin.store",
        "skylogin.store.tables",
    },
    "cli_token": {"rich"},
    "logs": {"pythonjsonlogger"},
    "password_policy": {"zxcvbn"},
    "passwords": {"bcrypt", "argon2", "argon2.exceptions"},
    "pytest_plugin": {"unittest", "skylogin.config", "skylogin.testing"},
    "redis_tokens": {"redis"},
    "seed_text": {"yaml"},
    "server": {"skylogin.migrating"},
    "testing.app": {"skylogin.seeds"},
    "testing.server": {
        "skylogin.admin.call",
        "skylogin.admin.local",
        "skylogin.config",
        "skylogin.server",
    },
    "web": {
        "skylogin.admin.answering",
        "skylogin.admin.running",
        "skylogin.portal.answering",
        "skylogin.portal.routes",
    },
    "__main__": {"skylogin.cli"},
    "store.dialect": {"asyncpg", "sqlalchemy.dialects"},
}
# The groups of commands use the helpers of `cli`, which adds them at its end.
ADDED_BY_CLI = {
    ("cli", "cli_apps"),
    ("cli", "cli_token"),
    ("cli", "cli_secret"),
    ("cli", "cli_users"),
    ("cli", "cli_logins"),
    ("cli", "cli_overview"),
    ("cli", "cli_seeds"),
}
CATCHES_EVERYTHING = {
    "cli",
    "cli_reach",
    "dispatch",
    "store.batch",
    "journal_writer",
    "tally",
    "web",
    "admin.answering",
    "portal.answering",
    "server",
    "testing.server",
}
CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
}


def name_of(path: Path) -> str:
    """Return the module's name below `skylogin`; the package itself is the empty one."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")
}
LEVEL = {"": 0} | {
    name: int(line.split()[0]) for line in LEVELS.strip().splitlines() for name in line.split()[1:]
}


@functools.cache
def imports(tree: ast.AST) -> frozenset[str]:
    """Return the full names of the modules that *tree* imports, at any depth."""
    return frozenset(name for node in ast.walk(tree) for name in imported_by(node))


def imported_by(node: ast.AST) -> Iterator[str]:
    """Give what *node* imports; a name out of one of our packages may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        module = node.module or ""
        for alias in node.names:
            inner = f"{module}.{alias.name}"
            yield inner if own(inner) in MODULES else module


def own(name: str) -> str | None:
    """Return the name below `skylogin`, or None for a library."""
    if name == "skylogin":
        return ""
    return name.removeprefix("skylogin.") if name.startswith("skylogin.") else None


def late_imports(tree: ast.AST) -> set[str]:
    """Return what is imported inside the functions of *tree*."""
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {name for function in functions for name in imports(function)}


def is_below(name: str, package: str) -> bool:
    """Return whether *name* is *package* or inside it."""
    return name == package or name.startswith(f"{package}.")


def names_used(tree: ast.AST) -> set[tuple[str, str]]:
    """Return `(owner, attribute)` for everything like `owner.attribute`."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def test_every_module_has_its_level():
    """The table names the modules that there are, and no others."""
    assert set(LEVEL) == set(MODULES)


def test_the_page_shows_the_same_levels():
    """docs/architecture.md has the table that the tests hold."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

    assert LEVELS in page


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_lower_levels(module):
    """No cycles, no shortcuts: imports point down."""
    used = {own(name) for name in imports(MODULES[module])} - {None}
    upwards = {(module, name) for name in used if LEVEL[name] >= LEVEL[module]}

    assert upwards <= ADDED_BY_CLI


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_start_up_list_is_imported_late(module):
    """An import inside a function saves start-up time, and hides nothing."""
    allowed = START_UP_LIST.get(module, set())
    late = late_imports(MODULES[module])

    # Our own modules are named singly; a library is named for all that is below it.
    others = {name for name in late - allowed if own(name) is not None}
    others |= {
        name
        for name in late - others - allowed
        if own(name) is None and not any(is_below(name, library) for library in allowed)
    }
    assert others == set()


@pytest.mark.parametrize("library", sorted(PLACES))
def test_a_library_has_its_place(library):
    """Everything else can be read, and tested, without it."""
    users = {
        name
        for name, tree in MODULES.items()
        if any(is_below(used, library) for used in imports(tree))
    }
    allowed = {
        name
        for name in users
        for place in PLACES[library]
        if name == place or (place.endswith(".") and name.startswith(place))
    }

    assert users
    assert users == allowed


def test_only_the_commands_and_the_plugin_read_the_environment():
    """Settings arrive as a value."""
    readers = {
        name
        for name, tree in MODULES.items()
        if names_used(tree) & {("os", "environ"), ("os", "getenv"), ("os", "environb")}
    }

    assert readers == {"cli", "pytest_plugin"}


def test_only_the_clock_reads_the_system_clock():
    """Everything else is handed the time; time-outs are measured by time.monotonic."""
    forbidden = {(owner, name) for owner, names in CLOCKS.items() for name in names}
    readers = {name for name, tree in MODULES.items() if names_used(tree) & forbidden}
    takers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
    }

    assert readers == {"clock"}
    assert takers == set()


PURE = sorted(
    name for name, level in LEVEL.items() if 0 < level <= PURE_LEVEL_MAX and name not in NOT_PURE
)


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_only_computes(module):
    """The same arguments give the same answer: no clock, randomness, files or waiting."""
    tree = MODULES[module]
    waits = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert waits == []
    assert {name.split(".")[0] for name in imports(tree)} & IMPURE == set()
    assert calls & {"open", "input", "print"} == set()
    assert {own(name) for name in imports(tree)} & NOT_PURE == set()


def test_what_calls_itself_pure_is_held_to_it():
    """A module whose first lines promise it is among those that are looked at."""
    claiming = {
        name
        for name, tree in MODULES.items()
        if re.search(r"\bPure\b", ast.get_docstring(tree) or "")
    }

    assert claiming <= set(PURE)


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Return whether *handler* cleans up and lets the error go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_crashes_are_caught_where_they_become_answers():
    """Errors are raised deep and translated once."""
    catching = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
        )
        and not raises_again(node)
    }

    assert catching <= CATCHES_EVERYTHING


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(path.stem for path in SOURCE.glob("cli*.py")))
def test_every_module_of_commands_can_be_the_first(module: str) -> None:
    """None hangs on another having been imported before."""
    subprocess.run([sys.executable, "-c", f"import skylogin.{module}"], check=True, timeout=60)
