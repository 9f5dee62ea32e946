"""A shell into which the snippets of a page are pasted, one after the other."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

SECONDS_MAX = 120
# After a snippet: the variables and the folder of its shell, for the next one.
KEEP_STATE = '\n__code=$?; [ $__code = 0 ] && env -0 > "$__STATE"; exit $__code'
RUNS_A_SERVER = re.compile(r"^(?:make dev|\S*skylogin (?:dev|serve))\b", re.MULTILINE)

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile(r"[\w-]{20,}(?:\.[\w-]+)*")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LEFT_OUT = "…"


class Shell:
    """A shell in *folder*, which keeps its variables from one snippet to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._state = folder.with_name(f"{folder.name}.state")
        self._environment = {**environment, "PWD": str(folder), "__STATE": str(self._state)}
        self._servers: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(SECONDS_MAX)

    def paste(self, text: str) -> tuple[int, str]:
        """Run *text*, and return its exit code and what it printed; a server goes on running."""
        log = self._state.with_suffix(".log")
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-ac", text + KEEP_STATE],
                cwd=self._environment["PWD"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        if RUNS_A_SERVER.search(text):
            self._servers.append(process)
            return _wait_until_ready(process, log)
        code = process.wait(SECONDS_MAX)
        if code == 0:
            pairs = self._state.read_text().rstrip("\0").split("\0")
            self._environment = dict(pair.split("=", 1) for pair in pairs)
        return code, log.read_text()


def _wait_until_ready(process: subprocess.Popen[str], log: Path) -> tuple[int, str]:
    deadline = time.monotonic() + SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        ready = [line for line in log.read_text().splitlines(keepends=True) if '"url"' in line]
        if ready and ready[0].endswith("\n"):
            return 0, ready[0]
        time.sleep(0.02)
    return process.poll() or 1, log.read_text()


def is_like(shown: str, printed: str, language: str) -> bool:
    """Return whether *printed* is what a page shows, but for ids, keys, numbers and times."""
    if language == "json":
        return _is_value_like(json.loads(shown), json.loads(printed.splitlines()[-1]))
    return _is_text_like(shown, printed)


def _is_value_like(shown: Any, printed: Any) -> bool:
    match shown:
        case dict():
            return shown.keys() == printed.keys() and all(
                _is_value_like(value, printed[name]) for name, value in shown.items()
            )
        case list():
            return len(shown) == len(printed) and all(map(_is_value_like, shown, printed))
        case str():
            return isinstance(printed, str) and _is_text_like(shown, printed)
        case None | bool():
            return shown is printed
    return type(shown) is type(printed)


def _is_text_like(shown: str, printed: str) -> bool:
    parts = [re.escape(_masked(part)) for part in shown.split(LEFT_OUT)]
    return re.fullmatch(".*".join(parts), _masked(printed), re.DOTALL) is not None


def _masked(text: str) -> str:
    for pattern, name in ((UUID, "UUID"), (KEY, "KEY"), (NUMBER, "0")):
        text = pattern.sub(name, text)
    return " ".join(text.split())
