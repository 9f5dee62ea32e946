"""Databases of the original and of ours, and what their tests ask of them."""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from skylogin.testing import SkyloginServer
from skylogin.tokens import mint

from tests.cli.commands import call, run_command
from tests.processes import output_of

RECORDED = Path(__file__).parent / "recorded"
# Rows of the kinds that the recorded database has none of.
UNRECORDED_DATA = (RECORDED.parent / "unrecorded_data.sql").read_text(encoding="utf-8")
USERS = json.loads((RECORDED / "users.json").read_text(encoding="utf-8"))
# As the server ran that the dump is from, some days later.
NOW = datetime(2026, 11, 28, tzinfo=UTC)
SETTINGS = {
    "APP_NAME": "_",
    "CUSTOM_TOKEN_SECRET": "ssosecret",
    "TOKEN_STORE": "jwt",
    "TOKEN_STORE_SECRET": "my_skygear_jwt_secret",
    "SKYLOGIN_CONTRACT": "original",
}
READER = "reader"


def psql(url: str, *statements: str, file: Path | None = None) -> str:
    """Run SQL, and return what it prints."""
    commands = [part for one in statements for part in ("-c", one)]
    commands += ["-f", str(file)] if file else []
    options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    return output_of(["psql", *options, *commands, url], RECORDED)


@dataclass(frozen=True)
class OldDatabase:
    """A database of the original."""

    url: str

    def sql(self, *statements: str) -> str:
        """Run SQL with the schema of the app `_` first, and return what it prints."""
        return psql(self.url, "SET search_path = app__, public", *statements)

    @property
    def reader_url(self) -> str:
        """Return its URL for a user who may only read."""
        return self.url.replace("postgres@", f"{READER}@", 1)

    def dump(self) -> str:
        """Return all of it as SQL."""
        lines = output_of(["pg_dump", self.url], RECORDED).splitlines()
        return "\n".join(line for line in lines if "restrict " not in line)


class NewDatabase:
    """A database of ours, which an import fills and a server uses."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on it."""
        variables = {**SETTINGS, "DATABASE_URL": self.url, **environment}
        return run_command(self.folder, *arguments, **variables)

    def load(self, source: str, *options: str) -> Any:
        """Import the app `_`, and return the report."""
        done = self.run("import-skygear", "--from", source, "--app-name", "_", "--json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(self, source: str, *options: str) -> str:
        """Run an import that must fail, and return its message."""
        done = self.run("import-skygear", "--from", source, *options)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.rstrip("\n")

    def export(self) -> list[str]:
        """Return all rows that users and records have, but not when they were exported."""
        done = self.run("apps", "export", "-")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[1:]

    def server(self, **environment: str) -> SkyloginServer:
        """Return a server on it."""
        return SkyloginServer({**SETTINGS, **environment}, self.url, now=lambda: NOW)

    def beside(self, name: str) -> "NewDatabase":
        """Return another empty database, on SQLite."""
        return NewDatabase(f"sqlite:///{self.folder}/{name}.db", self.folder)


def ask(url: str, action: str, **payload: Any) -> tuple[int, Any]:
    """Call an action, and return the status and the answer."""
    body = {"api_key": "changeme", "action": action, **payload}
    status, answer, _ = call(f"{url}/{action.replace(':', '/')}", body)
    return status, answer


def log_in(url: str, user: Any) -> tuple[int, Any]:
    """Log a recorded user in, in the way that the user has."""
    match user["how"]:
        case "custom_token":
            secret = SETTINGS["CUSTOM_TOKEN_SECRET"]
            token = mint.mint(user["principal_id"], secret, NOW, lifetime=timedelta(hours=1))
            return ask(url, "sso:custom_token:login", token=token)
        case "password":
            password = user["password"]
            return ask(url, "auth:login", auth_data=user["auth_data"], password=password)
        case "oauth":
            return ask(
                url,
                "sso:oauth:login",
                api_key="secret",
                provider=user["provider"],
                principal_id=user["principal_id"],
                token_response={},
                profile={},
            )
    return ask(url, "me", access_token=user["access_token"])


def by_content(export: list[str]) -> list[str]:
    """Return the rows in an order that does not depend on the database."""
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in export)
