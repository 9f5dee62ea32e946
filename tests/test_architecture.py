"""The rules of docs/architecture.md, read from its tables."""

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
RULES = PAGE.partition("## Rules")[2]
AND_ABOVE = " and above"
EVERYTHING_ABOVE = "everything above"

# What may be imported inside a function, so that a server starts faster.
START_UP_LIST = {
    "__main__": {"skylogin.cli.main"},
    "cli.environment": {"dotenv"},
    "cli.main": {"skylogin.cli."},
    "cli.output": {"rich"},
    "cli.project_file": {"skylogin.seeds."},
    "cli.run_command": {"skylogin.cli.refused_logins"},
    "cli.seeding": {"skylogin.seeds."},
    "cli.tracing": {"skylogin.traces"},
    "cli.servers": {"skylogin.client.readiness", "skylogin.database.migrate"},
    "database.dialect": {"sqlalchemy.dialects"},
    "database.postgresql": {"asyncpg"},
    "domain.password_policy": {"zxcvbn"},
    "logs": {"pythonjsonlogger"},
    "passwords": {"bcrypt", "argon2", "argon2.exceptions"},
    "pytest_plugin": {
        "unittest",
        "skylogin.client.proxies",
        "skylogin.config",
        "skylogin.testing.",
    },
    "seeds.document": {"skylogin.seeds.yaml_text"},
    "testing.app": {"skylogin.seeds.reader"},
    "testing.project": {"skylogin.seeds.project_file"},
    "testing.server": {"skylogin.web.server"},
    "tokens.redis_store": {"redis"},
    "web.application": {"skylogin.admin.", "skylogin.portal."},
    "web.metrics_page": {"skylogin.web.metrics_text"},
    "web.database_setup": {"skylogin.database.migrate"},
    "traces": {"opentelemetry"},
    "web.server": {"uvloop"},
}
CATCHES_EVERYTHING = {
    "actions.dispatch",
    "admin.endpoint",
    "apps.login_counter",
    "apps.shared_limits",
    "apps.login_log",
    "cli.database_target",
    "cli.servers",
    "database.group_commit",
    "portal.endpoint",
    "testing.server",
    "web.database_setup",
    "web.health",
}
CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {
        "time",
        "time_ns",
        "localtime",
        "gmtime",
        "monotonic",
        "perf_counter",
        "clock_gettime",
    },
}
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "tempfile", "time", "uuid"}
BEGINS = {"begin", "begin_nested", "connect"}
# Members of records and tokens whose names are the wire's.
SPELLING_OF_THE_WIRE = re.compile(
    r"(?<!\w)(_id|_type|_access|_transient|_ownerID|_owner_id|_(created|updated)_(at|by)"
    r"|skyprofile|\$type)(?!\w)"
)


# --- the package, and the page ------------------------------------------------------


def name_of(path: Path) -> str:
    """Return the module's name below `skylogin`, empty for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")
}
FOLDERS = re.findall(r"^\| `(\w+)/` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
ORDER = [folder for folder, _, _ in FOLDERS]
# Groups of modules at the root of the package, each with the directories that it may import from.
ROOT_GROUPS = {
    frozenset(re.findall(r"\w+", names)): set(re.findall(r"\w+", folders))
    for names, folders in re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| .+ \| (.+) \|$", PAGE.partition("## ")[0], re.MULTILINE
    )
}
[FOR_ALL] = [names for names, folders in ROOT_GROUPS.items() if not folders]
[FROM_APPS_DOWN] = [names for names in ROOT_GROUPS if "config" in names]
AT_ROOT = frozenset().union(*ROOT_GROUPS)


def places() -> dict[str, set[str]]:
    """Return the modules and directories that a rule keeps each of its subjects in."""
    found = {}
    for rule in re.findall(r"^\| (.+) \| .+ \|$", RULES, re.MULTILINE):
        for clause in rule.split("; "):
            subjects, only_in, said = clause.partition(" only in ")
            if only_in:
                names = {name.replace("/", ".") for name in re.findall(r"`([\w/]+)`", said)}
                quoted = re.findall(r"`([\w./]+)`", subjects)
                found |= dict.fromkeys(quoted if subjects[0] == "`" else [subjects], names)
    return found


PLACES = places()
LIBRARIES = sorted(subject for subject in PLACES if subject.isidentifier() and subject != "print")


def places_of(subject: str) -> set[str]:
    """Return the places of the one rule that begins with *subject*."""
    [found] = [names for known, names in PLACES.items() if known.startswith(subject)]
    return found


def is_in(module: str, allowed: set[str]) -> bool:
    """Return whether *module* is one of *allowed*, or in a directory that is."""
    return any(is_below(module, place) for place in allowed)


def root_of(module: str) -> str:
    """Return the directory of *module*, or its name at the root of the package."""
    return module.split(".", maxsplit=1)[0]


def folder_of(module: str) -> str:
    """Return the directory of *module*, empty at the root of the package."""
    return root_of(module) if root_of(module) in ORDER else ""


def allowed_for(folder: str) -> set[str]:
    """Return the directories that the page lets *folder* import from."""
    [said] = [said for name, _, said in FOLDERS if name == folder]
    if said == EVERYTHING_ABOVE:
        return set(ORDER[: ORDER.index(folder)])
    named = re.findall(r"\w+", said.removesuffix(AND_ABOVE))
    above = ORDER[: ORDER.index(named[-1]) + 1] if said.endswith(AND_ABOVE) else []
    return {*named, *above}


@functools.cache
def nodes_of(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes of *tree*; most rules read them."""
    return list(ast.walk(tree))


@functools.cache
def imports(tree: ast.AST) -> frozenset[str]:
    """Return the full names of the modules that *tree* imports, at any depth."""
    return frozenset(name for node in nodes_of(tree) for name in imported_by(node))


def imported_by(node: ast.AST) -> Iterator[str]:
    """Give the modules that *node* imports: a name in one of our packages may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        module = node.module or ""
        for alias in node.names:
            inner = f"{module}.{alias.name}"
            yield inner if own(inner) in MODULES else module


def own(name: str) -> str | None:
    """Return the name below `skylogin`, None for a library."""
    if name == "skylogin":
        return ""
    return name.removeprefix("skylogin.") if name.startswith("skylogin.") else None


def own_imports(module: str) -> set[str]:
    """Return the modules of ours that *module* imports, at any depth."""
    return {name for name in map(own, imports(MODULES[module])) if name and name != module}


def late_imports(tree: ast.AST) -> set[str]:
    """Return what is imported inside the functions of *tree*."""
    functions = [
        node for node in nodes_of(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {name for function in functions for name in imports(function)}


def is_below(name: str, package: str) -> bool:
    """Return whether *name* is *package* or inside it."""
    return name == package or name.startswith(f"{package}.")


def names_used(tree: ast.AST) -> set[tuple[str, str]]:
    """Return `(owner, attribute)` for everything like `owner.attribute`."""
    return {
        (node.value.id, node.attr)
        for node in nodes_of(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def docstrings(tree: ast.AST) -> set[ast.AST]:
    """Return the nodes of the docstrings in *tree*."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {
        node.body[0].value
        for node in nodes_of(tree)
        if isinstance(node, kinds) and node.body and isinstance(node.body[0], ast.Expr)
    }


# --- the directories --------------------------------------------------------------------


def test_every_module_has_a_folder() -> None:
    """Beside the directories, the package holds only the modules of the page."""
    assert {root_of(name) for name in MODULES} == {"", *AT_ROOT, *ORDER}


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_begins_with_its_rule(folder: str) -> None:
    """The rule of the page is the first line of the directory's `__init__`."""
    [rule] = [rule for name, rule, _ in FOLDERS if name == folder]
    first_line = (ast.get_docstring(MODULES[folder]) or "").splitlines()[0]

    assert first_line == f"{rule[0].upper()}{rule[1:]}."


@pytest.mark.parametrize("folder", ORDER)
def test_the_modules_of_a_folder_import_only_what_it_may(folder: str) -> None:
    """Imports point up the table: no shortcuts."""
    at_root, folders = set(FOR_ALL), allowed_for(folder) | {"", folder}
    if ORDER.index(folder) >= ORDER.index("apps"):
        at_root |= FROM_APPS_DOWN
    for module in (name for name in MODULES if folder_of(name) == folder):
        used = own_imports(module)

        assert {root_of(name) for name in used if not folder_of(name)} <= at_root, module
        assert {folder_of(name) for name in used} <= folders, module


@pytest.mark.parametrize("module", sorted(AT_ROOT))
def test_a_module_at_the_root_imports_only_what_it_may(module: str) -> None:
    """Those that any module may import use nothing of ours."""
    used = {name for part in MODULES if root_of(part) == module for name in own_imports(part)}
    [(group, allowed)] = [pair for pair in ROOT_GROUPS.items() if module in pair[0]]

    assert {folder_of(name) for name in used} <= allowed | {""}
    assert group != FOR_ALL or all(map(folder_of, used))


def test_no_imports_go_in_a_circle() -> None:
    """Any module can be read after those it imports."""
    using = {module: own_imports(module) for module in MODULES}

    list(graphlib.TopologicalSorter(using).static_order())


def test_no_folders_import_each_other_in_a_circle() -> None:
    """Any directory can be read after those it imports from."""
    using: dict[str, set[str]] = {}
    for module in MODULES:
        using.setdefault(root_of(module), set()).update(map(root_of, own_imports(module)))

    acyclic = graphlib.TopologicalSorter({name: names - {name} for name, names in using.items()})
    list(acyclic.static_order())


def test_nothing_imports_the_commands_main() -> None:
    """`main` registers the commands; only starting the program needs it."""
    users = {name for name in MODULES if "cli.main" in own_imports(name)}

    assert users == {"__main__"}


@pytest.mark.parametrize("folder", ["", *ORDER])
def test_only_the_start_up_list_is_imported_late(folder: str) -> None:
    """An import inside a function saves start-up time, and hides no circle."""
    for module in (name for name in MODULES if folder_of(name) == folder):
        allowed = START_UP_LIST.get(module, set())
        # A library, and a name of ours that ends with a dot, stand for all that is below.
        prefixes = [one.rstrip(".") for one in allowed if one.endswith(".") or own(one) is None]
        late = late_imports(MODULES[module]) - allowed
        others = {name for name in late if not any(is_below(name, one) for one in prefixes)}

        assert others == set(), module


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(path.stem for path in (SOURCE / "cli").glob("*.py")))
def test_every_module_of_commands_can_be_the_first(module: str) -> None:
    """None depends on an import before it."""
    subprocess.run([sys.executable, "-c", f"import skylogin.cli.{module}"], check=True, timeout=60)


# --- the rules ----------------------------------------------------------------------


def test_the_page_has_the_rules_that_are_checked_here() -> None:
    """A rule that the page loses, or words anew, fails the test that reads it."""
    assert {"aiohttp", "sqlalchemy", "jwt", "orjson", "typer"} <= set(LIBRARIES)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_has_its_place(library: str) -> None:
    """Everything else can be read, and tested, without it."""
    users = {
        name
        for name, tree in MODULES.items()
        if any(is_below(used, library) for used in imports(tree))
    }

    assert users
    assert [name for name in users if not is_in(name, PLACES[library])] == []


def test_only_commands_use_the_admin_api_in_process() -> None:
    """Everything else asks a server over HTTP."""
    users = {name for name in MODULES if "admin.in_process" in own_imports(name)}

    assert {folder_of(name) for name in users} == places_of("admin/in_process")


def test_only_the_commands_and_the_plugin_read_the_environment() -> None:
    """Settings arrive as a value."""
    readers = {
        name
        for name, tree in MODULES.items()
        if names_used(tree) & {("os", "environ"), ("os", "getenv"), ("os", "environb")}
    }

    assert {root_of(name) for name in readers} == places_of("os.environ")


def test_only_one_module_prints() -> None:
    """It escapes what a terminal would obey, or cannot show."""
    printing = {
        name
        for name, tree in MODULES.items()
        for node in nodes_of(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }

    assert printing == PLACES["print"]


def test_only_the_clock_reads_the_system_time() -> None:
    """Everything else gets the time as an argument, and measures time-outs with its `monotonic`."""
    forbidden = {(owner, name) for owner, names in CLOCKS.items() for name in names}
    readers = {name for name, tree in MODULES.items() if names_used(tree) & forbidden}
    importers_of_names = {
        name
        for name, tree in MODULES.items()
        for node in nodes_of(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
    }

    assert readers == places_of("the system's time")
    assert importers_of_names == set()


def pure_modules() -> list[str]:
    """Return the modules of the directories that the page calls pure."""
    [folders] = re.findall(r"^\| (`\w+`(?:, `\w+`)*) use no clock", RULES, re.MULTILINE)
    return sorted(name for name in MODULES if folder_of(name) in re.findall(r"\w+", folders))


@pytest.mark.parametrize("module", pure_modules())
def test_a_pure_module_only_computes(module: str) -> None:
    """The same arguments give the same answer: no clock, randomness, files or waiting."""
    tree = MODULES[module]
    waits = [
        node
        for node in nodes_of(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    calls = {
        node.func.id
        for node in nodes_of(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert waits == []
    assert {root_of(name) for name in imports(tree)} & IMPURE == set()
    assert calls & {"open", "input", "print"} == set()
    assert own_imports(module) & {"clock", "ids"} == set()


def test_a_transaction_begins_in_one_place() -> None:
    """`Store.run` alone opens connections: it batches, retries and translates."""
    beginning = {
        name
        for name, tree in MODULES.items()
        for node in nodes_of(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in BEGINS
        and ("sqlite3", node.func.attr) not in names_used(node.func)
    }

    assert beginning
    assert [name for name in beginning if not is_in(name, places_of("a transaction"))] == []


def test_names_spelled_as_on_the_wire_stay_where_it_is_read_and_written() -> None:
    """Inside, names are ours."""
    spelling = {
        name
        for name, tree in MODULES.items()
        for node in set(nodes_of(tree)) - docstrings(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SPELLING_OF_THE_WIRE.search(node.value)
    }

    assert spelling
    assert [name for name in spelling if not is_in(name, places_of("the spelling"))] == []


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Return whether *handler* cleans up and lets the error go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_crashes_are_caught_where_they_become_answers() -> None:
    """Errors are raised deep and translated once."""
    catching = {
        name
        for name, tree in MODULES.items()
        for node in nodes_of(tree)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
        )
        and not raises_again(node)
    }

    assert catching == CATCHES_EVERYTHING


def test_errors_become_answers_in_one_place() -> None:
    """The dispatcher alone writes the body of an error, and so logs every refused attempt."""
    answering = {name for name, tree in MODULES.items() if ("wire", "error") in names_used(tree)}

    assert answering == places_of("an error becomes an answer")
