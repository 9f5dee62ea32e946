"""`skylogin logins`."""

import json
import signal
import subprocess
import sys
import threading
from http import HTTPStatus

import pytest

from tests.cli.operated_server import OperatedServer
from tests.processes import environment_with
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FOLLOWED_SECONDS_MAX = 10


def test_attempts_are_listed(operated: OperatedServer) -> None:
    """With the reason of a refusal, filtered by user, secret and time."""
    alice = operated.log_in("alice")
    assert operated.status_of_login("mallory", -30) == HTTPStatus.BAD_REQUEST

    def subjects(*arguments: str) -> list[str]:
        return [row["subject"] for row in operated.rows("logins", *arguments)]

    # A server logs refusals a moment later.
    wait_until(lambda: subjects() == ["alice", "mallory"])
    rows = operated.rows("logins")
    assert [row["accepted"] for row in rows] == [True, False]
    assert "expired" in rows[1]["explanation"]
    assert subjects("--refused") == subjects("--reason", "expired") == ["mallory"]
    assert subjects("--accepted") == subjects("--user", alice) == ["alice"]
    assert subjects("--secret", rows[0]["secret_id"], "--accepted") == ["alice"]
    assert subjects("--since", "1h") == ["alice", "mallory"]
    assert subjects("--until", "1h") == subjects("--since", "2100-01-01T00:00:00Z") == []
    assert subjects("--limit", "1") == ["mallory"]

    assert operated.do("logins", "--refused").split("\t")[1:4] == ["refused", "expired", "mallory"]
    one = operated.do("logins", rows[1]["id"]).splitlines()
    assert "reason\texpired" in one
    assert operated.rows("logins", rows[0]["id"]) == rows[0]


def test_how_long_ago_goes_by_the_clock_of_the_app(operated: OperatedServer) -> None:
    """A test may have moved it. A database does not show the clock of its server."""
    operated.app.clock.advance(days=30)
    operated.log_in("alice")

    def number(since: str) -> int:
        return len(operated.rows("logins", "--since", since))

    operated.app.clock.advance(hours=2)
    assert number("3h") == 1
    if operated.where:
        assert number("1h") == 0
    operated.app.clock.reset()


def test_what_cannot_be_listed(operated: OperatedServer) -> None:
    """Is refused in one line."""
    assert "yesterday" in operated.error("logins", "--since", "yesterday")
    assert operated.error("logins", "--since", "999999d") == "999999d is too long ago"
    missing = operated.error("logins", "nowhere")
    assert missing == "the login log has no login attempt nowhere"
    assert operated.error("logins", "--wait", "0.1") == "no login attempt in 0.1 s"
    assert operated.error("logins", "--wait", "nan") == "numbers must be finite"
    assert "use only one of" in operated.error("logins", "--wait", "1", "--follow")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_attempts_are_followed(operated: OperatedServer, as_json: bool) -> None:
    """As they happen, until Ctrl-C."""
    operated.log_in("before")
    command = [sys.executable, "-m", "skylogin", "logins", "--follow", *operated.where]
    following = subprocess.Popen(
        [*command, *(["--json"] if as_json else [])],
        cwd=operated.folder,
        env=environment_with({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    stop = threading.Event()
    # The command does not show when it has begun to follow.
    logging_in = threading.Thread(target=_log_in_often, args=(operated, stop))
    logging_in.start()
    try:
        line = following.stdout.readline()
    finally:
        stop.set()
        logging_in.join()
        following.send_signal(signal.SIGINT)
        try:
            _, errors = following.communicate(timeout=FOLLOWED_SECONDS_MAX)
        finally:
            following.kill()
            following.communicate()
    assert (following.returncode, errors) == (0, "")
    subject = json.loads(line)["subject"] if as_json else line.split("\t")[3]
    assert subject == "often"


def _log_in_often(operated: OperatedServer, stop: threading.Event) -> None:
    for _ in range(100):
        operated.log_in("often")
        if stop.wait(0.1):
            return
