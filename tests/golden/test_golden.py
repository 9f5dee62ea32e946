"""Every scenario that asks for what the server offers gets the original's answers.

Each is played once; the tests marked `long` play it twice on one database, where what the
first play leaves behind must not show.
"""

import pytest

from tests.golden.choosing import is_offered
from tests.golden.replayer import connection, play
from tests.golden.scenarios import Scenario, load_profiles, load_scenarios

DATABASES = ("sqlite", "postgresql")
PROFILES = load_profiles()
OFFERED = [scenario for scenario in load_scenarios() if is_offered(scenario)]


def is_slow(scenario: Scenario, database: str) -> bool:
    """Return whether a scenario needs more than a server with SQLite that is running anyway."""
    waits = any(step.wait or step.at_second_start for step in scenario.steps)
    # A password is made to take its time.
    hashes = any("password" in str(step.request.json) for step in scenario.steps)
    return database != "sqlite" or scenario.profile != "default" or waits or hashes


ROWS = [
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
    for scenario in OFFERED
]


# Without the scope each test would get a server of its own.
each_scenario = pytest.mark.parametrize(
    ("server_url", "scenario"), ROWS, indirect=["server_url"], scope="session"
)


@each_scenario
def test_the_answers_are_those_of_the_original(server_url: str, scenario: Scenario) -> None:
    """Status, headers and body of every step are as recorded."""
    with connection(server_url) as send:
        faults = play(scenario, PROFILES[scenario.profile], send)

    assert not faults, "\n".join(map(str, faults))


@pytest.mark.long
@each_scenario
def test_a_second_play_gets_the_same_answers(server_url: str, scenario: Scenario) -> None:
    """On one database, which still has what the first play wrote."""
    with connection(server_url) as send:
        for count in ("first", "second"):
            faults = play(scenario, PROFILES[scenario.profile], send)

            assert not faults, "\n".join([f"{count} play", *map(str, faults)])
