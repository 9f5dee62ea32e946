"""A shell into which the snippets of a page are pasted, one after the other."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

SECONDS_MAX = 120
# What the shell prints after a snippet.
ENDED = "is the code of the snippet"
RUNS_A_SERVER = re.compile(r"^(?:make dev|\S*skylogin (?:dev|serve))\b", re.MULTILINE)

# Runs a snippet, and ends it when standard input closes: a server must not outlive a killed run.
UNTIL_INPUT_ENDS = 'bash -ec "$1" & exec >/dev/null 2>&1; cat; kill -- 0'

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile(r"[\w-]{20,}(?:\.[\w-]+)*")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LEFT_OUT = "…"


class Shell:
    """A shell in *folder* for the block, which keeps what a snippet sets for the next one."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._servers: list[subprocess.Popen[str]] = []
        self._shell = self._start("-s")

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in (self._shell, *self._servers):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=SECONDS_MAX)

    def paste(self, text: str, code: int = 0) -> str:
        """Run *text*, which is to end with *code*, and return what it printed.

        A server gets a shell of its own, where it goes on running.
        """
        if RUNS_A_SERVER.search(text):
            self._servers.append(self._start("-c", UNTIL_INPUT_ENDS, "bash", text))
            return self._read(self._servers[-1], lambda line: line.startswith('{"url"'))
        stops = "set -e" if code == 0 else "true"
        assert self._shell.stdin is not None
        end = f"__code=$?; set +e; echo; echo $__code {ENDED}"
        self._shell.stdin.write(f"{stops}\n{{ {text}\n}} </dev/null\n{end}\n")
        self._shell.stdin.flush()
        printed = self._read(self._shell, lambda line: line.endswith(f"{ENDED}\n"))
        *lines, last = printed.splitlines(keepends=True)
        assert last == f"{code} {ENDED}\n", printed
        return "".join(lines).removesuffix("\n")

    def _read(self, process: subprocess.Popen[str], is_last: Callable[[str], bool]) -> str:
        """Return what *process* prints up to its last line. Fails if it ends before."""
        printed = ""
        assert process.stdout is not None
        too_long = threading.Timer(SECONDS_MAX, os.killpg, (process.pid, signal.SIGKILL))
        too_long.start()
        try:
            for line in process.stdout:
                printed += line
                if is_last(line):
                    return printed
        finally:
            too_long.cancel()
        raise AssertionError(printed)


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
