"""The rules of docs/architecture.md, read from there: which module may use what."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "server" / "skylogin"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
AND_ABOVE = " and above"
EVERYTHING_ABOVE = "everything above"

# What stays at the root of the package, and which of it may import what.
ROOT_FOR_ALL = {"errors", "ids", "clock", "relative_time"}
ROOT_FROM_APPS_DOWN = {"logs", "passwords", "config"}
ROOT_MODULES = {
    *("__init__", "__main__", "pytest_plugin"),
    *ROOT_FOR_ALL,
    *ROOT_FROM_APPS_DOWN,
}
FIRST_WITH_SETTINGS = "apps"

PURE_FOLDERS = {"encoding", "domain", "query"}
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "tempfile", "time", "uuid"}

# Libraries that have one place. A name that ends with a dot means everything below it.
PLACES = {
    "aiohttp": {"web.", "http.", "pubsub.", "admin.", "portal."},
    "jsonschema": {"admin.openapi"},
    "jinja2": {"portal.templates"},
    "argon2": {"passwords"},
    "sqlalchemy": {"database.", "store."},
    "alembic": {"database.migrate"},
    "jwt": {"tokens.jws"},
    "orjson": {"encoding.json_text"},
    "bcrypt": {"passwords"},
    "zxcvbn": {"domain.password_policy"},
    "redis": {"tokens.redis_store", "apps.token_stores"},
    "pytest": {"pytest_plugin"},
    "yaml": {"seeds.yaml_text"},
    "typer": {"cli."},
}

# What may be imported where it is first used, so that a server is ready sooner.
START_UP_LIST = {
    "__main__": {"skylogin.cli.main"},
    "cli.environment": {"dotenv"},
    "cli.main": {"skylogin.cli."},
    "cli.output": {"rich"},
    "cli.seed_files": {"skylogin.seeds."},
    "cli.servers": {
        "uvloop",
        "skylogin.client.readiness",
        "skylogin.database.migrate",
        "skylogin.seeds.apply",
    },
    "cli.tokens": {"rich"},
    "database.dialect": {"asyncpg", "sqlalchemy.dialects"},
    "domain.password_policy": {"zxcvbn"},
    "logs": {"pythonjsonlogger"},
    "passwords": {"bcrypt", "argon2", "argon2.exceptions"},
    "pytest_plugin": {"unittest", "skylogin.config", "skylogin.testing."},
    "seeds.document": {"skylogin.seeds.yaml_text"},
    "testing.app": {"skylogin.seeds.reader"},
    "testing.server": {"skylogin.config", "skylogin.web.server"},
    "tokens.redis_store": {"redis"},
    "web.application": {"skylogin.admin.", "skylogin.portal."},
    "web.server": {"skylogin.database.migrate"},
}
CATCHES_EVERYTHING = {
    "actions.dispatch",
    "admin.endpoint",
    "apps.login_counter",
    "apps.login_log",
    "cli.database_target",
    "cli.servers",
    "database.group_commit",
    "portal.endpoint",
    "web.health",
    "web.server",
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
FOLDERS = re.findall(r"^\| `(\w+)/` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
ORDER = [folder for folder, _, _ in FOLDERS]


def folder_of(module: str) -> str:
    """Return the folder that *module* is in, empty for the root of the package."""
    first = module.split(".", maxsplit=1)[0]
    return first if first in ORDER else ""


def root_of(module: str) -> str:
    """Return the name at the root of the package that *module* is, or is part of."""
    return module.split(".", maxsplit=1)[0]


def allowed_for(folder: str) -> set[str]:
    """Return the folders that the page lets *folder* import from."""
    [said] = [said for name, _, said in FOLDERS if name == folder]
    if said == EVERYTHING_ABOVE:
        return set(ORDER[: ORDER.index(folder)])
    named = re.findall(r"\w+", said.removesuffix(AND_ABOVE))
    above = ORDER[: ORDER.index(named[-1]) + 1] if said.endswith(AND_ABOVE) else []
    return {*named, *above}


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


def test_every_module_has_a_folder() -> None:
    """Beside the folders of the page, the package holds the few modules that it names."""
    at_root = {root_of(name) for name in MODULES if folder_of(name) == ""}

    assert at_root == (ROOT_MODULES - {"__init__"}) | {""}
    assert {folder_of(name) for name in MODULES} == {"", *ORDER}


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_begins_with_its_rule(folder: str) -> None:
    """The rule of the page is the first line of the folder's `__init__`."""
    [rule] = [rule for name, rule, _ in FOLDERS if name == folder]
    first_line = (ast.get_docstring(MODULES[folder]) or "").splitlines()[0]

    assert first_line == f"{rule[0].upper()}{rule[1:]}."


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_folder_may(module: str) -> None:
    """Imports point up the table: no shortcuts."""
    folder = folder_of(module)
    used = {name for name in map(own, imports(MODULES[module])) if name}
    at_root = {root_of(name) for name in used if folder_of(name) == ""}
    folders = {folder_of(name) for name in used} - {"", folder}

    if folder:
        has_settings = ORDER.index(folder) >= ORDER.index(FIRST_WITH_SETTINGS)
        assert at_root <= ROOT_FOR_ALL | (ROOT_FROM_APPS_DOWN if has_settings else set())
        assert folders <= allowed_for(folder)
    elif root_of(module) in ROOT_FOR_ALL:
        assert used == set()
    elif root_of(module) in ROOT_FROM_APPS_DOWN:
        assert folders <= {"encoding", "domain", "tokens"}


def test_no_imports_go_in_a_circle() -> None:
    """Any module can be read after those it imports."""
    using = {
        module: {name for name in map(own, imports(tree)) if name and name != module}
        for module, tree in MODULES.items()
    }

    # A package's own `__init__` offers what its modules make.
    list(graphlib.TopologicalSorter(using).static_order())


def test_nothing_imports_the_commands_main() -> None:
    """`main` registers the commands; only starting the program needs it."""
    users = {name for name, tree in MODULES.items() if "skylogin.cli.main" in imports(tree)}

    assert users == {"__main__"}


def test_only_commands_ask_the_admin_api_in_process() -> None:
    """Whoever has a server asks it over HTTP."""
    users = {name for name, tree in MODULES.items() if "skylogin.admin.in_process" in imports(tree)}

    assert {folder_of(name) for name in users} == {"cli"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_start_up_list_is_imported_late(module):
    """An import inside a function saves start-up time, and hides nothing."""
    allowed = START_UP_LIST.get(module, set())
    late = late_imports(MODULES[module])

    # A name of ours that ends with a dot, and a library's, stand for all that is below.
    others = {
        name
        for name in late - allowed
        if not any(
            is_below(name, one.rstrip("."))
            for one in allowed
            if one.endswith(".") or own(one) is None
        )
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

    assert {folder_of(name) or name for name in readers} == {"cli", "pytest_plugin"}


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


PURE = sorted(name for name in MODULES if folder_of(name) in PURE_FOLDERS)


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
    assert {own(name) for name in imports(tree)} & {"clock", "ids"} == set()


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
@pytest.mark.parametrize("module", sorted(path.stem for path in (SOURCE / "cli").glob("*.py")))
def test_every_module_of_commands_can_be_the_first(module: str) -> None:
    """None hangs on another having been imported before."""
    subprocess.run([sys.executable, "-c", f"import skylogin.cli.{module}"], check=True, timeout=60)
