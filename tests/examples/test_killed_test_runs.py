"""The kits: nothing is left of a test process that is killed."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.commands import beside_skylogin, copy_example
from tests.examples.languages import LANGUAGES
from tests.kits.installed_kits import InstalledKit
from tests.processes import processes_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]
START_SECONDS_MAX = 120


@dataclass(frozen=True, slots=True)
class Hanging:
    """A test that gets an app from the kit and never ends: its file, and how it is run."""

    path: str
    text: str
    command: list[str]


TESTS = {
    "python": Hanging(
        "tests/test_hanging.py",
        """
import signal

def test_hangs(skylogin):
    skylogin.login("alice")
    signal.pause()
""",
        ["pytest", "tests/test_hanging.py"],
    ),
    "ruby": Hanging(
        "test/hanging_test.rb",
        """
require 'minitest/autorun'
require 'skylogin/minitest'
class HangingTest < Minitest::Test
  include Skylogin::Minitest
  def test_hangs
    skylogin.log_in('alice')
    sleep
  end
end
""",
        ["ruby", "test/hanging_test.rb"],
    ),
    "java": Hanging(
        "Hanging.java",
        """
import skylogin.SkyloginServer;
class Hanging {
    public static void main(String[] arguments) throws InterruptedException {
        new SkyloginServer().start().app("hanging").logIn("alice");
        Thread.currentThread().join();
    }
}
""",
        ["java", "-cp", "KIT/target/classes", "Hanging.java"],
    ),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("name", TESTS)
def test_nothing_is_left_of_a_killed_test(
    name: str,
    number: signal.Signals,
    require: Callable[..., None],
    installed_kit: Callable[[str], InstalledKit | None],
    tmp_path: Path,
) -> None:
    """Neither a process of skylogin nor a directory of it."""
    require(*LANGUAGES[name].needs)
    folder = copy_example(name, tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (folder / TESTS[name].path).write_text(TESTS[name].text)

    environment = {"TMPDIR": str(temporary)}
    if kit := installed_kit(name):
        (folder / "KIT").symlink_to(kit.folder)
        environment |= kit.environment

    with running(TESTS[name].command, folder, environment):
        wait_until(lambda: keepers(temporary), START_SECONDS_MAX)
        os.kill(parent_of_server(temporary), number)
        wait_until(lambda: not servers(temporary) and not keepers(temporary))

    assert list(temporary.glob("skylogin-*")) == []


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run *command* in *folder* during the block. What is left of it is killed."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=beside_skylogin(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ):
        try:
            yield
        finally:
            for process in processes_of(Path(environment["TMPDIR"])):
                os.kill(process, signal.SIGKILL)


def servers(temporary: Path) -> list[int]:
    """Return the ids of the processes of `skylogin dev`."""
    found = processes_of(temporary).items()
    return [number for number, command in found if "skylogin dev" in command]


def keepers(temporary: Path) -> list[int]:
    """Return the ids of the processes that delete the directory of a killed server."""
    found = processes_of(temporary).items()
    return [number for number, command in found if "skylogin-keeper" in command]


def parent_of_server(temporary: Path) -> int:
    """Return the id of the process that the test runs in: a server's parent, or the server's."""
    child = (servers(temporary) or keepers(temporary))[0]
    status = Path(f"/proc/{child}/status").read_text()
    return int(status.split("\nPPid:\t")[1].split()[0])
