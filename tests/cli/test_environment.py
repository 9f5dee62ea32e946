"""Where the settings of a server come from: flags, the environment, `.env`."""

import os
import sys
from pathlib import Path

import pytest
from skylogin import config
from skylogin.cli import environment
from skylogin.config import DEV, SERVE, ConfigurationError

from tests.cli.commands import DATABASE, KEYS, files_below, run_command
from tests.processes import StartServer, run_skylogin


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory, no variables, and no change to how tests log."""
    monkeypatch.chdir(tmp_path)
    for name in list(environment.os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment.logs, "set_up", lambda settings, **options: None)


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


@pytest.mark.parametrize("in_file", [False, True])
def test_an_empty_secret_counts_as_unset_for_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_file: bool
) -> None:
    """Its file of settings may have lines without a value; `dev` turns the login off."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    monkeypatch.setenv("API_KEY", "a key")
    monkeypatch.setenv("MASTER_KEY", "a key for this test")
    if in_file:
        (tmp_path / ".env").write_text("CUSTOM_TOKEN_SECRET=\n")
    else:
        monkeypatch.setenv("CUSTOM_TOKEN_SECRET", "")

    assert environment.read_settings(SERVE, None).custom_token_secret is None
    assert environment.storage_settings(None).custom_token_secret is None
    assert environment.server_settings(DEV).custom_token_secret == ""


def test_a_port_option_wins_over_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the port in HOST as well, whose address stays."""
    monkeypatch.setenv("HOST", "127.0.0.2:1")
    monkeypatch.setenv("PORT", "2")

    assert environment.server_settings(DEV, PORT=3).address() == ("127.0.0.2", 3)
    assert environment.server_settings(DEV).address() == ("127.0.0.2", 1)

    monkeypatch.setenv("HOST", "localhost:http")
    with pytest.raises(ConfigurationError, match="HOST is not a whole number: 'localhost:http'"):
        environment.server_settings(DEV, PORT=3)


def test_a_warning_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """About what the original ignores without a word."""
    monkeypatch.setenv("RESPONSE_TIMEOUT", "soon")
    monkeypatch.setenv("PLUGINS", "CATS")

    assert environment.server_settings(DEV)

    errors = capsys.readouterr().err
    assert (
        "warning: RESPONSE_TIMEOUT is not a number, so the default is used: 60, not 'soon'"
        in errors
    )
    assert "warning: PLUGINS has no effect here" in errors


@pytest.mark.parametrize("name", config.FROM_FILES)
def test_every_secret_may_be_in_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers mount them: the variable with `_FILE` names the file."""
    values = {
        "DATABASE_URL": "sqlite:///the.db",
        "SKYLOGIN_DATABASE_URL": "sqlite:///other.db",
        "TOKEN_STORE_PATH": "redis://:a password@127.0.0.1:1",
    }
    value = values.get(name, " a secret of our own, with é ")
    (tmp_path / "file").write_text(f"{value}\n", encoding="utf-8")
    for key, text in {**KEYS, "DATABASE_URL": "sqlite:///x.db"}.items():
        monkeypatch.setenv(key, text)
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", "file")

    settings = environment.server_settings(SERVE)

    [row] = [row for row in config.SETTINGS if row.variable == name]
    assert getattr(settings, row.field) == value


def test_dev_reads_no_database_of_production_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do commands for a server."""
    (tmp_path / "file").write_text("sqlite:///production.db\n")
    (tmp_path / ".env").write_text("SKYLOGIN_DATABASE_URL_FILE=file\n")
    monkeypatch.setenv("DATABASE_URL_FILE", "file")

    assert environment.server_settings(DEV).database_url == ""
    (tmp_path / "file").unlink()
    assert environment.server_settings(DEV).database_url == ""
    assert environment.settings_without_database().database_url == ""
    assert environment.read_settings(DEV, "sqlite:///x.db").database_url == "sqlite:///x.db"


BAD_FILES = {
    "empty": (b"", "it is empty"),
    "only a newline": (b"\r\n", "it is empty"),
    "two lines": (b"a secret\nanother\n", "it has more than one line"),
    "a NUL": (b"a\0b", "it is not a text in UTF-8: byte 0x00 at offset 1"),
    "too big": (b"x" * 65_537, "it is larger than 65,536 bytes"),
}


@pytest.mark.parametrize(("data", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_has_no_secret_is_a_problem(data: bytes, problem: str, tmp_path: Path) -> None:
    """In one line, without its content."""
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError) as error:
        config.read({"MASTER_KEY_FILE": str(file)}, DEV)

    assert error.value.problems == [f"MASTER_KEY_FILE {file}: {problem}"]


def test_what_is_not_a_file_is_a_problem(tmp_path: Path) -> None:
    """A pipe would keep the server waiting, a device would never end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ConfigurationError) as error:
            config.read({"API_KEY_FILE": str(path)}, DEV)
        assert error.value.problems == [f"API_KEY_FILE {path}: it is not a regular file"]


def test_problems_with_files_of_secrets_are_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, is not text, or comes with a value; and other settings."""
    (tmp_path / "binary").write_bytes(b"\xff")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN", "an admin token of ours")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN_FILE", "missing")
    monkeypatch.setenv("SKYLOGIN_ADMIN_PASSWORD_FILE", "binary")
    monkeypatch.setenv("MASTER_KEY_FILE", "missing")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")

    with pytest.raises(ConfigurationError) as error:
        environment.server_settings(SERVE)

    assert error.value.problems == [
        "MASTER_KEY_FILE missing: No such file or directory",
        "SKYLOGIN_ADMIN_TOKEN and SKYLOGIN_ADMIN_TOKEN_FILE are both set; set only one of them",
        "SKYLOGIN_ADMIN_PASSWORD_FILE binary: it is not UTF-8: byte 0xff at offset 0",
        "API_KEY is not set",
    ]


def test_a_flag_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the file cannot be read; so do `--set` and a file over skylogin.yaml."""
    (tmp_path / "file").write_text("from the file\n")
    monkeypatch.setenv("SKYLOGIN_DATABASE_URL_FILE", "missing")
    monkeypatch.setenv("MASTER_KEY_FILE", "missing")
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN_FILE", "file")

    settings = environment.server_settings(
        DEV,
        given=("MASTER_KEY=given",),
        project={"SKYLOGIN_ADMIN_TOKEN": "from the project"},
        SKYLOGIN_DATABASE_URL="sqlite:///y.db",
    )

    assert settings.database_url == "sqlite:///y.db"
    assert (settings.master_key, settings.admin_token) == ("given", "from the file")


def test_a_byte_order_mark_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors put one in front, in `.env` and in files of secrets."""
    (tmp_path / ".env").write_bytes("APP_NAME=ours\r\nCORS_HOST=https://ö\r\n".encode("utf-8-sig"))
    (tmp_path / "token").write_bytes("an admin token\r\n".encode("utf-8-sig"))
    monkeypatch.setenv("SKYLOGIN_ADMIN_TOKEN_FILE", "token")

    settings = environment.server_settings(DEV)

    assert (settings.app_name, settings.cors_host) == ("ours", "https://ö")
    assert settings.admin_token == "an admin token"


TEXT = "APP_NAME=ours\nCORS_HOST=https://\xe9\n"
NOT_UTF_8 = {
    "utf-16": "line 1: it is UTF-16, not UTF-8: byte 0xff at offset 0",
    "utf-16-be": "line 1: it is not a text in UTF-8: byte 0x00 at offset 0",
    "utf-16-le": "line 1: it is not a text in UTF-8: byte 0x00 at offset 1",
    "latin-1": "line 2: it is not UTF-8: byte 0xe9 at offset 32",
    "utf-32": "line 1: it is UTF-16, not UTF-8: byte 0xff at offset 0",
}


@pytest.mark.parametrize("command", ["dev", "serve", "migrate", "settings", "wait"])
@pytest.mark.parametrize("encoding", NOT_UTF_8)
def test_an_env_file_in_another_encoding_is_refused(
    encoding: str, command: str, tmp_path: Path
) -> None:
    """With its name, its line and the byte."""
    text = TEXT.replace("\xe9", "") if encoding in ("utf-16-be", "utf-16-le") else TEXT
    (tmp_path / ".env").write_bytes(text.encode(encoding))

    refused = run_command(tmp_path, command)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"skylogin cannot run:\n  - .env, {NOT_UTF_8[encoding]}\n"


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
    """A `.env` of production must not make it use them. SKYLOGIN_DATABASE_URL does apply."""
    (tmp_path / ".env").write_text(
        "DATABASE_URL=sqlite:///production.db\nSKYLOGIN_DATABASE_URL=sqlite:///production.db\n"
        "HOST=0.0.0.0:1\n"
    )
    server = start_server("dev", "--port", "0")

    assert server.url.startswith("http://127.0.0.1:")
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE}

    server = start_server("dev", "--port", "0", SKYLOGIN_DATABASE_URL="sqlite:///asked.db")
    assert server.url
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE, "asked.db"}


# --- the environment of a project under test ------------------------------------

# What the project means for itself, and what would stop a server or change it.
OF_THE_PROJECT = {
    "DATABASE_URL": "sqlite:///theirs.db",
    "API_KEY": "secret",
    "MASTER_KEY": "theirs",
    "DEV_MODE": "development",
    "APP_NAME": "My App",
    "LOG_LEVEL": "warning",
    "LOG_FORMATTER": "pretty",
    "HOST": "0.0.0.0:1",
    "PORT": "http",
    "CUSTOM_TOKEN_SECRET": "theirs",
    "TOKEN_STORE": "memcached",
    "CORS_HOST": "https://theirs.example.com",
}
SHOW = "import os; print(os.environ['SKYGEAR_MASTER_KEY'], os.environ['DATABASE_URL'])"


def test_an_isolated_server_reads_only_what_is_meant_for_skylogin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the project, in variables or in `.env`, and it warns of nothing."""
    for name, value in OF_THE_PROJECT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text("SKYLOGIN_ISSUER=from_file\nAPI_KEY=from_file\n")
    monkeypatch.setenv("SKYLOGIN_LEEWAY_SECONDS", "7")

    settings = environment.server_settings(DEV, isolated=True)

    assert settings == config.read({"SKYLOGIN_LEEWAY_SECONDS": "7"}, DEV)
    assert capsys.readouterr().err == ""


def test_settings_are_given_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of them; the last one counts, and so does an option with its own name."""
    monkeypatch.setenv("SKYLOGIN_ISSUER", "of the environment")
    given = ("API_KEY=a=b", "SKYLOGIN_ISSUER=x", "SKYLOGIN_ISSUER=shop", "DATABASE_URL=sqlite:///a")

    settings = environment.server_settings(
        DEV, isolated=True, given=given, SKYLOGIN_DATABASE_URL="sqlite:///b"
    )

    assert (settings.api_key, settings.issuer) == ("a=b", "shop")
    assert settings.database_url == "sqlite:///b"
    monkeypatch.setenv("SKYLOGIN_DATABASE_URL", "sqlite:///c")
    settings = environment.server_settings(DEV, isolated=True, given=given)
    assert settings.database_url == "sqlite:///a"


def test_what_cannot_be_given_is_reported_at_once() -> None:
    """By name, without a text that may be a secret."""
    with pytest.raises(ConfigurationError) as error:
        environment.server_settings(DEV, given=("hidden", "APP=x", "SKYLOGIN_JOURNAL_DAYS=1"))

    assert error.value.problems == [
        "--set takes NAME=VALUE, and one of them has no =",
        "--set: APP is not a setting",
        "--set: SKYLOGIN_JOURNAL_DAYS is now called SKYLOGIN_LOGIN_LOG_DAYS",
    ]


@pytest.mark.slow
def test_exec_runs_in_the_environment_of_a_project(tmp_path: Path) -> None:
    """Its command still has the project's variables, and so have commands of ours in it."""
    (tmp_path / ".env").write_text("APP_NAME=from-file\n")
    show = (sys.executable, "-c", SHOW)

    done = run_skylogin(tmp_path, "exec", "--", *show, **OF_THE_PROJECT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"secret {OF_THE_PROJECT['DATABASE_URL']}\n"

    ours = (sys.executable, "-m", "skylogin", "users", "find")
    done = run_skylogin(tmp_path, "exec", "--", *ours, **OF_THE_PROJECT)
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(tmp_path) == {".env"}


@pytest.mark.slow
def test_isolated_dev_leaves_nothing(start_server: StartServer, tmp_path: Path) -> None:
    """Unless it is told where its database is."""
    server = start_server("dev", "--isolated", "--port", "0", **OF_THE_PROJECT)
    assert (server.facts["app"], server.facts["api_key"]) == ("myapp", "changeme")
    assert server.stop() == 0
    assert files_below(tmp_path) == set()

    url = {"SKYLOGIN_DATABASE_URL": "sqlite:///ours.db"}
    server = start_server("dev", "--isolated", "--port", "0", **OF_THE_PROJECT, **url)
    assert server.url
    assert server.stop() == 0
    assert files_below(tmp_path) == {"ours.db"}


def test_dev_reads_skygears_variables_but_not_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every other command reads both, and ours takes precedence."""
    monkeypatch.setenv("API_KEY", "a key")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///theirs.db")
    assert environment.server_settings(DEV).api_key == "a key"
    assert environment.server_settings(DEV).database_url == ""
    assert environment.storage_settings(None).database_url == "sqlite:///theirs.db"
    assert environment.migration_settings(None).database_url == "sqlite:///theirs.db"

    monkeypatch.setenv("DATABASE_URL", "mysql://theirs")
    monkeypatch.setenv("SKYLOGIN_DATABASE_URL", "sqlite:///ours.db")
    for settings in (
        environment.server_settings(DEV),
        environment.storage_settings(None),
        environment.migration_settings(None),
        environment.read_settings(DEV, None),
    ):
        assert settings.database_url == "sqlite:///ours.db"
    assert environment.storage_settings("sqlite:///x").database_url == "sqlite:///x"


DATABASE_COMMANDS = {
    "dev": ("dev",),
    "serve": ("serve",),
    "exec": ("exec", "--database", "", "--", "true"),
    "migrate": ("migrate",),
    "settings": ("settings",),
    "users": ("users", "find"),
}


@pytest.mark.parametrize("command", DATABASE_COMMANDS.values(), ids=DATABASE_COMMANDS)
def test_an_empty_database_url_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    """A shell makes it of a variable that is not set; another database would be used."""
    option = () if "exec" in command else ("--database", "")

    refused = run_command(tmp_path, *command, *option)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--database" in refused.stderr
    assert "it is empty" in refused.stderr
    assert files_below(tmp_path) == set()


def test_a_command_on_a_server_needs_no_database(tmp_path: Path) -> None:
    """A project may have one of a kind that skylogin does not know."""
    theirs = {"DATABASE_URL": "mysql://theirs", "HOST": "x86_64-conda-linux-gnu"}

    waited = run_command(tmp_path, "wait", "--timeout", "0.1", **theirs)
    assert waited.stderr.startswith("http://x86_64-conda-linux-gnu:3000/ is not ready")
    assert waited.stderr.endswith("(the URL is from HOST and PORT)\n")

    found = run_command(tmp_path, "users", "find", "--url", "http://127.0.0.1:1", **theirs)
    assert found.stderr == "no server at http://127.0.0.1:1\n"


# What a `.env` has, its mode, and whether that is worth a warning.
FILES = {
    "a key that all may read": ("MASTER_KEY=x\n", 0o644, True),
    "a key that a group may read": ("MASTER_KEY=x\n", 0o640, True),
    "a database's password": ("DATABASE_URL=postgresql://a:b@c/d\n", 0o604, True),
    "a key of the owner": ("MASTER_KEY=x\n", 0o600, False),
    "no secret": ("APP_NAME=x\nMASTER_KEY=\n", 0o644, False),
}


@pytest.mark.parametrize(("text", "mode", "is_wide"), FILES.values(), ids=FILES)
def test_a_file_with_secrets_that_others_may_read_is_reported(
    text: str, mode: int, is_wide: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with its mode."""
    file = tmp_path / ".env"
    file.write_text(text)
    file.chmod(mode)

    environment.server_settings(DEV)

    line = "warning: other users of this machine may read .env, which has secrets: its mode is "
    assert capsys.readouterr().err == (f"{line}{mode:03o}\n" if is_wide else "")


@pytest.mark.parametrize("name", sorted(config.NOT_SHOWN))
def test_a_secret_file_that_others_may_read_is_reported_too(name: str, tmp_path: Path) -> None:
    """Also where `.env` is not read."""
    file = tmp_path / "secret"
    file.write_text("a secret of twenty characters")
    environ = {f"{name}_FILE": str(file)}
    lines = []
    for mode in (0o644, 0o600):
        file.chmod(mode)
        lines += environment.file_warnings(environ, isolated=True)

    [line] = lines
    assert line.endswith(f"may read {file}, which has secrets: its mode is 644")
