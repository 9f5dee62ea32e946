""".env.example has what docker-compose.yml asks for, and a server takes it once it is filled in."""

import re

from dotenv import dotenv_values
from skylogin import config
from skylogin.config import SERVE

from tests.docs.pages import ROOT

COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_the_file_has_every_variable_of_the_compose_file() -> None:
    """And no others; filled in, the server takes them."""
    example = dotenv_values(ROOT / ".env.example", interpolate=False)
    assert set(example) == set(re.findall(r"\$\{(\w+)", COMPOSE))

    filled = {name: value or f"{name} of this test" for name, value in example.items()}
    del filled["POSTGRES_PASSWORD"]
    settings = config.read(filled, SERVE)

    assert settings.database_url == example["DATABASE_URL"]
