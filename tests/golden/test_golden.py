"""Every recorded scenario gets the original's answers, on each database.

Each is played once. The tests marked `long` play it twice on one database, where what the
first play wrote must not show, and on an app below /apps/.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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


class Clock:
    """The clock of a server, which a scenario that waits moves on."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0

    def __call__(self) -> datetime:
        """Return the time for the server."""
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        """Return the seconds since 1970."""
        return time.time() + self._offset_seconds

    def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self._offset_seconds += seconds


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str
    clock: Clock


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on one kind of database, with the settings of one profile."""
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
    clock = Clock()
    with SkyloginServer(environment, url, clock) as running:
        yield Server(running.url, clock)


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
        ("server", "scenario"), rows, indirect=["server"], scope="session"
    )


def is_slow(scenario: Scenario, database: str) -> bool:
    """Return whether a scenario hashes passwords, or needs its own server."""
    hashes = any("password" in str(step["request"].get("json")) for step in scenario.steps)
    return database != "sqlite" or scenario.profile != "default" or hashes


def check_plays(
    server: Server, scenario: Scenario, profile: Profile, *, plays: int = 1, path: str = ""
) -> None:
    """Play a scenario some times, and fail with the mismatches of the first play that has any."""
    clock = server.clock
    with connection(server.url + path) as send:
        for number in range(1, plays + 1):
            play = Play(scenario, profile, send, now=clock.time, sleep=clock.sleep)
            mismatches = play.run()

            assert not mismatches, "\n".join([f"play {number}", *(m.text for m in mismatches)])


def test_all_scenarios_are_played() -> None:
    """None is lost by mistake."""
    assert len(SCENARIOS) >= SCENARIOS_MIN


@each(SCENARIOS)
def test_the_answers_are_those_of_the_original(server: Server, scenario: Scenario) -> None:
    """Status, headers and body of every step are as recorded."""
    check_plays(server, scenario, PROFILES[scenario.profile])


@pytest.mark.long
@each(SCENARIOS)
def test_a_second_play_gets_the_same_answers(server: Server, scenario: Scenario) -> None:
    """On one database, which still has what the first play wrote."""
    check_plays(server, scenario, PROFILES[scenario.profile], plays=2)


@pytest.mark.long
@each(APP_SCENARIOS)
def test_an_app_gets_the_same_answers(server: Server, scenario: Scenario) -> None:
    """Below /apps/, on the server on which the default app is played too."""
    check_plays(server, scenario, APP_PROFILE, plays=2, path=f"/apps/{APP}")
