"""`skylogin token`."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import call, login_payload, run_command
from tests.cli.operated_server import OperatedServer

pytestmark = pytest.mark.slow

SECRET = ("--secret", "a secret")


def test_a_minted_token_is_explained_and_accepted(dev: SkyloginServer, tmp_path: Path) -> None:
    """It is signed with the secret in the database of the directory."""
    options = ("--profile", '{"name": "Alice"}', "--claim", "level=3", "--claim", "word=x=y")
    minted = run_command(tmp_path, "token", "mint", "alice", *options, "--algorithm", "HS512")
    assert (minted.returncode, minted.stderr) == (0, "")

    explained = run_command(tmp_path, "token", "explain", "--json", "-", given=minted.stdout)

    assert explained.returncode == 0
    verdict = json.loads(explained.stdout)
    assert (verdict["accepted"], verdict["status"], verdict["error"]) == (True, 200, None)
    assert verdict["header"] == {"alg": "HS512", "typ": "JWT"}
    assert verdict["claims"]["skyprofile"] == {"name": "Alice"}
    assert (verdict["claims"]["level"], verdict["claims"]["word"]) == (3, "x=y")
    status, answer, _ = call(dev.url, {**login_payload("x"), "token": minted.stdout.strip()})
    assert (status, answer["result"]["profile"]["name"]) == (HTTPStatus.OK, "Alice")


def test_only_a_text_is_explained(tmp_path: Path) -> None:
    """Anything else is refused in one line; a byte order mark belongs to the text."""
    refused = run_command(tmp_path, "token", "explain", *SECRET, "-", given="a\0b")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "standard input is not a text in UTF-8: byte 0x00 at offset 1\n"

    minted = run_command(tmp_path, "token", "mint", "alice", *SECRET)
    given = f"\ufeff{minted.stdout}"
    assert run_command(tmp_path, "token", "explain", *SECRET, "-", given=given).returncode == 0


def test_tokens_of_a_server_are_signed_with_its_secret(operated: OperatedServer) -> None:
    """The server also explains them."""
    token = operated.do("token", "mint", "alice", "--profile", '{"nickname": "Al"}').strip()
    verdict = operated.rows("token", "explain", token)
    assert (verdict["accepted"], verdict["claims"]["sub"]) == (True, "alice")
    assert verdict["times"]["exp"].endswith("Z")
    bad = operated.do("token", "mint", "alice", "--bad", "expired").strip()
    refused = operated.run("token", "explain", bad)
    assert refused.returncode == 1
    assert "(expired)" in refused.stdout
    odd = operated.do("token", "mint", "alice", "--claim", "x=NaN").strip()
    assert operated.rows("token", "explain", odd)["claims"]["x"] == "NaN"


def test_the_clock_of_a_server_applies(dev: SkyloginServer, tmp_path: Path) -> None:
    """The variables of `skylogin exec` name the server, which mints and explains by its clock."""
    of_exec = {"SKYGEAR_ENDPOINT": f"{dev.url}/", "SKYLOGIN_APP": "myapp"}
    app = dev.app()
    app.clock.advance(days=2)

    minted = run_command(tmp_path, "token", "mint", "alice", **of_exec).stdout.strip()
    app.login_with(minted)
    explained = run_command(tmp_path, "token", "explain", minted, **of_exec)

    assert explained.returncode == 0, explained.stdout
    assert "accepted: signed with the secret" in explained.stdout


def test_a_refused_token_is_explained(tmp_path: Path) -> None:
    """With the answer of a server and the reason, as text and as JSON. The command fails."""
    minted = run_command(tmp_path, "token", "mint", "alice", "--expires-in=-12", *SECRET)
    token = minted.stdout.strip()

    as_text = run_command(tmp_path, "token", "explain", token, *SECRET)
    as_json = run_command(tmp_path, "token", "explain", token, *SECRET, "--json")

    assert (as_text.returncode, as_json.returncode) == (1, 1)
    assert "refused: expired 1" in as_text.stdout
    assert "400 BadRequest 107: fails to decode the request payload (expired)" in as_text.stdout
    verdict = json.loads(as_json.stdout)
    assert (verdict["accepted"], verdict["reason"], verdict["status"]) == (False, "expired", 400)
    assert verdict["claims"]["sub"] == "alice"
    for shown in (as_text.stdout, as_json.stdout):
        assert token.rpartition(".")[2] not in shown
        assert "a secret" not in shown


def test_a_bad_token_is_minted(tmp_path: Path) -> None:
    """It is refused for the reason of its kind."""
    minted = run_command(tmp_path, "token", "mint", "alice", "--bad", "tampered", *SECRET)

    token = minted.stdout.strip()
    explained = run_command(tmp_path, "token", "explain", token, *SECRET, "--json")
    assert (explained.returncode, minted.returncode) == (1, 0)
    assert json.loads(explained.stdout)["reason"] == "signature_wrong"


def test_a_token_with_any_content_can_be_explained(tmp_path: Path) -> None:
    """Huge numbers, any letters, control characters, markup."""
    mint = ("token", "mint", "é[bold]", *SECRET, "--claim")
    minted = run_command(tmp_path, *mint, "x=[red]\x1b[31m")
    header, _, _ = minted.stdout.partition(".")
    huge = "eyJ4IjoxZTk5OX0"  # {"x":1e999}

    for token in (minted.stdout.strip(), f"{header}.{huge}.AAAA"):
        for options in ((), ("--json",)):
            explained = run_command(tmp_path, "token", "explain", token, *SECRET, *options)
            assert "Traceback" not in explained.stderr
            assert "\x1b[31m" not in explained.stdout
            assert explained.returncode in (0, 1)


INVALID = {
    "profile text": ("--profile", "x"),
    "profile list": ("--profile", "[]"),
    "claim without name": ("--claim", "x"),
    "algorithm": ("--algorithm", "none"),
    "kind of bad token": ("--bad", "good"),
    "bytes that are not UTF-8": ("--claim", "a=\udcff"),
    "key of two halves": ("--secret", "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----"),
}


@pytest.mark.parametrize("arguments", INVALID.values(), ids=INVALID)
def test_invalid_options_are_reported_on_stderr(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """So that a script does not take the message for a token."""
    secret = () if arguments[0] == "--secret" else SECRET

    refused = run_command(tmp_path, "token", "mint", "alice", *arguments, *secret)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_secret_that_cannot_be_used_is_reported_in_one_line(tmp_path: Path) -> None:
    """For making a token and for explaining one alike."""
    for arguments in (("mint", "alice"), ("explain", "a.b.c")):
        refused = run_command(tmp_path, "token", *arguments, *INVALID["key of two halves"])

        assert (refused.returncode, refused.stdout) == (1, "")
        [line] = refused.stderr.splitlines()
        assert "should not be used as an HMAC secret" in line


def test_a_subject_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """The token would be another user's."""
    refused = run_command(tmp_path, "token", "mint", "\udcff", *SECRET)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "'\\udcff' is not valid text\n"
