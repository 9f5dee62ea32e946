"""The recipes for CI, done step by step as a machine of theirs would, and the container files."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import PAGES
from tests.docs.test_links import tracked_files
from tests.examples.commands import EXAMPLES, SECONDS_MAX, beside_skylogin, copy_example, run
from tests.examples.languages import LANGUAGES
from tests.local_services import free_port

ROOT = EXAMPLES.parent
WORKFLOW = (EXAMPLES / "ci" / "github-actions.yml").read_text(encoding="utf-8")
COMPOSE = (EXAMPLES / "ci" / "docker-compose.yml").read_text(encoding="utf-8")
# Which example each job of the workflow is tried on.
JOBS = {"javascript": "javascript", "python": "python", "several-steps": "javascript"}
# `several-steps` tests the same example as `javascript`.
JOBS_BY_LENGTH = [
    pytest.param(job, marks=pytest.mark.long) if job == "javascript" else job for job in JOBS
]
# The port that the recipes name; a test takes a free one instead.
PORT = "3000"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
STOP_SECONDS_MAX = 30

Require = Callable[..., None]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packages")]


# --- GitHub Actions ----------------------------------------------------------------


@pytest.fixture(scope="module")
def new_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a Python in which nothing is installed, for all jobs in turn."""
    folder = tmp_path_factory.mktemp("python") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=SECONDS_MAX)
    return folder / "bin"


@pytest.fixture
def as_in_ci(new_python: Path, offline: dict[str, str]) -> dict[str, str]:
    """The environment of a job: a Python without skylogin, and pip that finds only wheels."""
    path = f"{new_python}{os.pathsep}{offline['PATH']}"
    environment = {**offline, "CI": "true", "PATH": path}
    # What an earlier job installed is as well installed; but for what is being tried.
    command = ["pip", "uninstall", "--quiet", "--yes", "skylogin"]
    subprocess.run(command, check=True, env=environment, timeout=SECONDS_MAX)
    assert shutil.which("skylogin", path=str(new_python)) is None
    return environment


def test_every_job_of_the_workflow_is_tried() -> None:
    """None is shown that no test has run, and each begins with a checkout."""
    jobs = yaml.safe_load(WORKFLOW)["jobs"]

    assert jobs.keys() == JOBS.keys()
    for job in jobs.values():
        assert job["steps"][0] == {"uses": "actions/checkout@v4"}
        assert all(step.keys() in ({"run"}, {"uses"}, {"uses", "with"}) for step in job["steps"])


@pytest.mark.parametrize("job", JOBS_BY_LENGTH)
def test_a_job_of_the_workflow_passes(
    job: str, require: Require, tmp_path: Path, as_in_ci: dict[str, str]
) -> None:
    """Every `run:` of it, in order, as it is written, in a copy of an example."""
    language = LANGUAGES[JOBS[job]]
    require(*language.needs)
    folder = copy_example(language.name, tmp_path)
    workflow = yaml.safe_load(WORKFLOW.replace(PORT, str(free_port())))
    wanted, everywhere = workflow["jobs"][job], workflow["env"]
    make_checkout(folder / everywhere["SKYLOGIN"])
    environment = {**as_in_ci, **everywhere, **wanted.get("env", {}), "TMPDIR": str(tmp_path)}

    with steps_in(folder, environment) as step:
        outputs = [step(one["run"]) for one in wanted["steps"] if "run" in one]

    passed = language.passed.search(outputs[-1])
    assert passed, outputs[-1]
    assert int(passed[1]) > 0


def make_checkout(folder: Path) -> None:
    """Make a checkout of skylogin, with what its package is built from."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "server", "migrations", "release"):
        (folder / name).symlink_to(ROOT / name)


def test_no_recipe_page_or_kit_installs_an_unregistered_name() -> None:
    """Anybody could register it, and then has their code run."""
    paths = [path for path in PAGES if path != "CHANGELOG.md"]
    texts = {path: PAGES[path] for path in paths}
    folders = (EXAMPLES, ROOT / "kits", ROOT / "Dockerfile", ROOT / "docker-compose.yml")
    for path in tracked_files():
        if any(path.is_relative_to(folder) for folder in folders):
            texts[str(path)] = path.read_text(encoding="utf-8")
    name = re.compile(
        r"pip3? install[^\n`]* skylogin\b|^skylogin *(?:[<>=~!@;].*)?$"
        r"|(?:^ *|`)(?:uvx|pipx (?:run|install)|uv (?:add|tool install)|npm (?:install|i)"
        r"|gem install) (?:-\S+ )*skylogin(?![\w.-])|[\"']skylogin(?:@|==)",
        re.M,
    )

    assert {path: found for path, text in texts.items() if (found := name.findall(text))} == {}


@contextmanager
def steps_in(folder: Path, environment: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """Give what runs a step; what a step left running is ended with the block, as with a job."""
    started: list[int] = []

    def step(script: str) -> str:
        # A file, because a pipe stays open for as long as what is left running has it.
        log = folder.with_name("log")
        with log.open("w") as output:
            process = subprocess.Popen(
                # As GitHub runs a script that names no shell.
                ["bash", "-e", "-c", script],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            started.append(process.pid)
            code = process.wait(SECONDS_MAX)
        assert code == 0, f"{script}\n{log.read_text()}"
        return log.read_text()

    try:
        yield step
    finally:
        for group in started:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue


# --- containers --------------------------------------------------------------------


def filled_in(text: str, variables: Mapping[str, str]) -> Any:
    """Return a compose file with its variables replaced, as the engine does."""
    return yaml.safe_load(VARIABLE.sub(lambda one: variables.get(one[1], one[2] or ""), text))


@contextmanager
def contained(
    service: Mapping[str, Any], folder: Path, environment: dict[str, str]
) -> Iterator[Callable[[], int]]:
    """Run a service without rights in a read-only directory; give its health check."""
    folder.mkdir(mode=0o555)
    temporary = folder.with_name("tmp")
    temporary.mkdir()
    environment = {**environment, "TMPDIR": str(temporary)}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    kind, *check = service["healthcheck"]["test"]
    assert kind == "CMD"
    process = subprocess.Popen(
        [*without_rights(), *service["command"]], cwd=folder, env=environment
    )

    def health() -> int:
        assert process.poll() is None
        return run([*without_rights(), *check], folder, environment).returncode

    try:
        yield health
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS_MAX) == 0
        folder.chmod(0o755)
    assert list(folder.iterdir()) == []
    assert list(temporary.iterdir()) == []


def without_rights() -> list[str]:
    """Return what runs a command as `cap_drop: [ALL]` and `no-new-privileges` have it."""
    if os.getuid() != 0:
        return []
    capabilities = [f"--{kind}=-all" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", *capabilities, "--no-new-privs"]


def test_the_compose_file_brings_up_a_server_and_tests_against_it(
    require: Require, tmp_path: Path
) -> None:
    """On another port than the usual: the health check follows it, and so do the tests."""
    require(*LANGUAGES["javascript"].needs)
    port = free_port()
    services = filled_in(COMPOSE, {"SKYLOGIN_PORT": str(port)})["services"]
    server, tests = services["skylogin"], services["tests"]
    told = {name: str(value) for name, value in server["environment"].items()}
    assert tests["depends_on"] == {"skylogin": {"condition": "service_healthy"}}
    # On this machine alone; that it may be everywhere is tested with the command `wait`.
    told["HOST"] = told["HOST"].replace("0.0.0.0", "127.0.0.1")

    with contained(server, tmp_path / "data", beside_skylogin(told)) as health:
        codes = [health()]
        while codes[-1] and len(codes) < server["healthcheck"]["retries"]:
            codes.append(health())
        assert codes[-1] == 0
        asked = tests["environment"]
        assert asked["SKYGEAR_ENDPOINT"] == f"http://skylogin:{port}/"
        check_reached_by_name("skylogin", port, asked["SKYGEAR_MASTER_KEY"])
        # Without a network of containers, the name is the only thing that differs.
        environment = {**asked, "SKYGEAR_ENDPOINT": f"http://127.0.0.1:{port}/"}
        done = run(
            tests["command"],
            copy_example("javascript", tmp_path),
            beside_skylogin(environment),
        )

    assert done.returncode == 0, done.stdout
    assert LANGUAGES["javascript"].passed.search(done.stdout), done.stdout


def check_reached_by_name(name: str, port: int, master_key: str) -> None:
    """Check that what belongs to operators is open to who asks for the server by *name*."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_admin/v1/apps/any/clock",
        headers={"Host": f"{name}:{port}", "Authorization": f"Bearer {master_key}"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == HTTPStatus.OK


def test_the_health_check_fails_while_there_is_no_server(tmp_path: Path) -> None:
    """And says so within the time that the engine gives it."""
    server = filled_in(COMPOSE, {"SKYLOGIN_PORT": str(free_port())})["services"]["skylogin"]
    told = {name: str(value) for name, value in server["environment"].items()}
    _, *check, seconds = server["healthcheck"]["test"]
    assert f"{seconds}s" < server["healthcheck"]["timeout"]

    done = run([*check, "0.1"], tmp_path, beside_skylogin(told))

    assert done.returncode == 1
    assert "is not ready after 0.1 s" in done.stdout


def test_the_image_checks_its_health_where_it_listens(tmp_path: Path) -> None:
    """Whichever of its variables is changed."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    [check] = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.M)
    [variables] = re.findall(r"^ENV (.*)$", text, re.M)
    told = dict(pair.split("=", 1) for pair in variables.split())
    assert (told["HOST"], told["PORT"]) == ("0.0.0.0", PORT)
    assert f"EXPOSE {PORT}\n" in text

    *command, _ = json.loads(check)
    done = run([*command, "0.1"], tmp_path, beside_skylogin({"HOST": told["HOST"], "PORT": "1"}))

    assert "http://127.0.0.1:1/ is not ready" in done.stdout
