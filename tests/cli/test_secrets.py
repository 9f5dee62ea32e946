"""`skylogin secret`."""

from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import call, files_below, login_payload, rows_of, run_command
from tests.cli.operated_server import OperatedServer
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

REVOKED_SECONDS_MAX = 2


def test_secrets_are_shown_rotated_and_revoked(operated: OperatedServer) -> None:
    """With the uses of each, which show when an old one can be revoked."""
    operated.log_in("alice")

    [shown] = operated.rows("secret", "show")
    assert (shown["secret"], shown["accepted"]) == (operated.secret, True)
    new, old = operated.rows("secret", "rotate", "--overlap", "1")
    assert (old["id"], old["secret"]) == (shown["id"], operated.secret)
    assert old["ends_at"].endswith("Z")
    assert [row["id"] for row in operated.rows("secret", "show")] == [new["id"], old["id"]]
    # A server writes its counts about once a second.
    wait_until(lambda: sum(operated.rows("secret", "show")[1]["uses_last_7_days"]))
    assert operated.do("secret", "show").splitlines()[1].split("\t")[3] == "1"

    assert operated.do("secret", "revoke", old["id"]) == f"revoked {old['id']}\n"
    assert [row["id"] for row in operated.rows("secret", "show")] == [new["id"]]
    assert [row["id"] for row in operated.rows("secret", "show", "--all")] == [new["id"], old["id"]]
    again = operated.error("secret", "revoke", old["id"])
    assert again == f"no accepted secret has the id {old['id']}"
    negative = operated.error("secret", "rotate", "--overlap=-1")
    assert negative == "overlap_hours: -1.0 is less than the minimum of 0"
    for overlap in ("nan", "inf"):
        message = operated.error("secret", "rotate", "--overlap", overlap)
        assert message == "numbers must be finite"


def test_a_server_refuses_a_revoked_secret_within_2_seconds(
    dev: SkyloginServer, tmp_path: Path
) -> None:
    """Though the command only changes the database, and does not notify the server."""
    secret = dev.custom_token_secret
    new, old = rows_of(tmp_path, "secret", "rotate", "--overlap", "1")
    assert old["secret"] == secret

    assert run_command(tmp_path, "secret", "revoke", old["id"]).returncode == 0
    wait_until(
        lambda: call(dev.url, login_payload(secret))[0] == HTTPStatus.BAD_REQUEST,
        REVOKED_SECONDS_MAX,
    )
    assert call(dev.url, login_payload(new["secret"]))[0] == HTTPStatus.OK


@pytest.mark.parametrize("arguments", [("rotate",), ("revoke", "environment")])
def test_an_environment_secret_is_shown_but_not_changed(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """It is changed in the environment."""
    environment = {"CUSTOM_TOKEN_SECRET": "from the environment"}
    shown = run_command(tmp_path, "secret", "show", **environment)
    assert shown.stdout == "environment\tfrom the environment\tuntil revoked\t0\tnever\n"

    refused = run_command(tmp_path, "secret", *arguments, **environment)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "CUSTOM_TOKEN_SECRET is set" in refused.stderr


@pytest.mark.parametrize("arguments", [("show",), ("rotate",), ("revoke", "x")])
def test_without_a_database_no_secrets_are_shown(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """The command says so, and creates no file."""
    done = run_command(tmp_path, "secret", *arguments)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert files_below(tmp_path) == set()
