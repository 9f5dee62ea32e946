"""Load: custom tokens minted beforehand, and wrk to log in with them or to ask who one is.

A call that is not answered, or not with a 200, fails the whole run: a figure with refusals in it
says nothing.
"""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from servers import API_KEY, CUSTOM_TOKEN_SECRET, Failed

CLIENTS = 64
SCRIPT = Path(__file__).with_name("call.lua")
LOG_IN = "/sso/custom_token/login"
ME = "/me"
TOKEN_LIFETIME_SECONDS = 3600
WARM_UP_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; latencies in microseconds."""

    calls: int
    seconds: float
    p50: int
    p99: int

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def tail(self) -> float:
        return self.p99 / self.p50


def name(number: int) -> str:
    """Return the subject and user name of the user with this number."""
    return f"subject-{number:07}"


def mint(file: Path, numbers: Sequence[int]) -> Path:
    """Write one login's body a line to *file*, for the users with these *numbers*."""
    now = int(time.time())
    with file.open("w") as lines:
        for number in numbers:
            claims = {
                "sub": name(number),
                "iat": now,
                "exp": now + TOKEN_LIFETIME_SECONDS,
                "skyprofile": {"username": name(number), "email": f"{name(number)}@bench.example"},
            }
            token = jwt.encode(claims, CUSTOM_TOKEN_SECRET, algorithm="HS256")
            lines.write(json.dumps({"api_key": API_KEY, "token": token}) + "\n")
    return file


def log_in_once(url: str, bodies: Path) -> str:
    """Log in with the first of *bodies* and return the user's id, once sure it is a login."""
    with bodies.open("rb") as lines:
        result = call(url, LOG_IN, next(lines))
    if not (result["user_id"] and result["access_token"] and result["profile"]["username"]):
        raise Failed(f"{url} answered {result}, which is no login")
    return str(result["user_id"])


def log_in_to_ask(url: str, bodies: Path, file: Path) -> Path:
    """Log in with each of *bodies*; write a line for each to *file*, which asks who one is."""
    with bodies.open("rb") as lines, file.open("w") as asking:
        for line in lines:
            token = call(url, LOG_IN, line)["access_token"]
            body = json.dumps({"api_key": API_KEY, "access_token": token})
            if "user_id" not in call(url, ME, body.encode()):
                raise Failed(f"{url} does not say who somebody is")
            asking.write(body + "\n")
    return file


def call(url: str, path: str, body: bytes) -> dict[str, Any]:
    """Return the result of one call."""
    request = urllib.request.Request(
        url.rstrip("/") + path, body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            result: dict[str, Any] = json.load(response)["result"]
    except urllib.error.HTTPError as refusal:
        answer = refusal.read().decode(errors="replace")
        raise Failed(f"{path} at {url} was refused: {refusal.code} {answer}") from refusal
    return result


def log_in_each(url: str, bodies: Path) -> int:
    """Log in with each of *bodies* at least once and return how many logins that took."""
    log_in_once(url, bodies)
    with bodies.open("rb") as lines:
        wanted = sum(1 for _ in lines)
    return log_in_many(url, bodies, wanted)


def log_in_many(url: str, bodies: Path, wanted: int) -> int:
    """Log in at least *wanted* times and return how many it became."""
    total = position = 0
    # What was on its way when wrk stopped may be lost, so each run begins that much earlier.
    while position < wanted:
        logins = run(url, bodies, WARM_UP_SECONDS, first=position).calls
        total += logins
        position += logins - CLIENTS
    return total


def run(url: str, bodies: Path, seconds: int, first: int = 0, path: str = LOG_IN) -> Load:
    """Call from 64 clients at once for some *seconds*, beginning with body number *first*."""
    output = subprocess.run(
        ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT), url],
        env={
            **os.environ,
            "BENCH_PATH": path,
            "BENCH_BODIES": str(bodies),
            "BENCH_FIRST": str(first),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    summary = next((line for line in output.stdout.splitlines() if line.startswith("BENCH ")), None)
    if summary is None:
        raise Failed(f"wrk failed: {output.stdout}{output.stderr}")
    seen = json.loads(summary.removeprefix("BENCH "))
    faults = {
        fault: seen[fault]
        for fault in ("refused", "connect", "read", "write", "timeout")
        if seen[fault]
    }
    if faults or seen["requests"] <= CLIENTS:
        raise Failed(f"of {seen['requests']} calls at {url} not all were answered 200: {faults}")
    return Load(seen["requests"], seen["microseconds"] / 1e6, seen["p50"], seen["p99"])
