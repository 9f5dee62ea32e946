"""Where the settings of a server come from: flags, the environment, `.env`."""

from pathlib import Path

import pytest
from skylogin.cli import environment
from skylogin.config import DEV, ConfigurationError

from tests.cli.commands import DATABASE, StartServer, files_below, run_command


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, no variables, and no change to how tests log."""
    monkeypatch.chdir(tmp_path)
    for name in list(environment.os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment.logs, "set_up", lambda settings: None)


def test_env_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With quotes, comments and `export`. `$` is not interpolated."""
    (tmp_path / ".env").write_text(
        "# a comment\n"
        "APP_NAME=from_file\n"
        "export API_KEY='key from $HOME'\n"
        'MASTER_KEY="master from file"\n'
        "CUSTOM_TOKEN_SECRET=secret-from-file\n"
    )
    monkeypatch.setenv("APP_NAME", "from_environment")

    settings = environment.server_settings(DEV)

    assert settings.app_name == "from_environment"
    assert settings.api_key == "key from $HOME"
    assert settings.master_key == "master from file"
    assert settings.custom_token_secret == "secret-from-file"


def test_a_port_option_wins_over_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the port in HOST as well, whose address stays."""
    monkeypatch.setenv("HOST", "127.0.0.2:1")
    monkeypatch.setenv("PORT", "2")

    assert environment.server_settings(DEV, PORT=3).address() == ("127.0.0.2", 3)
    assert environment.server_settings(DEV).address() == ("127.0.0.2", 1)


def test_a_warning_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """About what the original ignores without a word."""
    monkeypatch.setenv("RESPONSE_TIMEOUT", "soon")
    monkeypatch.setenv("PLUGINS", "CATS")

    assert environment.server_settings(DEV)

    errors = capsys.readouterr().err
    assert "warning: RESPONSE_TIMEOUT is not a number, so the default is used: 60" in errors
    assert "warning: PLUGINS has no effect here" in errors


def test_an_admin_secret_is_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers mount secrets: the variable with `_FILE` names the file."""
    (tmp_path / "token").write_text("an admin token\n")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN_FILE", "token")

    assert environment.server_settings(DEV).admin_token == "an admin token"


def test_problems_with_files_of_secrets_are_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, is not text, or comes with a value."""
    (tmp_path / "binary").write_bytes(b"\xff")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN", "x")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN_FILE", "missing")
    monkeypatch.setenv("SKYLOGIN_ADMIN_PASSWORD_FILE", "binary")

    with pytest.raises(ConfigurationError) as error:
        environment.server_settings(DEV)

    assert error.value.problems == [
        "SKYLOGIN_ADMIN_TOKEN and SKYLOGIN_ADMIN_TOKEN_FILE are both set; set only one of them",
        "SKYLOGIN_ADMIN_TOKEN_FILE missing: No such file or directory",
        "SKYLOGIN_ADMIN_PASSWORD_FILE binary: not UTF-8 text",
    ]


def test_serve_reports_all_problems_at_once(tmp_path: Path) -> None:
    """In one message, and creates no file."""
    refused = run_command(
        tmp_path,
        "serve",
        APP_NAME="a-b",
        API_KEY="changeme",
        MASTER_KEY="secret",
        CUSTOM_TOKEN_SECRET="short",
        DEV_MODE="perhaps",
        PORT="70000",
        SKYLOGIN_TYPO="1",
    )

    assert (refused.returncode, refused.stdout) == (1, "")
    lines = refused.stderr.splitlines()
    assert lines[0] == "skylogin cannot run:"
    assert {line.removeprefix("  - ").split()[0] for line in lines[1:]} == {
        *("APP_NAME", "API_KEY", "MASTER_KEY", "CUSTOM_TOKEN_SECRET"),
        *("DEV_MODE", "PORT", "SKYLOGIN_TYPO", "DATABASE_URL"),
    }
    assert files_below(tmp_path) == set()


@pytest.mark.slow
def test_dev_takes_neither_database_nor_host_from_env(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A `.env` of production must not make it use them. Variables do apply."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///production.db\nHOST=0.0.0.0:1\n")
    server = start_server("dev", "--port", "0")

    assert server.url.startswith("http://127.0.0.1:")
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE}

    server = start_server("dev", "--port", "0", DATABASE_URL="sqlite:///asked.db")
    assert server.url
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE, "asked.db"}
