"""What a release consists of, installed in each way that people install it."""

import email
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release import pyz
from tests.packages import REPOSITORY, ROOT, Packages, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packages")]

# For a release. `make test` installs the wheel.
long = pytest.mark.long
TOOLS = ROOT / ".venv-release" / "bin"
# A command of a project: it logs in with a token, and looks at a page of the portal.
PROJECT = """
import json, os, subprocess, sys
from urllib.request import Request, urlopen

token = subprocess.run(
    [*sys.argv[1:], "token", "mint", "alice"], check=True, capture_output=True, text=True
).stdout.strip()
body = json.dumps({"api_key": os.environ["SKYGEAR_API_KEY"], "token": token}).encode()
with urlopen(Request(os.environ["SKYGEAR_ENDPOINT"] + "sso/custom_token/login", body)) as answer:
    print("logged in:", bool(json.load(answer)["result"]["access_token"]))
with urlopen(os.environ["SKYLOGIN_PORTAL"]) as page:
    print("portal:", page.status)
"""


@pytest.fixture
def check(tmp_path: Path, offline: dict[str, str]) -> Callable[..., None]:
    """A function that checks that a command is skylogin, with everything it needs."""
    project = tmp_path / "project.py"
    project.write_text(PROJECT)

    def check(*skylogin: str | Path) -> None:
        python = [sys.executable, "-I", project, *skylogin]
        assert run(offline, tmp_path, *skylogin, "exec", "--", *python) == (
            "logged in: True\nportal: 200\n"
        )
        migrated = run(offline, tmp_path, *skylogin, "migrate", "--database", "sqlite:///new.db")
        assert "the database has version" in migrated

    return check


@pytest.mark.parametrize("kind", ["wheel", pytest.param("sdist", marks=long)])
def test_pip_installs_skylogin_into_an_empty_environment(
    kind: str,
    packages: Packages,
    offline: dict[str, str],
    tmp_path: Path,
    check: Callable[..., None],
) -> None:
    """Which then has all that it needs, and nothing else that a release is made with."""
    run(offline, tmp_path, sys.executable, "-m", "venv", "venv")
    commands = tmp_path / "venv" / "bin"

    run(offline, tmp_path, commands / "pip", "install", "--quiet", getattr(packages, kind))

    run(offline, tmp_path, commands / "pip", "check")
    assert not (commands / "pytest").exists()
    check(commands / "skylogin")


@long
def test_uvx_runs_skylogin(
    require: Callable[..., None], packages: Packages, check: Callable[..., None]
) -> None:
    """From the wheel, without installing it."""
    require("the tools of a release")
    check(
        TOOLS / "uvx",
        "--no-index",
        "--python",
        sys.executable,
        "--from",
        packages.wheel,
        "skylogin",
    )


@long
def test_pipx_runs_skylogin(
    require: Callable[..., None], packages: Packages, check: Callable[..., None]
) -> None:
    """By way of pip; by way of uv it is the test above."""
    require("the tools of a release")
    check(TOOLS / "pipx", "run", "--backend", "pip", "--spec", packages.wheel, "skylogin")


@long
def test_one_file_runs_skylogin(
    require: Callable[..., None],
    packages: Packages,
    offline: dict[str, str],
    tmp_path: Path,
    check: Callable[..., None],
) -> None:
    """On the Python that its name says."""
    require("the tools of a release")
    shown = run(offline, tmp_path, TOOLS / "python", ROOT / "release" / "pyz.py", packages.wheel)
    file = Path(shown.splitlines()[-1])

    assert f"-cp{sys.version_info.major}{sys.version_info.minor}-{sys.platform}_" in file.name
    check(file)


def test_one_file_refuses_another_python() -> None:
    """In one line, instead of with an import that fails."""
    code = f"archive = 'skylogin.pyz'\n{pyz.check_for('3.2')}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert re.fullmatch(r"skylogin\.pyz is for Python 3\.2 on .*; this is .*\n", done.stderr)


def test_the_packages_have_every_file_of_the_server(packages: Packages) -> None:
    """Templates and migrations too; and the license."""
    listed = subprocess.run(
        ["git", "ls-files", "server", "migrations"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    wanted = {path.removeprefix("server/") for path in listed}
    wanted = {path.replace("migrations/", "skylogin/migrations/", 1) for path in wanted}
    with zipfile.ZipFile(packages.wheel) as archive:
        names = set(archive.namelist())

    assert wanted - names == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_an_index_can_show_the_package(
    require: Callable[..., None], packages: Packages, offline: dict[str, str], tmp_path: Path
) -> None:
    """Its README is rendered, and no link of it leads nowhere there."""
    require("the tools of a release")
    run(offline, tmp_path, TOOLS / "twine", "check", "--strict", packages.wheel, packages.sdist)
    with zipfile.ZipFile(packages.wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    links = re.findall(r"\]\(([^)]*)\)", str(text))

    tag = f"v{metadata['Version']}"
    assert f"{REPOSITORY}/raw/{tag}/docs/screenshots/logins-1280-light.png" in links
    assert f"{REPOSITORY}/blob/{tag}/docs/index.md" in links
    assert [link for link in links if not link.startswith(REPOSITORY)] == []
    assert f"Repository, {REPOSITORY}" in metadata.get_all("Project-URL", [])
