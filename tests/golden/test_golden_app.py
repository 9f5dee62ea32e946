"""An app below /apps/ answers as the original does, whose only app has the server to itself.

What differs is its own: the name in access tokens, and the key that signs them.
"""

import hashlib
import hmac
from dataclasses import replace

import pytest

from tests.golden.choosing import is_offered
from tests.golden.replayer import connection, play
from tests.golden.scenarios import Scenario, load_profiles, load_scenarios

PLAYS = 2
APP = "golden"
DEFAULT = load_profiles()["default"]
SECRET = DEFAULT.environment["TOKEN_STORE_SECRET"]
KEY = hmac.new(SECRET.encode(), f"app:{APP}".encode(), hashlib.sha256).hexdigest()
PROFILE = replace(DEFAULT, environment={**DEFAULT.environment, "TOKEN_STORE_SECRET": KEY})
ITS_OWN = {"iss=_ ": f"iss={APP} ", '"iss": "_"': f'"iss": "{APP}"', SECRET: KEY}
ROWS = [
    pytest.param(
        (database, "default"),
        scenario,
        id=f"{database}-{scenario.title}",
        marks=pytest.mark.xdist_group(f"golden {database} default"),
    )
    for database in ("sqlite", "postgresql")
    for scenario in load_scenarios(replacing=ITS_OWN)
    if is_offered(scenario) and scenario.profile == "default"
]


@pytest.mark.long
@pytest.mark.parametrize(("server_url", "scenario"), ROWS, indirect=["server_url"], scope="session")
def test_an_app_answers_as_the_original(server_url: str, scenario: Scenario) -> None:
    """On the server on which the default app is played too."""
    with connection(f"{server_url}/apps/{APP}") as send:
        for count in range(1, PLAYS + 1):
            faults = play(scenario, PROFILE, send)

            assert not faults, "\n".join([f"play {count}", *map(str, faults)])
