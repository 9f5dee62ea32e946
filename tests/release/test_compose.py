"""docker-compose.yml is read as Compose reads it: what `.env` says reaches the server."""

import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values
from skylogin import config
from skylogin.cli import environment
from skylogin.config import FROM_FILES, SERVE, SETTINGS

from tests.packages import ROOT

COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
VARIABLE = re.compile(r"\$\{(\w+)(:[-?])([^${}]*)\}")
NEEDED = {"API_KEY": "a key", "MASTER_KEY": "0123456789abcdef", "POSTGRES_PASSWORD": "password"}
# What this file itself reads, beside settings of the server.
OF_COMPOSE = {"POSTGRES_PASSWORD", "PUBLISH"}
NAMES = [setting.variable for setting in SETTINGS] + [f"{name}_FILE" for name in FROM_FILES]


def services(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services as Compose reads them, with *env* in `.env`."""

    def filled_in(value: Any) -> Any:
        if isinstance(value, str):
            return VARIABLE.sub(value_of, value)
        if isinstance(value, list):
            return [filled_in(one) for one in value]
        return {k: filled_in(v) for k, v in value.items()} if isinstance(value, dict) else value

    def value_of(found: re.Match[str]) -> str:
        name, operator, rest = found.groups()
        if operator == ":?" and not env.get(name):
            raise LookupError(f"{name}: {rest}")
        return env.get(name) or (rest if operator == ":-" else "")

    return filled_in(yaml.safe_load(COMPOSE)["services"])  # type: ignore[no-any-return]


def in_container(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server's container, with *env* in `.env`."""
    server = services(env)["skylogin"]
    assert server["env_file"] == ".env"
    [image] = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    of_image = dict(pair.split("=", 1) for pair in image.split())
    return {**of_image, **env, **server["environment"]}


def test_every_setting_reaches_the_server() -> None:
    """As it is in `.env`."""
    told = {name: f"value of {name}" for name in NAMES}

    got = in_container({**NEEDED, **told})

    assert {name: got.get(name) for name in NAMES} == told


def test_the_example_is_enough_once_it_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without a value are as if they were not there: secrets are generated, for instance."""
    for name in list(environment.os.environ):
        monkeypatch.delenv(name)
    lines = EXAMPLE
    for name, value in NEEDED.items():
        lines = lines.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    # Compose, unlike skylogin itself, replaces variables in it.
    filled = {name: value or "" for name, value in dotenv_values(stream=io.StringIO(lines)).items()}
    assert filled.keys() <= {*NAMES, *OF_COMPOSE}

    for name, value in in_container(filled).items():
        monkeypatch.setenv(name, value)
    settings = environment.read_settings(SERVE, None)

    url = "postgresql://skylogin:password@db/skylogin"
    expected = {"API_KEY": "a key", "MASTER_KEY": NEEDED["MASTER_KEY"], "DATABASE_URL": url}
    expected |= {"HOST": "0.0.0.0", "PORT": "3000"}
    assert settings == config.read(expected, SERVE)
    assert settings.custom_token_secret is None


def test_the_database_needs_its_password() -> None:
    """Nothing is started without it."""
    with pytest.raises(LookupError, match="POSTGRES_PASSWORD: set POSTGRES_PASSWORD"):
        services({**NEEDED, "POSTGRES_PASSWORD": ""})


def test_the_port_that_is_published_is_the_one_that_the_server_has() -> None:
    """Whatever it is; on this machine alone unless told otherwise."""
    changed = {**NEEDED, "PORT": "8080", "PUBLISH": "0.0.0.0:443"}

    assert services(NEEDED)["skylogin"]["ports"] == ["127.0.0.1:3000:3000"]
    assert services(changed)["skylogin"]["ports"] == ["0.0.0.0:443:8080"]
    assert in_container(NEEDED)["PORT"] == "3000"


def test_the_server_has_no_rights_that_it_does_not_need() -> None:
    """It writes to its volume and to /tmp, and starts when the database is ready."""
    server, database = services(NEEDED)["skylogin"], services(NEEDED)["db"]

    assert (server["read_only"], server["tmpfs"]) == (True, ["/tmp"])
    assert (server["cap_drop"], server["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert server["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    volumes = {one.split(":")[0] for one in (*server["volumes"], *database["volumes"])}
    assert volumes == {*yaml.safe_load(COMPOSE)["volumes"], "./secrets"}
    assert "./secrets:/run/secrets:ro" in server["volumes"]


def test_the_image_runs_as_another_user_than_root() -> None:
    """And its modules are compiled, valid whatever times a copy of them has."""
    last = DOCKERFILE.split("\nFROM ")[-1]

    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["skylogin"]
    assert last.index("\nUSER ") < last.index("\nCMD ")
    compiled = re.findall(r"compileall.*?(?=\n|$)", DOCKERFILE)
    assert all("--invalidation-mode checked-hash" in one for one in compiled)
    assert len(compiled) == DOCKERFILE.count("\nFROM ")
