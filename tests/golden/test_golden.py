"""Every recorded scenario gets the original's answers, on each database.

Each is played once. The tests marked `long` play it twice on one database, where what the
first play wrote must not show, and on an app below /apps/.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace

import pytest
from skylogin.testing import SkyloginServer

from tests.golden.play import Play, connection
from tests.golden.scenarios import Profile, Scenario, load_profiles, load_scenarios

DATABASES = ("sqlite", "postgresql")
PROFILES = load_profiles()
SCENARIOS = load_scenarios()
# More scenarios are welcome.
SCENARIOS_MIN = 327

# What differs for an app below /apps/: its name in access tokens, and the key that signs them.
APP = "golden"
SECRET = PROFILES["default"].environment["TOKEN_STORE_SECRET"]
KEY = hmac.new(SECRET.encode(), f"app:{APP}".encode(), hashlib.sha256).hexdigest()
APP_PROFILE = replace(
    PROFILES["default"],
    environment={**PROFILES["default"].environment, "TOKEN_STORE_SECRET": KEY},
)
APP_SCENARIOS = [
    scenario
    for scenario in load_scenarios(
        {"iss=_ ": f"iss={APP} ", '"iss": "_"': f'"iss": "{APP}"', SECRET: KEY}
    )
    if scenario.profile == "default"
]


@pytest.fixture(scope="session")
def server_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server on one kind of database, with the settings of one profile."""
    # Names, not values: pytest shares a server among parameters with the same hash.
    database, profile = request.param
    environment = PROFILES[profile].environment
    if database == "postgresql":
        url = request.getfixturevalue("postgresql").make_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('golden') / 'golden.db'}"
    if environment["DEV_MODE"] == "NO":
        # A server in production does not change the schema, so one in development has to.
        with SkyloginServer({**environment, "DEV_MODE": "YES"}, url):
            pass
    with SkyloginServer(environment, url) as running:
        yield running.url


def each(scenarios: list[Scenario]) -> pytest.MarkDecorator:
    """Return a mark that runs a test for each of *scenarios* on each database."""
    rows = [
        pytest.param(
            (database, scenario.profile),
            scenario,
            id=f"{database}-{scenario.title}",
            marks=[
                pytest.mark.xdist_group(f"golden {database} {scenario.profile}"),
                *([pytest.mark.slow] if is_slow(scenario, database) else []),
            ],
        )
        for database in DATABASES
        for scenario in scenarios
    ]
    # Without the scope, each test would get its own server.
    return pytest.mark.parametrize(
        ("server_url", "scenario"), rows, indirect=["server_url"], scope="session"
    )


def is_slow(scenario: Scenario, database: str) -> bool:
    """Return whether a scenario waits, hashes passwords, or needs a server of its own."""
    waits = any(step.get("wait") or step.get("at_second_start") for step in scenario.steps)
    hashes = any("password" in str(step["request"].get("json")) for step in scenario.steps)
    return database != "sqlite" or scenario.profile != "default" or waits or hashes


def check_plays(url: str, scenario: Scenario, profile: Profile, plays: int = 1) -> None:
    """Play a scenario some times, and fail with the mismatches of the first play that has any."""
    with connection(url) as send:
        for number in range(1, plays + 1):
            mismatches = Play(scenario, profile, send).run()

            assert not mismatches, "\n".join([f"play {number}", *(m.text for m in mismatches)])


def test_all_scenarios_are_played() -> None:
    """None is lost by mistake."""
    assert len(SCENARIOS) >= SCENARIOS_MIN


@each(SCENARIOS)
def test_the_answers_are_those_of_the_original(server_url: str, scenario: Scenario) -> None:
    """Status, headers and body of every step are as recorded."""
    check_plays(server_url, scenario, PROFILES[scenario.profile])


@pytest.mark.long
@each(SCENARIOS)
def test_a_second_play_gets_the_same_answers(server_url: str, scenario: Scenario) -> None:
    """On one database, which still has what the first play wrote."""
    check_plays(server_url, scenario, PROFILES[scenario.profile], plays=2)


@pytest.mark.long
@each(APP_SCENARIOS)
def test_an_app_gets_the_same_answers(server_url: str, scenario: Scenario) -> None:
    """Below /apps/, on the server on which the default app is played too."""
    check_plays(f"{server_url}/apps/{APP}", scenario, APP_PROFILE, plays=2)
