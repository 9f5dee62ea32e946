"""Servers under measurement: each is a process, with its settings spelled out."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

API_KEY = "changeme"
CUSTOM_TOKEN_SECRET = "a-custom-token-secret-for-the-benchmark-only"
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
HERE = Path(__file__).parent
SKYLOGIN = ("-m", "skylogin", "dev", "--port", "0")
BASELINE = (str(HERE / "baseline.py"),)
BARE = (str(HERE / "bare.py"),)
SETTINGS = {
    "API_KEY": API_KEY,
    "MASTER_KEY": "secret",
    "APP_NAME": "bench",
    "CUSTOM_TOKEN_SECRET": CUSTOM_TOKEN_SECRET,
    "TOKEN_STORE": "jwt",
    "TOKEN_STORE_SECRET": "a-token-store-secret-for-the-benchmark-only",
    "PYTHONPATH": str(HERE.parent / "server"),
}


class Failed(Exception):
    """A measurement that could not be taken, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that accepts connections."""

    url: str
    pid: int
    seconds_to_ready: float

    def resident_mb(self) -> float:
        """Return the resident memory in millions of bytes; Linux only."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise Failed(f"process {self.pid} has no VmRSS")


@contextmanager
def running(folder: Path, arguments: tuple[str, ...], **settings: str) -> Iterator[Server]:
    """Run Python with *arguments* in *folder*, and continue once it reports that it is ready.

    Nothing of the caller's environment gets through but what a process needs to run, so that a
    setting forgotten in a shell does not end up in the figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    log = folder / "stderr.log"
    with log.open("ab") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**kept, **SETTINGS, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        line = _first_line(process)
        seconds = time.perf_counter() - started
        if not line:
            tail = log.read_text(errors="replace")[-2000:]
            raise Failed(f"{' '.join(arguments)} did not become ready:\n{tail}")
        url = json.loads(line)["url"].rstrip("/") + "/"
        yield Server(url, process.pid, seconds)
    finally:
        _stop(process)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS_MAX)
    line: bytes = process.stdout.readline() if readable else b""
    # A server that went on writing to a full pipe would stand still.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return line


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed(f"process {process.pid} did not end on SIGTERM") from None
